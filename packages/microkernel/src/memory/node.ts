/**
 * A node of system memory: one shared buffer that partitions' pages are carved from.
 *
 * The buffer belongs to a shared `WebAssembly.Memory` where the host has one (page-aligned, and usable by a processor's
 * translated code); a plain `SharedArrayBuffer` serves as well. At most 4 GiB.
 */
import { invariant } from '@ringlet/wire';

/** Bytes in a page, guest-physical and system-physical alike. */
export const PAGE_SIZE = 4096;
/** `address >> PAGE_SHIFT` is its page number; beyond 4 GiB divide instead. */
export const PAGE_SHIFT = 12;

/** Moves bytes inside one node; ranges may overlap. A host may supply a faster one than the engine's `copyWithin`. */
export type CopyWithinNode = (target: number, source: number, length: number) => void;

/** What a thread must be given to reach a node that another thread created. Plain data, can be posted. */
export interface NodeDescriptor {
  /** Number of the node within its microkernel. */
  readonly id: number;
  /** The node's bytes. */
  readonly buffer: SharedArrayBuffer;
}

/** One thread's views of a node. Create one per thread and node: views are long-lived, hot paths make none. */
export class MemoryNode {
  /** Number of the node among those of the system. */
  readonly id: number;
  /** The memory itself, shared by all threads. */
  readonly buffer: SharedArrayBuffer;
  /** The whole node as bytes; an offset into this is a system physical address (SPA). */
  readonly bytes: Uint8Array;
  /** The whole node as signed words, for `Atomics`. */
  readonly words: Int32Array;
  /** The whole node for unaligned and mixed-width access. */
  readonly view: DataView;
  /** Copies inside the node. */
  readonly copy: CopyWithinNode;

  constructor(descriptor: NodeDescriptor, copy?: CopyWithinNode) {
    invariant(descriptor.buffer.byteLength % PAGE_SIZE === 0, 'a node is a whole number of pages');
    this.id = descriptor.id;
    this.buffer = descriptor.buffer;
    this.bytes = new Uint8Array(descriptor.buffer);
    this.words = new Int32Array(descriptor.buffer);
    this.view = new DataView(descriptor.buffer);
    this.copy = copy ?? ((target, source, length) => void this.bytes.copyWithin(target, source, source + length));
  }

  /** Pages in the node. */
  get pages(): number {
    return this.buffer.byteLength / PAGE_SIZE;
  }
}
