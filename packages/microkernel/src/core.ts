/**
 * The microkernel's inside, one per thread: shared state, what this thread can reach of it, and the look-ups on which
 * everything else is built. Not exported from the package.
 */
import { deliverFixed, deliverNmi, sendMessage } from './apic/interrupt-command.ts';
import type { Clock } from './clock.ts';
import { Frame } from './hypercall/declare.ts';
import { GuestMemory } from './memory/guest-memory.ts';
import { Nodes } from './memory/nodes.ts';
import { PAGE_SIZE } from './memory/node.ts';
import { Slat } from './memory/slat.ts';
import { Partitions } from './partition/partitions.ts';
import { hasPrivilege, Privilege } from './partition/privileges.ts';
import { PartitionWord, type State } from './state/layout.ts';
import { HvStatus } from './status.ts';
import type { TraceWriter } from './trace/trace-ring.ts';
import { Ports, VpSynic, type SynicHost } from './synic/index.ts';
import { VpContext } from './vp/context.ts';
import { FIRST_VECTOR, LAST_VECTOR, ring } from './vp/interrupts.ts';

/** What a guest left when it reported its crash (TLFS, "Guest Crash Enlightenment"). */
export interface CrashReport {
  /** Index of the VP that reported. */
  readonly vp: number;
  /** P0 to P4. */
  readonly parameters: readonly bigint[];
  /** Text the guest left, in its own encoding (Linux: UTF-8); absent when it gave none. At most 4096 bytes. */
  readonly message: Uint8Array | undefined;
}

/** What the outside does for partitions. Called on the thread of the VP that asked. */
export interface Outside {
  /** Takes one byte of a partition's debug output. `false`: full, the guest is told to try again. */
  readonly output?: (partition: number, byte: number) => boolean;
  /** A guest reported its crash. */
  readonly crashed?: (partition: number, report: CrashReport) => void;
  /** A VP has ended an interrupt that was requested as level-triggered. Allocates nothing. */
  readonly apicEoi?: (partition: number, vector: number) => void;
  /** Where this thread writes what it sees; nowhere when absent. */
  readonly trace?: TraceWriter | undefined;
  /** A guest asked to be reset by the reset register. */
  readonly reset?: (partition: number) => void;
}

/** A partition's table and memory, as this thread reaches them. */
interface Reached {
  readonly slat: Slat;
  readonly memory: GuestMemory;
}

/** One thread's inside of the microkernel. */
export class Core implements SynicHost {
  readonly state: State;
  readonly words: Int32Array;
  readonly clock: Clock;
  readonly outside: Outside;
  readonly nodes: Nodes;
  readonly partitions: Partitions;
  readonly ports: Ports;
  /** Private copies of the parameters of the hypercall that this thread runs. */
  readonly frame = new Frame();
  readonly #reached = new Map<number, Reached>();
  /** By partition, then by VP index. */
  readonly #contexts = new Map<number, VpContext[]>();

  constructor(state: State, clock: Clock, outside: Outside) {
    this.state = state;
    this.words = state.words;
    this.clock = clock;
    this.outside = outside;
    this.nodes = new Nodes(state);
    this.partitions = new Partitions(state, this.nodes);
    this.ports = new Ports(this, state.ports);
  }

  /** Record slot of a VP, or -1. Allocates nothing. */
  vpSlot(partition: number, index: number): number {
    const slot = this.partitions.slot(partition);
    if (slot < 0 || !(index >= 0 && index < this.state.vpLimit(slot))) return -1;
    return Atomics.load(this.words, this.state.vpIndexWord(slot, index)) - 1;
  }

  vpRegion(partition: number, vp: number): number {
    const slot = this.vpSlot(partition, vp);
    return slot < 0 ? -1 : this.state.synicVp(slot);
  }

  get trace(): TraceWriter | undefined {
    return this.outside.trace;
  }

  raise(partition: number, vp: number, vector: number): void {
    const slot = this.vpSlot(partition, vp);
    if (slot >= 0) deliverFixed(this.words, this.state.vp(slot), vector);
  }

  wake(partition: number, vp: number): void {
    const slot = this.vpSlot(partition, vp);
    if (slot >= 0) ring(this.words, this.state.vp(slot));
  }

  timeOrigin(partition: number): number {
    const slot = this.partitions.slot(partition);
    return slot < 0 ? 0 : this.state.time(this.state.partition(slot) + PartitionWord.Epoch);
  }

  /** Units of 100 ns since the partition with this record was created. */
  referenceTime(record: number): number {
    return Math.max(0, Math.floor(this.clock.now() - this.state.time(record + PartitionWord.Epoch)));
  }

  memory(partition: number): GuestMemory | undefined {
    return this.#reach(partition)?.memory;
  }

  /** The partition's second-level table, where this thread can reach its node. */
  slat(partition: number): Slat | undefined {
    return this.#reach(partition)?.slat;
  }

