/**
 * StorageController: the driver of a synthetic SCSI controller (vstor), as Linux's `hv_storvsc` speaks it.
 *
 *     const storage = await guest.open(StorageController);
 *     const [disk] = await storage.ready;
 *     await disk.readInto(0, sector);
 *
 * It negotiates, looks at all units, and looks again when the root says that they changed.
 */
import {
  IDE_ACCELERATOR_INTERFACE,
  SCSI_CONTROLLER_INTERFACE,
  VSTOR_HEADER_SIZE,
  VSTOR_MULTI_CHANNEL,
  VSTOR_PACKET_SIZE,
  VstorHeader,
  VstorOperation,
  VstorProperties,
  VstorProtocolVersion,
  VstorStatus,
  VstorSubchannelCount,
  VstorVersion,
} from '@ringlet/protocols';
import { type Channel, type Packet, PacketType } from '@ringlet/vmbus';
import { type Observable, Subject } from 'rxjs';
import { BlockDevice, type UnitDescription } from './block-device.ts';
import { BlockRequests } from './block-requests.ts';
import { RequestLanes } from './request-lanes.ts';
import { BlockStatus, StorageError } from './storage-error.ts';
import type { StorageGuest } from './storage-guest.ts';
import { UnitCommands } from './unit-commands.ts';
import { probeUnits } from './unit-probe.ts';

/** Something about a controller's units is different now. */
export interface StorageChange {
  /** `changed`: another size, another medium, or write protection. */
  readonly kind: 'added' | 'removed' | 'changed';
  /** The disk that it is about; of one that was removed, requests fail. */
  readonly device: BlockDevice;
}

/** Versions, the newest first, that are asked for. */
const VERSIONS = [VstorVersion.Threshold, VstorVersion.Blue, VstorVersion.Win8];
/** Control transactions are numbered beyond any slot. */
const FIRST_CONTROL = 0x1_0000;
/** A storage controller and its disks. */
export class StorageController {
  /** The class of synthetic SCSI controllers. */
  static readonly interfaceId: string = SCSI_CONTROLLER_INTERFACE;
  /** 128 KiB each way, as Linux has it. */
  static readonly ringPages: number = 32;

  /** The devices found at first. Rejects when the controller refuses all versions, or its channel closes. */
  readonly ready: Promise<BlockDevice[]>;
  /** Devices that came, went or changed after that. */
  readonly changes$: Observable<StorageChange>;

  readonly #changes = new Subject<StorageChange>();
  readonly #guest: StorageGuest;
  readonly #lanes: RequestLanes;
  readonly #requests: BlockRequests;
  readonly #controls = new Map<number, (answer: Uint8Array | undefined) => void>();
  #nextControl = FIRST_CONTROL;
  #devices: BlockDevice[] = [];
  #scanning: Promise<void> | undefined;
  #scanAgain = false;
  #closed = false;
  #version = 0;
  #maxSubchannels = 0;
  #commands: UnitCommands | undefined;
  #commandPage = -1;

  constructor(channel: Channel, guest: StorageGuest) {
    this.#guest = guest;
    this.changes$ = this.#changes.asObservable();
    this.#lanes = new RequestLanes(guest, () => void this.rescan());
    this.#requests = new BlockRequests(this.#lanes);
    this.#lanes.add(channel);
    this.ready = this.#start();
    // Who does not look at `ready` is not to be ended by its rejection: `disks()` is empty then.
    this.ready.catch(() => {});
  }

  /** Protocol version in use; 0 until it is negotiated. */
  get version(): number {
    return this.#version;
  }

  /** Bytes that one request may move. */
  get maxTransferBytes(): number {
    return this.#lanes.maxTransferBytes;
  }

  /** Channels in use. */
  get channels(): number {
    return this.#lanes.count;
  }

