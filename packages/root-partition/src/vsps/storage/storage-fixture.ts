/**
 * Storage fixture: a disk in memory, and a guest's hands on a controller over real rings, for tests.
 *
 *     page 0..15     outgoing ring of the primary channel    16..31  incoming
 *     page 32..47    outgoing ring of subchannel 1           48..63  incoming
 *     page 64..      memory for data
 */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import {
  DataDirection,
  readSense,
  ScsiRequest,
  SRB_AUTOSENSE_VALID,
  SRB_STATUS_MASK,
  VSTOR_PACKET_SIZE,
  VstorAt,
  VstorHeader,
  VstorOperation,
  VstorProtocolVersion,
  VstorVersion,
} from '@ringlet/protocols';
import { type DeviceWorld, PacketType, RingChannel } from '@ringlet/vmbus';
import { invariant } from '@ringlet/wire';
import { type Disk, DiskOperation, type DiskRequest, DiskStatus } from '../../backends/disk/disk.ts';
import { StorageVsp } from './storage-vsp.ts';
import type { StorageOptions } from './storage-options.ts';

const RING_PAGES = 16;
/** First page that no ring uses. */
export const DATA_PAGE = 4 * RING_PAGES;
/** Guest physical address of the first byte that no ring uses. */
export const DATA_GPA = DATA_PAGE * PAGE_SIZE;
const GUEST_PAGES = 512;

/** A disk in memory that checks what it is asked, and answers at once, later, or with an error. */
export class TestDisk implements Disk {
  readonly kind = 'test';
  readonly sectorSize: number;
  readonly physicalSectorSize: number;
  readonly readOnly: boolean;
  readonly id: Uint8Array;
  readonly unmapGranularity: number;
  readonly unmapReadsZero = true;
  readonly optical: boolean;
  sectorCount: number;
  /** The disk's bytes. */
  content: Uint8Array;
  /** Keeps requests until {@link release}. */
  holding = false;
  /** Answers with this instead of doing anything, when not Ok. */
  failing: number = DiskStatus.Ok;
  readonly held: DiskRequest[] = [];
  readonly log: { operation: number; sector: number; count: number; forceUnitAccess: boolean }[] = [];
  closed = false;
  #changed = (): void => {};

  constructor(
    options: {
      sectors?: number;
      sectorSize?: number;
      readOnly?: boolean;
      optical?: boolean;
      unmaps?: boolean;
      id?: number;
    } = {},
  ) {
    this.sectorSize = options.sectorSize ?? 512;
    this.physicalSectorSize = Math.max(4096, this.sectorSize);
    this.sectorCount = options.sectors ?? 2048;
    this.readOnly = options.readOnly ?? false;
    this.optical = options.optical ?? false;
    this.unmapGranularity = (options.unmaps ?? true) ? 8 : 0;
    this.id = new Uint8Array(16).fill(options.id ?? 0x11);
    this.content = new Uint8Array(this.sectorCount * this.sectorSize);
  }

  submit(request: DiskRequest): void {
    const { operation, sector, count, forceUnitAccess } = request;
    this.log.push({ operation, sector, count, forceUnitAccess });
    if (this.holding) this.held.push(request);
    else request.complete(this.#run(request));
  }

  /** Answers what was kept, the newest first when `reversed`. */
  release(reversed = false): void {
    const held = this.held.splice(0);
    for (const request of reversed ? held.toReversed() : held) request.complete(this.#run(request));
  }

  onResize(changed: () => void): void {
    this.#changed = changed;
  }

  setSize(sectors: number): void {
    const content = new Uint8Array(sectors * this.sectorSize);
    content.set(this.content.subarray(0, content.length));
    this.content = content;
    this.sectorCount = sectors;
    this.#changed();
  }

  inspect(): Record<string, unknown> {
    return { kind: this.kind, sectors: this.sectorCount };
  }

  close(done: (status: number) => void): void {
    this.closed = true;
    done(DiskStatus.Ok);
  }

  #run(request: DiskRequest): number {
    if (this.failing !== DiskStatus.Ok) return this.failing;
    const { operation, sector, count } = request;
    if (operation === DiskOperation.Flush) return DiskStatus.Ok;
    invariant(sector >= 0 && sector + count <= this.sectorCount, 'a request lies inside the disk');
    const from = sector * this.sectorSize;
    const length = count * this.sectorSize;
    if (operation === DiskOperation.Unmap || operation === DiskOperation.WriteZeroes) {
      this.content.fill(0, from, from + length);
      return DiskStatus.Ok;
    }
    let at = from;
    for (let run = 0; run < request.runCount; run++) {
      const offset = request.runOffset[run]!;
      const memory = request.bytes.subarray(offset, offset + request.runLength[run]!);
      if (operation === DiskOperation.Read) memory.set(this.content.subarray(at, at + memory.length));
      else this.content.set(memory, at);
      at += memory.length;
    }
    invariant(at === from + length, 'the runs hold exactly the sectors');
    return DiskStatus.Ok;
  }
}

/** An answer as a guest reads it. */
export interface Answer {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly operation: number;
  readonly status: number;
  /** Without flag bits. */
  readonly srbStatus: number;
  readonly scsiStatus: number;
  /** `key << 16 | code << 8 | qualifier`, 0 when the sense bytes are not valid. */
  readonly sense: number;
  readonly length: number;
}

/** A SCSI request as a guest makes it; LUN 0 of target 0 unless it says otherwise. */
export interface GuestRequest {
  readonly cdb: readonly number[];
  readonly path?: number;
  readonly target?: number;
  readonly lun?: number;
  readonly dataIn?: number;
  /** Where the data lies; absent: {@link DATA_GPA}. */
  readonly gpa?: number;
  /** Bytes of data; absent or 0: none. */
  readonly length?: number;
  /** Bytes of the range, when not the same. */
  readonly rangeLength?: number;
  readonly packetSize?: number;
}

/** One channel, both ends of it. */
export interface Line {
  readonly guest: RingChannel;
  readonly root: RingChannel;
  /** What the guest read since it was last asked. */
  readonly answers: Answer[];
  /** What came without being asked for. */
  readonly unasked: Uint8Array[];
}

/** Guest memory, rings, a world and a controller. */
export class StorageBench {
  readonly memory = guestMemory();
  readonly vsp: StorageVsp;
  readonly guestErrors: string[] = [];
  readonly lines: Line[] = [];
  /** Counts of subchannels that the controller offered. */
  readonly offered: number[] = [];
  now = 0;
  #id = 0;