  /** This thread's handle on a VP; `undefined` when there is no such VP, or its memory is out of this thread's reach. */
  context(partition: number, index: number): VpContext | undefined {
    const known = this.#contexts.get(partition)?.[index];
    if (known !== undefined && known.alive) return known;
    const vpSlot = this.vpSlot(partition, index);
    const memory = vpSlot < 0 ? undefined : this.memory(partition);
    if (memory === undefined) return undefined;
    this.#forgetDeleted();
    const synic = new VpSynic(this, partition, index, this.state.synicVp(vpSlot));
    const slots = { partition: this.partitions.slot(partition), vp: vpSlot };
    const context = new VpContext(this, partition, index, slots, memory, synic);
    const siblings = this.#contexts.get(partition) ?? [];
    siblings[index] = context;
    this.#contexts.set(partition, siblings);
    return context;
  }

  /** Makes a vector pending at a VP and rings it. */
  assertInterrupt(partition: number, index: number, vector: number): HvStatus {
    if (this.partitions.slot(partition) < 0) return HvStatus.InvalidPartitionId;
    const slot = this.vpSlot(partition, index);
    if (slot < 0) return HvStatus.InvalidVpIndex;
    if (!(vector >= FIRST_VECTOR && vector <= LAST_VECTOR)) return HvStatus.InvalidParameter;
    deliverFixed(this.words, this.state.vp(slot), vector);
    return HvStatus.Success;
  }

  /** Sends what a device's interrupt message says: see {@link sendMessage}. Allocates nothing. */
  requestInterrupt(partition: number, message: number, destination: number): boolean {
    return sendMessage(this, partition, message, destination);
  }

  /** Makes a non-maskable interrupt pending at a VP and rings it. */
  assertNmi(partition: number, index: number): HvStatus {
    if (this.partitions.slot(partition) < 0) return HvStatus.InvalidPartitionId;
    const slot = this.vpSlot(partition, index);
    if (slot < 0) return HvStatus.InvalidVpIndex;
    return deliverNmi(this.words, this.state.vp(slot)) ? HvStatus.Success : HvStatus.InvalidVpState;
  }

  /** Posts a message as `partition`. */
  postMessage(partition: number, connection: number, type: number, payload: Uint8Array): HvStatus {
    const slot = this.partitions.slot(partition);
    if (slot < 0) return HvStatus.InvalidPartitionId;
    if (!hasPrivilege(this.state, this.state.partition(slot), Privilege.PostMessages)) return HvStatus.AccessDenied;
    return this.ports.postMessage(partition, connection, type, payload);
  }

  /** Signals an event as `partition`. Allocates nothing. */
  signalEvent(partition: number, connection: number, flag: number): HvStatus {
    const slot = this.partitions.slot(partition);
    if (slot < 0) return HvStatus.InvalidPartitionId;
    if (!hasPrivilege(this.state, this.state.partition(slot), Privilege.SignalEvents)) return HvStatus.AccessDenied;
    return this.ports.signalEvent(partition, connection, flag);
  }

  /** Drops this thread's views of a node and of all that lives on it. */
  detachNode(node: number): void {
    this.nodes.detach(node);
    for (const id of this.#reached.keys()) {
      const slot = this.partitions.slot(id);
      const home = slot < 0 ? node : this.words[this.state.partition(slot) + PartitionWord.Node];
      if (home !== node) continue;
      this.#reached.delete(id);
      this.#contexts.delete(id);
    }
  }

  /** Where a partition's second-level table lies, for a processor that reads it itself; `undefined` when out of reach. */
  secondLevelTable(partition: number): { readonly offset: number; readonly pageCount: number } | undefined {
    const slot = this.partitions.slot(partition);
    if (slot < 0) return undefined;
    const record = this.state.partition(slot);
    const offset = this.words[record + PartitionWord.SlatPage]! * PAGE_SIZE;
    return { offset, pageCount: this.words[record + PartitionWord.GpaPages]! };
  }

  #reach(partition: number): Reached | undefined {
    const slot = this.partitions.slot(partition);
    if (slot < 0) {
      this.#reached.delete(partition);
      return undefined;
    }
    const known = this.#reached.get(partition);
    if (known !== undefined) return known;
    const record = this.state.partition(slot);
    const attached = this.nodes.get(this.words[record + PartitionWord.Node]!);
    if (attached === undefined) return undefined;
    this.#forgetDeleted();
    const table = this.words[record + PartitionWord.SlatPage]! * PAGE_SIZE;
    const slat = new Slat(attached.node, table, this.words[record + PartitionWord.GpaPages]!);
    const reached = { slat, memory: new GuestMemory(attached.node, slat) };
    this.#reached.set(partition, reached);
    return reached;
  }

  /** Ids never come back, so what other threads deleted would stay here for good. */
  #forgetDeleted(): void {
    for (const id of this.#reached.keys()) if (this.partitions.slot(id) < 0) this.#reached.delete(id);
    for (const id of this.#contexts.keys()) if (this.partitions.slot(id) < 0) this.#contexts.delete(id);
  }
}
