/** What a storage controller is made of, and its limits with their defaults. */
import {
  VSTOR_OFFER_IDE,
  VstorOfferProperties,
  IDE_ACCELERATOR_INTERFACE,
  SCSI_CONTROLLER_INTERFACE,
} from '@ringlet/protocols';
import type { OfferDescription } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import type { Disk } from '../../backends/disk/disk.ts';

/** One disk or drive of a controller. */
export interface StorageLun {
  /** The bus, 0 when absent. Linux looks at 0 to 7. */
  readonly path?: number;
  /** 0 when absent. Linux looks at 0 and 1. */
  readonly target?: number;
  /** 0 when absent. */
  readonly lun?: number;
  /** The disk; an optical one is put into a DVD drive. Absent: an empty DVD drive. */
  readonly disk?: Disk;
}

/** Where on the emulated IDE controllers the accelerated disk is. */
export interface IdePlace {
  /** 0 primary, 1 secondary. */
  readonly channel: number;
  /** 0 master, 1 slave. */
  readonly device: number;
}

/** Options of a storage controller. */
export interface StorageOptions {
  /** For people. */
  readonly name?: string;
  /** Which controller this is among several; a GUID. An IDE accelerator's is made from its place. */
  readonly instanceId?: string;
  /** What hangs on it from the beginning; nothing when absent. */
  readonly disks?: readonly StorageLun[];
  /** Makes it an accelerator of one IDE disk, rather than a SCSI controller. */
  readonly ide?: IdePlace;
  /** Subchannels that the guest may open; 7 when absent. */
  readonly maxSubchannels?: number;
  /** Bytes that one request moves at most, a multiple of 4096; 1 MiB when absent. */
  readonly maxTransferBytes?: number;
  /** Requests at one disk at a time; 64 when absent. More wait in the unit's queue. */
  readonly queueDepth?: number;
  /** Number by which units that several controllers share tell their initiators apart. */
  readonly initiator?: number;
}

/** Subchannels of a controller when nothing is said. */
const DEFAULT_SUBCHANNELS = 7;
/** Bytes of a request at most when nothing is said. */
export const DEFAULT_MAX_TRANSFER = 0x10_0000;
/** Requests at a disk when nothing is said. */
export const DEFAULT_QUEUE_DEPTH = 64;

const DEFAULT_INSTANCE = '72696e67-6c65-7453-8353-000000000000';
/** Third group of the instance GUIDs that IDE accelerators have on Hyper-V. */
const IDE_INSTANCE_MARK = 0x8899;

/** The offer of a controller. @throws UserError when the options contradict each other */
export function storageOffer(options: StorageOptions): OfferDescription {
  const { ide, disks = [] } = options;
  const maxTransfer = options.maxTransferBytes ?? DEFAULT_MAX_TRANSFER;
  if (maxTransfer < 4096 || maxTransfer % 4096 !== 0) {
    throw new UserError('bad-max-transfer', `requests of at most ${maxTransfer} bytes are not possible`, {
      hint: 'a multiple of 4096',
    });
  }
  if (ide === undefined) {
    return {
      name: options.name ?? 'scsi',
      interfaceId: SCSI_CONTROLLER_INTERFACE,
      instanceId: options.instanceId ?? DEFAULT_INSTANCE,
      maxSubchannels: options.maxSubchannels ?? DEFAULT_SUBCHANNELS,
    };
  }
  if (ide.channel >> 1 !== 0 || ide.device >> 1 !== 0) {
    throw new UserError('bad-ide-place', `no IDE disk can be at channel ${ide.channel}, device ${ide.device}`, {
      hint: 'channel and device are 0 or 1',
    });
  }
  if (disks.length > 1) throw new UserError('too-many-luns', 'an IDE accelerator serves one disk');
  const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');
  return {
    name: options.name ?? `ide-${ide.channel}-${ide.device}`,
    interfaceId: IDE_ACCELERATOR_INTERFACE,
    // Linux takes the target from the second group.
    instanceId: `${hex(ide.channel, 8)}-${hex(ide.device, 4)}-${hex(IDE_INSTANCE_MARK, 4)}-0000-000000000000`,
    maxSubchannels: 0,
    // Old Windows drivers look here.
    userDefined: VstorOfferProperties.encode({
      pathId: ide.channel,
      targetId: ide.device,
      portNumber: 0,
      flags: VSTOR_OFFER_IDE,
      maxTransferBytes: maxTransfer,
      uniqueId: 0n,
    }),
  };
}
