/**
 * StorageRequest: one EXECUTE_SRB from the ring to its completion packet.
 *
 * Taken from a lane's pool, filled from the packet, given back when answered. Every field is written each time: what an
 * earlier, longer request left behind must not show in a later one.
 */
import {
  DataDirection,
  ScsiRequest,
  ScsiStatus,
  SRB_AUTOSENSE_VALID,
  SrbStatus,
  VSTOR_HEADER_SIZE,
  VSTOR_PACKET_SIZE_WIN7,
  VSTOR_SENSE_SIZE,
  VstorAt,
  VstorOperation,
  writeSense,
} from '@ringlet/protocols';
import { Access, type GuestMemory, PAGE_SIZE, TraceSender } from '@ringlet/microkernel';
import { type Packet, PacketType } from '@ringlet/vmbus';
import { traceData } from './data-trace.ts';
import type { Lane } from './lane.ts';
import type { LunQueue } from './lun-queue.ts';
import { statusOfSrb } from './srb-status.ts';
import { ScsiTask } from './scsi/task.ts';

/** Runs of guest memory that a request has room for at first. */
const INITIAL_RANGES = 9;

/** A request in flight, as plain data. */
export interface SavedRequest {
  /** Index of the channel that it came by, and must be answered on. */
  readonly channel: number;
  /** Transaction id of its packet. */
  readonly transaction: readonly [low: number, high: number];
  /** `PortNumber` of the SCSI request. */
  readonly port: number;
  /** The bus. */
  readonly path: number;
  /** The target on it. */
  readonly target: number;
  /** The logical unit of that target. */
  readonly lun: number;
  /** Bytes of the CDB that count. */
  readonly cdbLength: number;
  /** Direction, as the request has it. */
  readonly dataIn: number;
  /** Bytes of data. */
  readonly transferLength: number;
  /** The command. */
  readonly cdb: readonly number[];
  /** Guest physical runs, in order. */
  readonly ranges: readonly (readonly [gpa: number, length: number])[];
}

/** Why a request could not be started; a short phrase for the log. `undefined`: it can. */
export type Malformation = string | undefined;

/** One request of the pool. */
export class StorageRequest extends ScsiTask {
  /** The channel it came by, and must be answered on. */
  readonly lane: Lane;
  /** The unit's queue it is in; `undefined` when its address has no unit. */
  queue: LunQueue | undefined = undefined;
  /** The next of a waiting queue, or of the pool's free list. */
  next: StorageRequest | undefined = undefined;
  /** In use: between the ring and its answer. */
  active = false;
  /** Of the guest's memory that it uses while it is active. */
  era = 0;
  /** Counts requests of a lane, so that saved ones are issued again in the order they came. */
  sequence = 0;
  /** Clock time it was taken, for the requests whose latency is sampled; else -1. */
  startedAt = -1;

  transactionLow = 0;
  transactionHigh = 0;
  port = 0;
  path = 0;
  target = 0;
  lun = 0;
  cdbLength = 0;
  transferLength = 0;
  /** Overrides the port driver's status that follows from the SCSI status; 0 when it does not. */
  srbStatus = 0;
  /** Overrides the packet's NT status when not 0. */
  packetStatus = 0;

  #rangeCount = 0;
  #rangeGpa = new Float64Array(INITIAL_RANGES);
  #rangeLength = new Float64Array(INITIAL_RANGES);
  readonly #done: (request: StorageRequest) => void;

  constructor(lane: Lane, bytes: Uint8Array, done: (request: StorageRequest) => void) {
    super(bytes);
    this.lane = lane;
    this.#done = done;
  }

  /**
   * Copies a packet's fields, each read once. The packet is an EXECUTE_SRB of at least the older size.
   *
   * @returns what is wrong with its data buffer; the header fields are good to answer with all the same
   */
  take(packet: Packet, memory: GuestMemory, maxTransferBytes: number): Malformation {
    this.begin();
    this.#clear();
    this.transactionLow = packet.transactionLow;
    this.transactionHigh = packet.transactionHigh;
    const address = packet.u32(VstorAt.portNumber);
    this.port = address & 0xff;
    this.path = (address >>> 8) & 0xff;
    this.target = (address >>> 16) & 0xff;
    this.lun = address >>> 24;
    const lengths = packet.u32(VstorAt.cdbLength);
    this.cdbLength = lengths & 0xff;
    this.direction = (lengths >>> 16) & 0xff;
    this.transferLength = packet.u32(VstorAt.dataTransferLength);
    for (let at = 0; at < this.cdb.length; at += 4) {
      const word = packet.u32(VstorAt.cdb + at);
      this.cdb[at] = word;
      this.cdb[at + 1] = word >>> 8;
      this.cdb[at + 2] = word >>> 16;
      this.cdb[at + 3] = word >>> 24;
    }

    const ranges = packet.type === PacketType.GpaDirect ? packet.rangeCount : 0;
    if (ranges > 1) return 'a request with several data ranges';
    const length = this.transferLength;
    if (length === 0) return undefined;
    if (ranges === 0 || packet.rangeLength(0) < length) return 'a data range shorter than its transfer';
    if (length > maxTransferBytes) return 'a transfer longer than was announced';
    this.#takePages(packet, length);
    return this.#translate(memory);
  }

  /** Fills the request from saved data. @returns what is wrong with it. */
  resume(saved: SavedRequest, memory: GuestMemory): Malformation {
    this.begin();
    this.#clear();
    [this.transactionLow, this.transactionHigh] = saved.transaction;
    this.port = saved.port;
    this.path = saved.path;
    this.target = saved.target;
    this.lun = saved.lun;
    this.cdbLength = saved.cdbLength;
    this.direction = saved.dataIn;
    this.transferLength = saved.transferLength;
    this.cdb.set(saved.cdb);
    for (const [gpa, length] of saved.ranges) this.#addRange(gpa, length);
    return this.#translate(memory);
  }

