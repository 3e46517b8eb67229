/**
 * Slot: a place for one request in flight, with its packet ready made. A lane has a fixed number of them; a request
 * fills in a few bytes and allocates nothing.
 */
import {
  CDB_SIZE,
  DataDirection,
  ScsiRequest,
  VSTOR_PACKET_SIZE,
  VSTOR_SENSE_SIZE,
  VstorAt,
  VstorHeader,
  VstorOperation,
} from '@ringlet/protocols';

/** Where a unit is on its controller. */
export interface UnitAddress {
  /** The bus of the controller; 0 with Hyper-V's. */
  readonly path: number;
  /** The target on that bus: 0 or 1. */
  readonly target: number;
  /** The logical unit of that target, 0 to 63. */
  readonly lun: number;
}

/** Who is told that a slot's request has ended, and must give the slot back to its lane. */
export interface SlotOwner {
  /** The slot's fields hold the outcome. */
  ended(slot: Slot, lane: SlotKeeper): void;
}

/** Where slots come from. */
export interface SlotKeeper {
  release(slot: Slot): void;
}

/** Not on a tape or a slow bus: waits are the device's business. Linux sends 60, and ignores it too. */
const TIME_OUT_SECONDS = 60;
/** No queue freeze, queue action enabled, no synchronous-transfer negotiation. */
const SRB_FLAGS = 0x10a;
const SRB_DATA_IN = 0x40;
const SRB_DATA_OUT = 0x80;
const SIMPLE_TAG = 0x20;
const ANY_TAG = 0xff;

/** One request in flight. */
export class Slot {
  /** Its number in the lane. */
  readonly index: number;
  /** The whole vstor packet. */
  readonly packet = new Uint8Array(VSTOR_PACKET_SIZE);
  /** The CDB inside the packet. */
  readonly cdb = this.packet.subarray(VstorAt.cdb, VstorAt.cdb + CDB_SIZE);
  /** Counts uses: an answer to an earlier use is not mistaken for one to this. */
  generation = 0;
  busy = false;
  next: Slot | undefined = undefined;

  owner: SlotOwner | undefined = undefined;
  /** The owner's: whom it tells, and what of. */
  callback: ((status: number, tag: number) => void) | undefined = undefined;
  tag = 0;
  retries = 0;

  /** The data buffer: page numbers and an offset in the first, or no pages and a guest physical address. */
  pages: ArrayLike<number> | undefined = undefined;
  offset = 0;
  length = 0;

  /** Outcome. */
  srbStatus = 0;
  scsiStatus = 0;
  transferred = 0;
  sense = 0;

  readonly #view = new DataView(this.packet.buffer);

  constructor(index: number) {
    this.index = index;
    VstorHeader.write(this.#view, 0, { operation: VstorOperation.ExecuteSrb, flags: 1, status: 0 });
    ScsiRequest.write(this.#view, VstorAt.payload, {
      length: ScsiRequest.size,
      srbStatus: 0,
      scsiStatus: 0,
      portNumber: 0,
      pathId: 0,
      targetId: 0,
      lun: 0,
      cdbLength: 0,
      senseInfoLength: VSTOR_SENSE_SIZE,
      dataIn: DataDirection.Unknown,
      dataTransferLength: 0,
      cdbOrSense: new Uint8Array(0),
      queueTag: ANY_TAG,
      queueAction: SIMPLE_TAG,
      srbFlags: 0,
      timeOutValue: TIME_OUT_SECONDS,
      queueSortKey: 0,
    });
  }

  /** Addresses the packet; the CDB is the caller's to fill. */
  prepare(address: UnitAddress, cdbLength: number, direction: number, length: number): void {
    const { packet } = this;
    packet[VstorAt.pathId] = address.path;
    packet[VstorAt.targetId] = address.target;
    packet[VstorAt.lun] = address.lun;
    packet[VstorAt.cdbLength] = cdbLength;
    packet[VstorAt.dataIn] = direction;
    this.#view.setUint32(VstorAt.dataTransferLength, length, true);
    const data = direction === DataDirection.In ? SRB_DATA_IN : direction === DataDirection.Out ? SRB_DATA_OUT : 0;
    this.#view.setUint32(VstorAt.payload + ScsiRequest.at.srbFlags, SRB_FLAGS | data, true);
    this.length = length;
    this.retries = 0;
  }
}