  constructor(options: StorageOptions = {}) {
    this.vsp = new StorageVsp(this.world, options);
    this.vsp.attached({ offerSubchannels: (count) => void this.offered.push(count), gpadl: () => undefined });
  }

  get world(): DeviceWorld {
    return {
      memory: this.memory,
      clock: { now: () => this.now },
      log: { guestError: (what) => void this.guestErrors.push(what), info: () => {} },
      after: () => () => {},
    };
  }

  /** Opens the primary channel, or subchannel 1. @returns undefined when the controller refuses */
  open(index: 0 | 1 = 0, ringPages = RING_PAGES): Line | undefined {
    const first = index * 2 * RING_PAGES;
    const pages = (from: number): number[] => Array.from({ length: ringPages }, (_, i) => from + i);
    const end = (incoming: number, outgoing: number, initialize: boolean): RingChannel =>
      new RingChannel({
        relid: 1 + index,
        subchannelIndex: index,
        userData: new Uint8Array(120),
        memory: this.memory,
        incoming: pages(incoming),
        outgoing: pages(outgoing),
        initialize,
        signal: () => {},
        // The test decides when either end works.
        pollSoon: () => {},
      });
    const guest = end(first + RING_PAGES, first, true);
    const root = end(first, first + RING_PAGES, false);
    const line: Line = { guest, root, answers: [], unasked: [] };
    guest.onPacket((packet) => {
      const bytes = packet.payload();
      if (packet.type === PacketType.Completion) line.answers.push(readAnswer(packet.transactionLow, bytes));
      else line.unasked.push(bytes);
    });
    if (this.vsp.opened(root) === false) return undefined;
    root.onPacket((packet, channel) => this.vsp.packet(packet, channel));
    this.lines[index] = line;
    return line;
  }

  /** Opens the primary channel and negotiates a version. */
  openReady(version: number = VstorVersion.Threshold): Line {
    const line = this.open()!;
    this.control(VstorOperation.BeginInitialization);
    this.control(VstorOperation.QueryProtocolVersion, VstorProtocolVersion.encode({ version, revision: 0 }));
    this.control(VstorOperation.QueryProperties);
    this.control(VstorOperation.EndInitialization);
    return line;
  }

  /** Lets both ends work until nothing moves. */
  settle(): void {
    for (let round = 0; round < 4; round++) {
      for (const { root, guest } of this.lines) {
        while (root.poll(64));
        while (guest.poll(64));
      }
    }
  }

  /** Sends a packet that is not about I/O. @returns its answer */
  control(operation: number, body: Uint8Array = new Uint8Array(0), index = 0, size = VSTOR_PACKET_SIZE): Answer {
    const id = this.post(operation, body, index, size);
    this.settle();
    return this.take(id, index)!;
  }

  /** Sends such a packet without waiting. @returns its transaction id */
  post(operation: number, body: Uint8Array = new Uint8Array(0), index = 0, size = VSTOR_PACKET_SIZE): number {
    const packet = new Uint8Array(size);
    VstorHeader.write(new DataView(packet.buffer), 0, { operation, flags: 1, status: 0 });
    packet.set(body, VSTOR_HEADER);
    const id = ++this.#id;
    invariant(this.lines[index]!.guest.request(packet, id, 0), 'the ring has room');
    this.lines[index]!.guest.flush();
    return id;
  }

