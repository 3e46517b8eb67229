/**
 * Shared state: where every table of the microkernel lies in its one `SharedArrayBuffer`.
 *
 * All of it is 32-bit words, zero at first; whatever is zero is free. Tables are sized by {@link MicrokernelLimits} and
 * are touched only where something was created, so an idle microkernel commits a page or two of its buffer.
 *
 *     ┌──────────┬───────┬────────────┬────────┬───────────┬─────────────────────────┬─────────────────────┬────────────┐
 *     │ header   │ nodes │ partitions │ VPs    │ VP slot   │ overlays' other pages   │ inter-partition     │ intercepts │
 *     │ 16 words │ n × 8 │ p × 64     │ v × 76 │ by index  │ p × 2 pages, v × 1 page │ SynIC of VPs, ports │ v × 1024   │
 *     └──────────┴───────┴────────────┴────────┴───────────┴─────────────────────────┴─────────────────────┴────────────┘
 *
 * 64-bit values lie at even words, so that a `BigUint64Array` over the same bytes reads them untorn.
 */
import { invariant } from '@ringlet/wire';
import { APIC_WORDS } from '../apic/layout.ts';
import { PORT_WORDS, VP_SYNIC_WORDS } from '../synic/index.ts';

/** How much one microkernel can hold. Fixed when its state is created. */
export interface MicrokernelLimits {
  /** Partitions that exist at once, the root included. */
  readonly partitions: number;
  /** Virtual processors of one partition other than the root, which may have all of {@link MicrokernelLimits.vps}. */
  readonly vpsPerPartition: number;
  /** Virtual processors of all partitions together. */
  readonly vps: number;
  /** Nodes of system memory; node ids are below this. */
  readonly nodes: number;
}

/** What {@link Microkernel.createState} uses where nothing else is asked for. */
const DEFAULT_LIMITS: MicrokernelLimits = { partitions: 512, vpsPerPartition: 64, vps: 1024, nodes: 1024 };

/** Words of the header. */
export const Header = {
  Magic: 0,
  Version: 1,
  Partitions: 2,
  VpsPerPartition: 3,
  Vps: 4,
  Nodes: 5,
  /** Spin lock over the partition, VP and node tables. */
  Lock: 6,
  PartitionsInUse: 7,
  VpsInUse: 8,
  /** Logical processors that VPs on threads of their own share; 0 = not said, weights do not count. */
  LogicalProcessors: 9,
  /** The scheduling window that the two sums belong to (its number's low 32 bits), and VPs and weights in each. */
  ShareWindow: 10,
  BusyVps: 11,
  BusyWeight: 12,
  NextBusyVps: 13,
  NextBusyWeight: 14,
} as const;
const HEADER_WORDS = 16;
const PAGE_WORDS = 1024;
const MAGIC = 0x6c676e52; // "Rngl"
const VERSION = 1;

/** Words of a node's record. */
export const NodeWord = { State: 0, Lock: 1, Pages: 2, Free: 3, Hint: 4, Partitions: 5, Reserved: 6 } as const;
const NODE_WORDS = 8;

/** Words of a partition's record. Two-word fields are 64-bit values. */
export const PartitionWord = {
  /** Its id, or 0 while the record is free. */
  Id: 0,
  State: 1,
  Generation: 2,
  Parent: 3,
  Node: 4,
  GpaPages: 5,
  SlatPage: 6,
  VpCount: 7,
  Privileges: 8,
  GuestOsId: 10,
  HypercallMsr: 12,
  ReferenceTscMsr: 14,
  TscSequence: 16,
  CpuWeight: 17,
  CpuCap: 18,
  CpuReserve: 19,
  /** Clock value at which the partition's reference time was 0. */
  Epoch: 20,
  /** P0 to P4. */
  Crash: 22,
  Crashes: 32,
  Resets: 33,
  /** Spin lock over the registers that all VPs of the partition share. */
  Lock: 34,
  /** 1 once the guest locked its hypercall page's register. */
  HypercallLocked: 35,
  Hypercalls: 36,
  RefusedHypercalls: 37,
  /** MSR accesses that faulted. */
  Faults: 38,
  /** Generation of the second-level table's mappings: see `memory/withdrawal.ts`. */
  Mappings: 39,
} as const;
export const PARTITION_WORDS = 64;

/** Words of a VP's record. */
export const VpWord = {
  /** Id of the partition it belongs to, or 0 while the record is free. */
  Partition: 0,
  Index: 1,
  Generation: 2,
  /** 0 until started. */
  Started: 3,
  /** Doorbell: whoever makes work adds 1 … */
  Doorbell: 4,
  /** … and notifies when this is not 0. */
  Sleeping: 5,
  Tpr: 6,
  SpinWaits: 7,
  /** 256 vectors, one bit each. */
  Pending: 8,
  AssistMsr: 16,
  /** Time run, in units of 100 ns. */
  RunTime: 18,
  /** Number of the window that {@link VpWord.WindowUsed} counts in: clock / window. */
  Window: 20,
  WindowUsed: 22,
  Interrupts: 23,
  /** RIP that the VP was started with. */
  Entry: 24,
  /** The last {@link PartitionWord.Mappings} that it has acknowledged. */
  Mappings: 26,
  /** What it has run beyond its part of windows before {@link VpWord.Window}, and beyond that of this one as well. */
  WindowDebt: 27,
  NextDebt: 28,
  /** Its local APIC: see `apic/layout.ts`. */
  Apic: 32,
} as const;
export const VP_WORDS = VpWord.Apic + APIC_WORDS;

/** Words of what is counted of a VP's guest: hypercalls by row, then reads and writes of MSRs. See `vp/intercepts.ts`. */
export const INTERCEPT_WORDS = 1024;
export const FIRST_MSR_COUNTER = 128;

