/**
 * Partitions: records, ids and life (TLFS, "Partition Management").
 *
 *     create ──► created ──initialize──► active ──finalize──► finalized ──delete──► (free)
 *                   └──────────────────────delete──────────────────────────────────────┘
 *
 * An id names a record and its generation, so the id of a deleted partition names nothing until some four million
 * others have used its record. The root partition is always id 1.
 */
import { invariant } from '@ringlet/wire';
import type { Nodes } from '../memory/nodes.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { Slat } from '../memory/slat.ts';
import { Header, NodeWord, PARTITION_WORDS, PartitionWord, type State } from '../state/layout.ts';
import { lock, unlock } from '../state/lock.ts';
import { HvStatus } from '../status.ts';

/** Id of the root partition. */
export const ROOT_PARTITION = 1;

/** States of a partition; a free record is 0. */
export const PartitionState = { Created: 1, Active: 2, Finalized: 3 } as const;

/** Largest second-level table: all that a 4 GiB node can hold, once below the places of devices and once above. */
const MAX_GPA_PAGES = 1 << 21;
/** Hyper-V's weight of a partition that says nothing. */
const DEFAULT_WEIGHT = 100;

/** What a partition is made from. */
export interface PartitionConfig {
  /** Node that holds its memory and its second-level table. */
  readonly node: number;
  /** Pages of guest-physical address space, mapped or not. */
  readonly gpaPages: number;
  /** What it may do: bits of {@link Privilege} (TLFS 4.2.2). */
  readonly privileges: bigint;
}

/** One thread's handle on the partition table. */
export class Partitions {
  readonly #state: State;
  readonly #nodes: Nodes;

  constructor(state: State, nodes: Nodes) {
    this.#state = state;
    this.#nodes = nodes;
  }

