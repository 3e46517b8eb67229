/**
 * Nodes that this thread can reach, and the shared record that keeps their allocators' counters.
 *
 * A thread sees only the nodes that were handed to it: what is not attached here cannot be touched from here.
 */
import { invariant } from '@ringlet/wire';
import { Header, NodeWord, type State } from '../state/layout.ts';
import { lock, unlock } from '../state/lock.ts';
import { MemoryNode, type CopyWithinNode, type NodeDescriptor } from './node.ts';
import { PageAllocator } from './page-allocator.ts';

/** States of a node's record; free is 0. */
const NodeState = { Free: 0, Ready: 1 } as const;

/** A node of system memory as one thread reaches it. */
export interface AttachedNode {
  readonly node: MemoryNode;
  readonly allocator: PageAllocator;
}

/** One thread's attached nodes. */
export class Nodes {
  readonly #state: State;
  readonly #attached = new Map<number, AttachedNode>();

  constructor(state: State) {
    this.#state = state;
  }

  /** Makes a node reachable from this thread; the first thread to do so formats it. Idempotent. */
  attach(descriptor: NodeDescriptor, copy?: CopyWithinNode): MemoryNode {
    const known = this.#attached.get(descriptor.id);
    if (known !== undefined) {
      invariant(known.node.buffer === descriptor.buffer, 'a node id stands for one buffer');
      return known.node;
    }
    invariant(
      Number.isInteger(descriptor.id) && descriptor.id >= 0 && descriptor.id < this.#state.limits.nodes,
      'a node id is within the limits',
    );
    const node = new MemoryNode(descriptor, copy);
    const allocator = new PageAllocator(this.#state, node);
    const { words } = this.#state;
    const state = this.#state.node(descriptor.id) + NodeWord.State;
    lock(words, Header.Lock);
    const fresh = words[state] === NodeState.Free;
    if (fresh) {
      allocator.format();
      words[state] = NodeState.Ready;
    }
    unlock(words, Header.Lock);
    this.#attached.set(descriptor.id, { node, allocator });
    return node;
  }

  /** Drops this thread's views of a node, so that its buffer can be collected. */
  detach(id: number): void {
    this.#attached.delete(id);
  }

  /**
   * Forgets a node for all threads, and drops this thread's views; its id can then stand for another buffer.
   *
   * @returns whether it could be forgotten: not while a partition lives on it
   */
  release(id: number): boolean {
    const { words } = this.#state;
    const record = this.#state.node(id);
    lock(words, Header.Lock);
    const idle = words[record + NodeWord.Partitions] === 0;
    if (idle) words.fill(0, record, record + NodeWord.Reserved);
    unlock(words, Header.Lock);
    if (idle) this.detach(id);
    return idle;
  }

  /** The node, when this thread can reach it. */
  get(id: number): AttachedNode | undefined {
    return this.#attached.get(id);
  }

  /** Ids of the nodes that this thread can reach. */
  ids(): number[] {
    return [...this.#attached.keys()];
  }
}