  /** Sends a SCSI request and lets it be answered. */
  run(request: GuestRequest, index = 0): Answer {
    const id = this.send(request, index);
    this.settle();
    return this.take(id, index)!;
  }

  /** Sends a SCSI request. @returns its transaction id; -1 when the ring is full */
  send(request: GuestRequest, index = 0): number {
    const length = request.length ?? 0;
    const packet = scsiPacket(request);
    const id = ++this.#id;
    const { guest } = this.lines[index]!;
    const gpa = request.gpa ?? DATA_GPA;
    const range = request.rangeLength ?? length;
    const pages = Array.from(
      { length: Math.ceil(((gpa % 4096) + range) / 4096) },
      (_, i) => Math.floor(gpa / 4096) + i,
    );
    const sent =
      range === 0 ? guest.request(packet, id, 0) : guest.requestDirect(packet, pages, gpa % 4096, range, id, 0);
    guest.flush();
    return sent ? id : -1;
  }

  /** The answer to a request, when it has come. */
  take(id: number, index = 0): Answer | undefined {
    const { answers } = this.lines[index]!;
    const at = answers.findIndex((answer) => answer.id === id);
    return at < 0 ? undefined : answers.splice(at, 1)[0];
  }

  /** The guest's data memory, a private copy. */
  data(length: number, gpa = DATA_GPA): Uint8Array {
    const copy = new Uint8Array(length);
    this.memory.read(gpa, copy);
    return copy;
  }
}

const VSTOR_HEADER = VstorAt.payload;

/** A vstor packet that carries a SCSI request. */
export function scsiPacket(request: GuestRequest): Uint8Array {
  const packet = new Uint8Array(VSTOR_PACKET_SIZE);
  const view = new DataView(packet.buffer);
  VstorHeader.write(view, 0, { operation: VstorOperation.ExecuteSrb, flags: 1, status: 0 });
  const length = request.length ?? 0;
  ScsiRequest.write(view, VstorAt.payload, {
    length: ScsiRequest.size,
    srbStatus: 0,
    scsiStatus: 0,
    portNumber: 3,
    pathId: request.path ?? 0,
    targetId: request.target ?? 0,
    lun: request.lun ?? 0,
    cdbLength: request.cdb.length,
    senseInfoLength: 20,
    dataIn: request.dataIn ?? (length === 0 ? DataDirection.Unknown : DataDirection.In),
    dataTransferLength: length,
    cdbOrSense: Uint8Array.from(request.cdb),
    queueTag: 0xff,
    queueAction: 0x20,
    srbFlags: 0x10a,
    timeOutValue: 60,
    queueSortKey: 0,
  });
  return packet.subarray(0, request.packetSize ?? VSTOR_PACKET_SIZE);
}

function readAnswer(id: number, bytes: Uint8Array): Answer {
  const view = new DataView(bytes.buffer);
  const srb = bytes[VstorAt.srbStatus]!;
  return {
    id,
    bytes,
    operation: view.getUint32(VstorAt.operation, true),
    status: view.getUint32(VstorAt.status, true),
    srbStatus: srb & SRB_STATUS_MASK,
    scsiStatus: bytes[VstorAt.scsiStatus]!,
    sense: (srb & SRB_AUTOSENSE_VALID) === 0 ? 0 : readSense(bytes, VstorAt.sense),
    length: view.getUint32(VstorAt.dataTransferLength, true),
  };
}

function guestMemory(): GuestMemory {
  const node = new MemoryNode({
    id: 0,
    buffer: new SharedArrayBuffer(GUEST_PAGES * PAGE_SIZE + Slat.tableBytes(GUEST_PAGES)),
  });
  const slat = new Slat(node, GUEST_PAGES * PAGE_SIZE, GUEST_PAGES);
  // The last page is read-only, the one before it is missing.
  for (let page = 0; page < GUEST_PAGES; page++) {
    if (page === GUEST_PAGES - 2) continue;
    slat.map(page, page, page === GUEST_PAGES - 1 ? Access.Read : Access.ReadWrite);
  }
  return new GuestMemory(node, slat);
}

/** A page that the guest may only read. */
export const READ_ONLY_GPA = (GUEST_PAGES - 1) * PAGE_SIZE;
/** A page that is not there. */
export const MISSING_GPA = (GUEST_PAGES - 2) * PAGE_SIZE;

/** A request's packet, and two pages for its data that are not adjacent. */
export function scattered(request: GuestRequest): { packet: Uint8Array; pages: number[] } {
  return { packet: scsiPacket(request), pages: [DATA_PAGE + 9, DATA_PAGE + 3] };
}