/** One thread's view of the shared state. */
export class State {
  readonly words: Int32Array;
  /** The same bytes as 64-bit values; index = word / 2. */
  readonly quads: BigUint64Array;
  readonly limits: MicrokernelLimits;
  readonly nodes: number;
  readonly partitions: number;
  readonly vps: number;
  readonly vpIndexes: number;
  readonly partitionPages: number;
  readonly vpPages: number;
  readonly synicVps: number;
  /** First word of the tables of ports and connections. */
  readonly ports: number;
  readonly interceptCounts: number;

  /** @throws Error when the buffer is not a state made by {@link createState}. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.quads = new BigUint64Array(buffer);
    invariant(
      this.words[Header.Magic] === MAGIC && this.words[Header.Version] === VERSION,
      'the buffer holds a microkernel state of this version',
    );
    this.limits = {
      partitions: this.words[Header.Partitions]!,
      vpsPerPartition: this.words[Header.VpsPerPartition]!,
      vps: this.words[Header.Vps]!,
      nodes: this.words[Header.Nodes]!,
    };
    const at = offsets(this.limits);
    invariant(at.end * 4 === buffer.byteLength, 'the state is as large as its limits say');
    this.nodes = at.nodes;
    this.partitions = at.partitions;
    this.vps = at.vps;
    this.vpIndexes = at.vpIndexes;
    this.partitionPages = at.partitionPages;
    this.vpPages = at.vpPages;
    this.synicVps = at.synicVps;
    this.ports = at.ports;
    this.interceptCounts = at.interceptCounts;
  }

  /** First word of a node's record. */
  node(id: number): number {
    return this.nodes + id * NODE_WORDS;
  }

  /** First word of the partition record in `slot`. */
  partition(slot: number): number {
    return this.partitions + slot * PARTITION_WORDS;
  }

  /** First word of the VP record in `slot`. */
  vp(slot: number): number {
    return this.vps + slot * VP_WORDS;
  }

  /** VPs that the partition in `slot` can have. */
  vpLimit(slot: number): number {
    return slot === 0 ? this.limits.vps : this.limits.vpsPerPartition;
  }

  /** Word that holds 1 + the VP slot of VP `index` of the partition in `slot`; 0 means no such VP. */
  vpIndexWord(slot: number, index: number): number {
    return slot === 0
      ? this.vpIndexes + index
      : this.vpIndexes + this.limits.vps + (slot - 1) * this.limits.vpsPerPartition + index;
  }

  /** First word of the other page of a partition's hypercall overlay: see `synic/overlay-page.ts`. */
  hypercallPage(slot: number): number {
    return this.partitionPages + slot * 2 * PAGE_WORDS;
  }

  /** First word of the other page of a partition's reference TSC overlay. */
  tscPage(slot: number): number {
    return this.hypercallPage(slot) + PAGE_WORDS;
  }

  /** First word of the other page of a VP's assist overlay. */
  assistPage(slot: number): number {
    return this.vpPages + slot * PAGE_WORDS;
  }

  /** First word of the SynIC of the VP in `slot`. */
  synicVp(slot: number): number {
    return this.synicVps + slot * VP_SYNIC_WORDS;
  }

  /** First word of what is counted of the guest of the VP in `slot`. */
  intercepts(slot: number): number {
    return this.interceptCounts + slot * INTERCEPT_WORDS;
  }

  /** A 64-bit field, untorn. */
  quad(word: number): bigint {
    return Atomics.load(this.quads, word / 2);
  }

  setQuad(word: number, value: bigint): void {
    Atomics.store(this.quads, word / 2, value);
  }

  /** A 64-bit field that does not change any more, below 2^53, without making a BigInt. */
  time(word: number): number {
    return (this.words[word]! >>> 0) + this.words[word + 1]! * 2 ** 32;
  }
}

/** Makes a state in which nothing exists yet. Touches its header only. */
export function createState(limits: Partial<MicrokernelLimits>): SharedArrayBuffer {
  const all = { ...DEFAULT_LIMITS, ...limits };
  for (const limit of Object.values(all)) {
    invariant(Number.isInteger(limit) && limit >= 1 && limit <= 1 << 16, 'each limit is 1 … 65536');
  }
  const buffer = new SharedArrayBuffer(offsets(all).end * 4);
  const words = new Int32Array(buffer);
  words[Header.Version] = VERSION;
  words[Header.Partitions] = all.partitions;
  words[Header.VpsPerPartition] = all.vpsPerPartition;
  words[Header.Vps] = all.vps;
  words[Header.Nodes] = all.nodes;
  Atomics.store(words, Header.Magic, MAGIC);
  return buffer;
}

/** First word of each table. */
function offsets(limits: MicrokernelLimits) {
  const nodes = HEADER_WORDS;
  const partitions = nodes + limits.nodes * NODE_WORDS;
  const vps = partitions + limits.partitions * PARTITION_WORDS;
  const vpIndexes = vps + limits.vps * VP_WORDS;
  const indexWords = limits.vps + (limits.partitions - 1) * limits.vpsPerPartition;
  const partitionPages = vpIndexes + indexWords + (indexWords & 1);
  const vpPages = partitionPages + limits.partitions * 2 * PAGE_WORDS;
  const synicVps = vpPages + limits.vps * PAGE_WORDS;
  const ports = synicVps + limits.vps * VP_SYNIC_WORDS;
  const interceptCounts = ports + PORT_WORDS;
  const end = interceptCounts + limits.vps * INTERCEPT_WORDS;
  return { nodes, partitions, vps, vpIndexes, partitionPages, vpPages, synicVps, ports, interceptCounts, end };
}
