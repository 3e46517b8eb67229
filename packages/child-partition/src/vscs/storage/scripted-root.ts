/** Scripted root: the other end of the storage driver's channel, which answers what a test tells it to. */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import {
  putBe32,
  ScsiOp,
  ScsiStatus,
  Sense,
  SRB_AUTOSENSE_VALID,
  SrbStatus,
  VSTOR_HEADER_SIZE,
  VstorAt,
  VstorOperation,
  VstorProperties,
  VstorStatus,
  VstorVersion,
  writeSense,
} from '@ringlet/protocols';
import { type Packet, RingChannel } from '@ringlet/vmbus';
import { StorageController } from './storage-controller.ts';
import type { StorageGuest } from './storage-guest.ts';

/** Pages of each ring, header page included. */
export const RING_PAGES = 8;
const PAGES = 256;

/** What the scripted root answers to one SCSI request. */
export interface Reply {
  srb?: number;
  scsi?: number;
  sense?: number;
  data?: number[];
  /** Bytes that it says it moved, when not those of `data`. */
  moved?: number;
}

/** A request that has not been answered yet. */
export interface Held {
  readonly low: number;
  readonly high: number;
}

/** One disk of 1000 sectors at LUN 0 of target 0, unless a test says otherwise. */
export class ScriptedRoot {
  readonly memory = guestMemory();
  readonly driver: StorageController;
  readonly root: RingChannel;
  readonly guest: RingChannel;
  readonly commands: number[][] = [];
  readonly timers: (() => void)[] = [];
  versions: number[] = [VstorVersion.Threshold];
  maxTransferBytes = 65_536;
  flags = 0;
  /** Answers a block command; `undefined` keeps it. */
  io: (cdb: number[]) => Reply | undefined = (cdb) => ({ moved: ((cdb[7]! << 8) | cdb[8]!) * 512 });
  /** Answers any other command. */
  other: (cdb: number[], lun: number, path: number) => Reply = usualAnswers;
  readonly held: Held[] = [];
  working = true;
  #pages = 1;
  #scheduled = false;

  constructor(prepare: (root: ScriptedRoot) => void = () => {}, ringPages = RING_PAGES) {
    const take = (): number[] => Array.from({ length: ringPages }, () => this.#pages++);
    const [toRoot, toGuest] = [take(), take()];
    const end = (incoming: number[], outgoing: number[], initialize: boolean): RingChannel =>
      new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory: this.memory,
        incoming,
        outgoing,
        initialize,
        signal: () => this.#soon(),
        pollSoon: () => this.#soon(),
      });
    this.guest = end(toGuest, toRoot, true);
    this.root = end(toRoot, toGuest, false);
    prepare(this);
    this.root.onPacket((packet) => this.#packet(packet));
    const world: StorageGuest = {
      memory: this.memory,
      pages: { allocate: (count) => (this.#pages += count) - count, free: () => {} },
      after: (_ticks, run) => {
        this.timers.push(run);
        return () => {};
      },
      openSubchannels: () => Promise.resolve([]),
    };
    this.driver = new StorageController(this.guest, world);
    this.guest.onPacket((packet, channel) => this.driver.packet(packet, channel));
  }

  /** A page of the guest's that nobody uses. */
  page(): number {
    return this.#pages++ * PAGE_SIZE;
  }

  /** Lets everything run that can. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }

  /** Answers a request that was kept. */
  answer(held: Held, reply: Reply): void {
    this.root.completeTransaction(held.low, held.high, completion(reply));
    this.root.flush();
  }

  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void Promise.resolve().then(() => {
      this.#scheduled = false;
      if (this.working) while (this.root.poll(64));
      while (this.guest.poll(64));
    });
  }

  #packet(packet: Packet): void {
    const operation = packet.u32(VstorAt.operation);
    if (operation === VstorOperation.ExecuteSrb) return this.#execute(packet);
    const answer = new Uint8Array(64);
    const view = new DataView(answer.buffer);
    view.setUint32(VstorAt.operation, VstorOperation.CompleteIo, true);
    const version = packet.u16(VSTOR_HEADER_SIZE);
    if (operation === VstorOperation.QueryProtocolVersion && !this.versions.includes(version)) {
      view.setUint32(VstorAt.status, VstorStatus.RevisionMismatch, true);
    }
    if (operation === VstorOperation.QueryProperties) {
      const { flags, maxTransferBytes } = this;
      VstorProperties.write(view, VSTOR_HEADER_SIZE, { maxSubchannels: 3, flags, maxTransferBytes });
    }
    this.root.complete(packet, answer);
  }

