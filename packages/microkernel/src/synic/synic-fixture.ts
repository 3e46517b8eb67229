/**
 * Test rig for the SynIC: two partitions of two virtual processors each, on one node, with the smallest possible
 * microkernel around them. A second thread attaches to the same buffers.
 */
import { invariant } from '@ringlet/wire';
import { GuestMemory } from '../memory/guest-memory.ts';
import { MemoryNode, PAGE_SIZE } from '../memory/node.ts';
import { Access, Slat } from '../memory/slat.ts';
import type { SynicHost } from './host.ts';
import { PORT_WORDS, Ports, VP_SYNIC_WORDS, VpSynic } from './index.ts';

/** Guest pages of each partition; all are mapped. */
export const GUEST_PAGES = 16;
/** Guest physical addresses that {@link Guest.listen} uses. */
export const MESSAGE_PAGE = 0x3000;
export const EVENT_PAGE = 0x4000;
/** MSRs that tests name. */
export const Msr = {
  Scontrol: 0x4000_0080,
  Sversion: 0x4000_0081,
  Siefp: 0x4000_0082,
  Simp: 0x4000_0083,
  Eom: 0x4000_0084,
  Sint0: 0x4000_0090,
  TimerConfig0: 0x4000_00b0,
  TimerCount0: 0x4000_00b1,
} as const;
/** SINT and vector that VMBus uses. */
export const SINT = 2;
export const VECTOR = 0xf3;

const PARTITIONS = 2;
const VPS = 2;
const REGIONS = PARTITIONS * VPS;
const DOORBELLS = 0;
const REGIONS_AT = REGIONS;
const PORTS_AT = REGIONS_AT + REGIONS * VP_SYNIC_WORDS;

/** What another thread needs to attach. */
export interface RigBuffers {
  readonly state: SharedArrayBuffer;
  readonly node: SharedArrayBuffer;
}

/** One thread's smallest microkernel. Partitions are 1 and 2, VPs 0 and 1. */
export class Rig implements SynicHost {
  readonly buffers: RigBuffers;
  readonly words: Int32Array;
  readonly ports: Ports;
  /** What the clock says. */
  time = 0;
  readonly clock = { now: (): number => this.time };
  /** Vectors raised by this thread, as `partition/vp:vector`, in order. */
  readonly raised: string[] = [];
  /** VPs that do not exist, as `partition/vp`. */
  readonly offline = new Set<string>();
  readonly tables: Slat[] = [];
  readonly #memories: GuestMemory[] = [];

  constructor(buffers?: RigBuffers) {
    this.buffers = buffers ?? {
      state: new SharedArrayBuffer((PORTS_AT + PORT_WORDS) * 4),
      node: new SharedArrayBuffer(PARTITIONS * (GUEST_PAGES + 1) * PAGE_SIZE),
    };
    this.words = new Int32Array(this.buffers.state);
    this.ports = new Ports(this, PORTS_AT);
    const node = new MemoryNode({ id: 0, buffer: this.buffers.node });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const slat = new Slat(node, partition * PAGE_SIZE, GUEST_PAGES);
      this.tables.push(slat);
      this.#memories.push(new GuestMemory(node, slat));
      if (buffers !== undefined) continue;
      for (let page = 0; page < GUEST_PAGES; page++) {
        slat.map(page, PARTITIONS + partition * GUEST_PAGES + page, Access.All);
      }
    }
    if (buffers === undefined) for (const p of [1, 2]) for (const v of [0, 1]) this.synic(p, v).reset();
  }

  vpRegion(partition: number, vp: number): number {
    if (vp >= VPS || this.offline.has(`${partition}/${vp}`)) return -1;
    return REGIONS_AT + regionIndex(partition, vp) * VP_SYNIC_WORDS;
  }

  raise(partition: number, vp: number, vector: number): void {
    this.raised.push(`${partition}/${vp}:${vector.toString(16)}`);
  }

  wake(partition: number, vp: number): void {
    Atomics.add(this.words, DOORBELLS + regionIndex(partition, vp), 1);
    Atomics.notify(this.words, DOORBELLS + regionIndex(partition, vp));
  }

  /** How often the VP's doorbell was rung. */
  rings(partition: number, vp: number): number {
    return Atomics.load(this.words, DOORBELLS + regionIndex(partition, vp));
  }

  /** Sleeps until the doorbell is rung beyond `seen`, at most `most` ms. @returns whether it was. */
  sleep(partition: number, vp: number, seen: number, most: number): boolean {
    return Atomics.wait(this.words, DOORBELLS + regionIndex(partition, vp), seen, most) !== 'timed-out';
  }

  memory(partition: number): GuestMemory {
    return this.#memories[partition - 1]!;
  }

  timeOrigin(): number {
    return 0;
  }

  synic(partition: number, vp: number): VpSynic {
    return new VpSynic(this, partition, vp, this.vpRegion(partition, vp));
  }
}