  /** The devices there are now, discs and disks. */
  disks(): BlockDevice[] {
    return [...this.#devices];
  }

  /**
   * Opens subchannels, over which requests are spread from then on.
   *
   * @param count - how many channels more; fewer are opened when the controller offers fewer
   * @returns how many are in use, the first one included
   */
  async openChannels(count: number): Promise<number> {
    const primary = this.#lanes.primary;
    const open = this.#lanes.count - 1;
    const wanted = Math.min(count, this.#maxSubchannels - open);
    if (wanted <= 0 || primary === undefined) return this.#lanes.count;
    const body = VstorSubchannelCount.encode({ count: open + wanted });
    checked('creating subchannels', await this.#control(VstorOperation.CreateSubChannels, body));
    for (const channel of await this.#guest.openSubchannels(primary, wanted)) {
      const lane = this.#lanes.add(channel);
      channel.onPacket((packet) => {
        if (packet.type === PacketType.Completion) lane.completed(packet);
      });
      channel.state$.subscribe((state) => {
        if (state !== 'open') this.#lanes.drop(lane);
      });
    }
    return this.#lanes.count;
  }

  /** Looks at all units again; changes are told by {@link changes$}. */
  async rescan(): Promise<void> {
    this.#scanAgain = true;
    this.#scanning ??= this.#scanWhileAsked();
    await this.#scanning;
  }

  // The guest runtime's.

  /** For the channel: completions, and what the controller says unasked. */
  packet(packet: Packet, channel: Channel): void {
    if (packet.type !== PacketType.Completion) return this.#told(packet);
    if (packet.transactionLow < FIRST_CONTROL) return this.#lanes.of(channel)?.completed(packet);
    const control = this.#controls.get(packet.transactionLow);
    this.#controls.delete(packet.transactionLow);
    control?.(packet.payload());
  }

  /** For the channel: every request that was under way fails, and the disks are gone. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const control of this.#controls.values()) control(undefined);
    this.#controls.clear();
    this.#remove(this.#devices.splice(0));
    this.#lanes.close();
    if (this.#commandPage >= 0) this.#guest.pages.free(this.#commandPage, 1);
    this.#commandPage = -1;
    this.#changes.complete();
  }

  /** Buses that are looked at. */
  protected get paths(): number {
    return 8;
  }

  async #start(): Promise<BlockDevice[]> {
    checked('initialization', await this.#control(VstorOperation.BeginInitialization));
    for (const version of VERSIONS) {
      const asked = VstorProtocolVersion.encode({ version, revision: 0 });
      const answer = await this.#control(VstorOperation.QueryProtocolVersion, asked);
      if (answer === undefined) throw new StorageError('negotiation', BlockStatus.Gone);
      if (statusOfAnswer(answer) !== VstorStatus.Success) continue;
      this.#version = version;
      break;
    }
    if (this.#version === 0) throw new StorageError('negotiation', BlockStatus.Failed);
    const properties = VstorProperties.decode(
      checked('properties', await this.#control(VstorOperation.QueryProperties)).subarray(VSTOR_HEADER_SIZE),
    );
    if (properties === undefined) throw new StorageError('properties', BlockStatus.Failed);
    this.#lanes.limitTransfers(properties.maxTransferBytes);
    this.#maxSubchannels = (properties.flags & VSTOR_MULTI_CHANNEL) !== 0 ? properties.maxSubchannels : 0;
    checked('end of initialization', await this.#control(VstorOperation.EndInitialization));

    this.#commandPage = this.#guest.pages.allocate(1);
    if (this.#commandPage < 0) throw new RangeError('the guest has no free page');
    this.#commands = new UnitCommands(this.#lanes, this.#commandPage);
    await this.rescan();
    if (this.#closed) throw new StorageError('looking at the units', BlockStatus.Gone);
    return this.disks();
  }

  /** Sends one packet that is not about I/O. @returns the answer, or `undefined` when the channel closed */
  #control(operation: number, body: Uint8Array = new Uint8Array(0)): Promise<Uint8Array | undefined> {
    const { primary } = this.#lanes;
    if (primary === undefined) return Promise.resolve(undefined);
    const packet = new Uint8Array(VSTOR_PACKET_SIZE);
    VstorHeader.write(new DataView(packet.buffer), 0, { operation, flags: 1, status: 0 });
    packet.set(body, VSTOR_HEADER_SIZE);
    return new Promise((resolve) => {
      const id = this.#nextControl++;
      this.#controls.set(id, resolve);
      primary.whenRoom(packet.length, () => {
        primary.request(packet, id, 0);
        primary.flush();
      });
    });
  }

  /** The root says something on its own. */
  #told(packet: Packet): void {
    const operation = packet.u32(VstorHeader.at.operation);
    const changed = operation === VstorOperation.EnumerateBus || operation === VstorOperation.RemoveDevice;
    if (changed && this.#commands !== undefined) void this.rescan();
  }

  async #scanWhileAsked(): Promise<void> {
    while (this.#scanAgain && !this.#closed && this.#commands !== undefined) {
      this.#scanAgain = false;
      const found = await probeUnits(this.#commands, this.paths);
      if (!this.#closed) this.#compare(found);
    }
    this.#scanning = undefined;
  }

  /** Makes the devices those that were found, and tells what is different. */
  #compare(found: readonly UnitDescription[]): void {
    const before = this.#devices;
    const changes: StorageChange[] = [];
    this.#devices = found.map((unit) => {
      const known = before.find((device) => isSame(device.description, unit));
      if (known === undefined) {
        const device = new BlockDevice(this.#requests, unit);
        changes.push({ kind: 'added', device });
        return device;
      }
      const differs = known.readOnly !== unit.readOnly || known.sectorSize !== unit.sectorSize;
      if (known.update(unit) || differs) changes.push({ kind: 'changed', device: known });
      return known;
    });
    this.#remove(before.filter((device) => !this.#devices.includes(device)));
    for (const change of changes) this.#changes.next(change);
  }

  #remove(devices: readonly BlockDevice[]): void {
    for (const device of devices) {
      device.remove();
      this.#changes.next({ kind: 'removed', device });
    }
  }
}

/** The driver of an accelerated IDE disk: the same protocol, one unit, on whichever of two targets. */
export class IdeController extends StorageController {
  /** The class of accelerated IDE disks. */
  static override readonly interfaceId: string = IDE_ACCELERATOR_INTERFACE;

  protected override get paths(): number {
    return 1;
  }
}

function isSame(known: UnitDescription, found: UnitDescription): boolean {
  const { path, target, lun } = known.address;
  const here = found.address.path === path && found.address.target === target && found.address.lun === lun;
  return here && known.serial === found.serial && known.optical === found.optical;
}

const statusOfAnswer = (answer: Uint8Array): number => VstorHeader.decode(answer)?.status ?? VstorStatus.IoDeviceError;

function checked(what: string, answer: Uint8Array | undefined): Uint8Array {
  if (answer === undefined) throw new StorageError(what, BlockStatus.Gone);
  if (statusOfAnswer(answer) !== VstorStatus.Success) throw new StorageError(what, BlockStatus.Failed);
  return answer;
}