  #execute(packet: Packet): void {
    const cdb = Array.from({ length: 16 }, (_, i) => packet.u8(VstorAt.cdb + i));
    this.commands.push(cdb);
    const isBlock = cdb[0] === ScsiOp.Read10 || cdb[0] === ScsiOp.Write10 || cdb[0] === ScsiOp.SynchronizeCache10;
    const reply = isBlock ? this.io(cdb) : this.other(cdb, packet.u8(VstorAt.lun), packet.u8(VstorAt.pathId));
    const { transactionLow: low, transactionHigh: high } = packet;
    if (reply === undefined) {
      this.held.push({ low, high });
      return;
    }
    if (reply.data && packet.rangeCount > 0) {
      const room = packet.rangeLength(0);
      const at = packet.rangePage(0, 0) * PAGE_SIZE + packet.rangeOffset(0);
      reply.data = reply.data.slice(0, room);
      this.memory.write(at, Uint8Array.from(reply.data));
    }
    this.root.completeTransaction(low, high, completion(reply));
  }
}

function completion({ srb, scsi = ScsiStatus.Good, sense = 0, data, moved }: Reply): Uint8Array {
  const answer = new Uint8Array(64);
  const view = new DataView(answer.buffer);
  view.setUint32(VstorAt.operation, VstorOperation.CompleteIo, true);
  const fallback = sense === 0 ? SrbStatus.Success : SrbStatus.Error | SRB_AUTOSENSE_VALID;
  answer[VstorAt.srbStatus] = srb ?? fallback;
  answer[VstorAt.scsiStatus] = sense === 0 ? scsi : ScsiStatus.CheckCondition;
  view.setUint32(VstorAt.dataTransferLength, moved ?? data?.length ?? 0, true);
  if (sense !== 0) writeSense(answer, VstorAt.sense, sense);
  return answer;
}

/** What a root with one disk at LUN 0 of path 0 answers. */
export function usualAnswers(cdb: number[], lun: number, path: number): Reply {
  switch (cdb[0]) {
    case ScsiOp.Inquiry: {
      const data = Array.from({ length: 36 }, () => 0x20);
      data[0] = path === 0 && lun === 0 ? 0 : 0x7f;
      return (cdb[1]! & 1) === 0 ? { data } : { sense: Sense.InvalidFieldInCdb };
    }
    case ScsiOp.ReportLuns:
      return {
        data: path === 0 ? [0, 0, 0, 8, ...Array.from({ length: 12 }, () => 0)] : Array.from({ length: 8 }, () => 0),
      };
    case ScsiOp.ServiceActionIn16:
      return { sense: Sense.InvalidOperationCode };
    case ScsiOp.ReadCapacity10: {
      const data = new Uint8Array(8);
      putBe32(data, 0, 999);
      putBe32(data, 4, 512);
      return { data: Array.from(data) };
    }
    default:
      return {};
  }
}

function guestMemory(): GuestMemory {
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(PAGES * PAGE_SIZE + Slat.tableBytes(PAGES)) });
  const slat = new Slat(node, PAGES * PAGE_SIZE, PAGES);
  for (let page = 0; page < PAGES; page++) slat.map(page, page, Access.ReadWrite);
  return new GuestMemory(node, slat);
}