  save(): SavedRequest {
    return {
      channel: this.lane.index,
      transaction: [this.transactionLow, this.transactionHigh],
      port: this.port,
      path: this.path,
      target: this.target,
      lun: this.lun,
      cdbLength: this.cdbLength,
      dataIn: this.direction,
      transferLength: this.transferLength,
      cdb: Array.from(this.cdb),
      ranges: Array.from({ length: this.#rangeCount }, (_, i) => [this.#rangeGpa[i]!, this.#rangeLength[i]!] as const),
    };
  }

  /** Writes the completion packet into `packet`, whose length is the size to answer with. */
  writeCompletion(packet: Uint8Array): void {
    const sensed = this.status === ScsiStatus.CheckCondition && this.sense !== 0;
    const srb = this.srbStatus === 0 ? srbOf(this.status) : this.srbStatus;
    const status = this.packetStatus === 0 ? statusOfSrb(srb) : this.packetStatus;
    packet.fill(0);
    packet[VstorAt.operation] = VstorOperation.CompleteIo;
    putWord(packet, VstorAt.status, status);
    packet[VstorAt.length] = Math.min(packet.length - VSTOR_HEADER_SIZE, ScsiRequest.size);
    packet[VstorAt.srbStatus] = sensed ? srb | SRB_AUTOSENSE_VALID : srb;
    packet[VstorAt.scsiStatus] = this.status;
    packet[VstorAt.portNumber] = this.port;
    packet[VstorAt.pathId] = this.path;
    packet[VstorAt.targetId] = this.target;
    packet[VstorAt.lun] = this.lun;
    packet[VstorAt.cdbLength] = this.cdbLength;
    packet[VstorAt.senseInfoLength] = VSTOR_SENSE_SIZE;
    packet[VstorAt.dataIn] = this.direction;
    putWord(packet, VstorAt.dataTransferLength, this.transferred);
    if (sensed) writeSense(packet, VstorAt.sense, this.sense);
  }

  protected override gave(data: Uint8Array, length: number): void {
    traceData(this.lane.channel.tracing, TraceSender.Root, this, data, length);
  }

  protected override took(data: Uint8Array): void {
    traceData(this.lane.channel.tracing, TraceSender.Guest, this, data, data.length);
  }

  protected override finished(): void {
    this.#done(this);
  }

  #clear(): void {
    this.queue = undefined;
    this.next = undefined;
    this.startedAt = -1;
    this.srbStatus = 0;
    this.packetStatus = 0;
    this.#rangeCount = 0;
  }

  /** Collects the pages of the first `length` bytes of the packet's range into runs of adjacent pages. */
  #takePages(packet: Packet, length: number): void {
    let offset = packet.rangeOffset(0);
    for (let page = 0, left = length; left > 0; page++) {
      const part = Math.min(left, PAGE_SIZE - offset);
      this.#addRange(packet.rangePage(0, page) * PAGE_SIZE + offset, part);
      left -= part;
      offset = 0;
    }
  }

  #addRange(gpa: number, length: number): void {
    const last = this.#rangeCount - 1;
    if (last >= 0 && this.#rangeGpa[last]! + this.#rangeLength[last]! === gpa) {
      this.#rangeLength[last]! += length;
      return;
    }
    if (++this.#rangeCount > this.#rangeGpa.length) this.#grow();
    this.#rangeGpa[last + 1] = gpa;
    this.#rangeLength[last + 1] = length;
  }

  /** Finds the runs in memory, with the access that the direction needs. */
  #translate(memory: GuestMemory): Malformation {
    const access =
      this.direction === DataDirection.In
        ? Access.Write
        : this.direction === DataDirection.Out
          ? Access.Read
          : Access.ReadWrite;
    for (let range = 0; range < this.#rangeCount; range++) {
      const gpa = this.#rangeGpa[range]!;
      const length = this.#rangeLength[range]!;
      const whole = memory.find(gpa, length, access);
      if (whole >= 0) {
        this.addRun(whole, length);
        continue;
      }
      for (let done = 0; done < length;) {
        const part = memory.contiguous(gpa + done, length - done, access);
        const at = part === 0 ? -1 : memory.find(gpa + done, part, access);
        if (at < 0) return 'a data range outside the guest’s memory';
        this.addRun(at, part);
        done += part;
      }
    }
    return undefined;
  }

  #grow(): void {
    const gpas = new Float64Array(this.#rangeGpa.length * 2);
    const lengths = new Float64Array(this.#rangeGpa.length * 2);
    gpas.set(this.#rangeGpa);
    lengths.set(this.#rangeLength);
    this.#rangeGpa = gpas;
    this.#rangeLength = lengths;
  }
}

/** Smallest packet that holds a SCSI request. */
export const SMALLEST_SRB = VSTOR_PACKET_SIZE_WIN7;

function srbOf(status: number): number {
  switch (status) {
    case ScsiStatus.Good:
      return SrbStatus.Success;
    case ScsiStatus.Busy:
    case ScsiStatus.TaskSetFull:
      return SrbStatus.Busy;
    default:
      return SrbStatus.Error;
  }
}

function putWord(data: Uint8Array, at: number, value: number): void {
  data[at] = value;
  data[at + 1] = value >>> 8;
  data[at + 2] = value >>> 16;
  data[at + 3] = value >>> 24;
}