  /** Record slot of a partition, or -1 when there is none of this id. Allocates nothing. */
  slot(id: number): number {
    const slot = (id - 1) % this.#state.limits.partitions;
    if (!(slot >= 0) || !Number.isInteger(slot)) return -1;
    return Atomics.load(this.#state.words, this.#state.partition(slot) + PartitionWord.Id) === id ? slot : -1;
  }

  /**
   * Creates a partition. The first is the root.
   *
   * @param now - the clock, at which its reference time is 0
   * @returns its id, or a negative status
   */
  create(config: PartitionConfig, parent: number, now: number): number {
    const { words } = this.#state;
    const attached = this.#nodes.get(config.node);
    if (attached === undefined) return -HvStatus.InvalidParameter;
    if (!Number.isInteger(config.gpaPages) || config.gpaPages < 1 || config.gpaPages > MAX_GPA_PAGES) {
      return -HvStatus.InvalidParameter;
    }
    const tablePages = Slat.tableBytes(config.gpaPages) / PAGE_SIZE;
    const table = attached.allocator.allocate(tablePages);
    if (table < 0) return -HvStatus.InsufficientMemory;

    lock(words, Header.Lock);
    const slot = this.#freeSlot();
    let id = -1;
    if (slot >= 0) {
      const record = this.#state.partition(slot);
      const generation = words[record + PartitionWord.Generation]!;
      words.fill(0, record, record + PARTITION_WORDS);
      id = slot === 0 ? ROOT_PARTITION : 1 + slot + generation * this.#state.limits.partitions;
      words[record + PartitionWord.Generation] = generation;
      words[record + PartitionWord.State] = PartitionState.Created;
      words[record + PartitionWord.Parent] = slot === 0 ? 0 : parent;
      words[record + PartitionWord.Node] = config.node;
      words[record + PartitionWord.GpaPages] = config.gpaPages;
      words[record + PartitionWord.SlatPage] = table;
      words[record + PartitionWord.CpuWeight] = DEFAULT_WEIGHT;
      this.#state.setQuad(record + PartitionWord.Privileges, config.privileges);
      this.#state.setQuad(record + PartitionWord.Epoch, BigInt(Math.floor(now)));
      words[Header.PartitionsInUse] = words[Header.PartitionsInUse]! + 1;
      const uses = this.#state.node(config.node) + NodeWord.Partitions;
      words[uses] = words[uses]! + 1;
      // The id last: whoever finds it finds the rest.
      Atomics.store(words, record + PartitionWord.Id, id);
    }
    unlock(words, Header.Lock);
    if (id < 0) attached.allocator.release(table, tablePages);
    return id < 0 ? -HvStatus.NoResources : id;
  }

  /** Moves a partition from one of `from` to `to`; both under the tables' lock. */
  advance(id: number, from: number, to: number): HvStatus {
    const { words } = this.#state;
    lock(words, Header.Lock);
    const slot = this.slot(id);
    let status: HvStatus = HvStatus.InvalidPartitionId;
    if (slot >= 0) {
      const state = this.#state.partition(slot) + PartitionWord.State;
      status = words[state] === from ? HvStatus.Success : HvStatus.InvalidPartitionState;
      if (status === HvStatus.Success) Atomics.store(words, state, to);
    }
    unlock(words, Header.Lock);
    return status;
  }

  /** Frees the record and the second-level table of a partition that is finalized, or was never initialized. */
  delete(id: number): HvStatus {
    const { words } = this.#state;
    const slot = this.slot(id);
    if (slot < 0) return HvStatus.InvalidPartitionId;
    const record = this.#state.partition(slot);
    const node = words[record + PartitionWord.Node]!;
    const attached = this.#nodes.get(node);
    if (attached === undefined) return HvStatus.OperationDenied;

    lock(words, Header.Lock);
    let status: HvStatus = HvStatus.Success;
    if (this.slot(id) !== slot) status = HvStatus.InvalidPartitionId;
    else if (words[record + PartitionWord.State] === PartitionState.Active) status = HvStatus.InvalidPartitionState;
    else if (this.nextChild(id, 0) !== 0) status = HvStatus.ObjectInUse;
    const table = words[record + PartitionWord.SlatPage]!;
    const tablePages = Slat.tableBytes(words[record + PartitionWord.GpaPages]!) / PAGE_SIZE;
    if (status === HvStatus.Success) {
      invariant(words[record + PartitionWord.VpCount] === 0, 'a partition that is deleted has no VPs');
      const generation = words[record + PartitionWord.Generation]! + 1;
      Atomics.store(words, record + PartitionWord.Id, 0);
      words.fill(0, record, record + PARTITION_WORDS);
      words[record + PartitionWord.Generation] =
        (generation + 1) * this.#state.limits.partitions < 2 ** 31 ? generation : 0;
      words[Header.PartitionsInUse] = words[Header.PartitionsInUse]! - 1;
      const uses = this.#state.node(node) + NodeWord.Partitions;
      words[uses] = words[uses]! - 1;
    }
    unlock(words, Header.Lock);
    if (status === HvStatus.Success) attached.allocator.release(table, tablePages);
    return status;
  }

  /** Id of the first child of `parent` in table order after `previous` (0 = from the start); 0 when there is none. */
  nextChild(parent: number, previous: number): number {
    const { words, limits } = this.#state;
    const from = previous === 0 ? 0 : ((previous - 1) % limits.partitions) + 1;
    for (let slot = from; slot < limits.partitions; slot++) {
      const record = this.#state.partition(slot);
      const id = Atomics.load(words, record + PartitionWord.Id);
      if (id !== 0 && words[record + PartitionWord.Parent] === parent) return id;
    }
    return 0;
  }

  /** Ids of all partitions, in table order. */
  ids(): number[] {
    const ids: number[] = [];
    for (let slot = 0; slot < this.#state.limits.partitions; slot++) {
      const id = Atomics.load(this.#state.words, this.#state.partition(slot) + PartitionWord.Id);
      if (id !== 0) ids.push(id);
    }
    return ids;
  }

  /** Slot 0 is the root's; a child never takes it, as the root is there before any child. */
  #freeSlot(): number {
    for (let slot = 0; slot < this.#state.limits.partitions; slot++) {
      if (this.#state.words[this.#state.partition(slot) + PartitionWord.Id] === 0) return slot;
    }
    return -1;
  }
}