const regionIndex = (partition: number, vp: number): number => (partition - 1) * VPS + vp;

/** What guest code on one VP does with its SynIC. */
export class Guest {
  readonly synic: VpSynic;
  readonly memory: GuestMemory;

  constructor(rig: Rig, partition: number, vp: number) {
    this.synic = rig.synic(partition, vp);
    this.memory = rig.memory(partition);
  }

  /** Turns on message page, event flags page, SINT and SynIC, in Linux's order. */
  listen(sint: number = SINT, bits: number = VECTOR): void {
    this.set(Msr.Simp, MESSAGE_PAGE | 1);
    this.set(Msr.Siefp, EVENT_PAGE | 1);
    this.set(Msr.Sint0 + sint, bits);
    this.set(Msr.Scontrol, 1);
  }

  /** Writes a register that must not fault. */
  set(msr: number, value: number): void {
    invariant(this.synic.write(msr, BigInt(value)), 'the test writes what a guest may write');
  }

  /** Byte offset of a message slot in the memory. */
  slot(sint: number = SINT): number {
    return this.memory.find(MESSAGE_PAGE + sint * 256, 256, Access.ReadWrite);
  }

  /** Type in a message slot; 0 when it is free. */
  type(sint: number = SINT): number {
    return Atomics.load(this.memory.words, this.slot(sint) >>> 2) >>> 0;
  }

  /** Whether a slot's pending flag is set. */
  pending(sint: number = SINT): boolean {
    return (Atomics.load(this.memory.bytes, this.slot(sint) + 5) & 1) !== 0;
  }

  /** Payload in a message slot. */
  payload(sint: number = SINT): number[] {
    const slot = this.slot(sint);
    return Array.from(this.memory.bytes.subarray(slot + 16, slot + 16 + this.memory.bytes[slot + 4]!));
  }

  /** Frees a slot. @returns whether the guest must write EOM. */
  free(sint: number = SINT): boolean {
    Atomics.store(this.memory.words, this.slot(sint) >>> 2, 0);
    return this.pending(sint);
  }

  /** Takes what is in the slot, the way Linux does: copy, free, EOM if pending. */
  take(sint: number = SINT): number[] {
    const payload = this.payload(sint);
    if (this.free(sint)) this.set(Msr.Eom, 0);
    return payload;
  }

  /** Flags set in the event flags page, cleared as they are found. */
  takeFlags(sint: number = SINT): number[] {
    const page = this.memory.find(EVENT_PAGE + sint * 256, 256, Access.ReadWrite) >>> 2;
    const flags: number[] = [];
    for (let word = 0; word < 64; word++) {
      let bits = Atomics.exchange(this.memory.words, page + word, 0);
      for (; bits !== 0; bits &= bits - 1) flags.push(word * 32 + 31 - Math.clz32(bits & -bits));
    }
    return flags;
  }
}
