/**
 * The machine below the machines: one microkernel for this process, its root partition, and system memory.
 *
 * Its state is shared memory. Every thread that runs a virtual processor attaches to it and then runs the same code on
 * it; this module is where it is created, and where threads get what they need to attach.
 *
 *     root partition's guest-physical space
 *       page 2k      SynIC message page of root VP k
 *       page 2k+1    SynIC event flags page of root VP k
 *
 * Each running machine is served by one virtual processor of the root.
 */
import { availableParallelism } from 'node:os';
import {
  Access,
  type ApicMode,
  CHILD_PRIVILEGES,
  HvStatus,
  type MemoryNode,
  Microkernel,
  PAGE_SIZE,
  PartitionProperty,
  ROOT_PRIVILEGES,
  Slat,
} from '@ringlet/microkernel';
import { invariant, UserError } from '@ringlet/wire';
import { HostClock, monotonicNanoseconds } from '../host/clock.ts';
import { clearPages } from '../host/clear-memory.ts';
import { copyWithin, createMemory, type SharedMemory } from '../host/memory.ts';
import { freeRam } from './memory-home.ts';
import { poolTooSmall } from './memory-pool.ts';
import type { MachineParts } from './parts.ts';

/** The root partition's id. */
export const ROOT_PARTITION = 1;

/** Machines that one process can run at a time. */
const MOST_MACHINES = 512;
const ROOT_PAGES = 2 * MOST_MACHINES;

/** Of a processor, in the units of the CPU properties. */
const PER_PERCENT = 1000;

/** What a partition is made with. */
export interface PartitionLayout {
  /** Guest pages that can be mapped. */
  readonly gpaPages: number;
  /** What is backed by memory: whole pages, in address order. */
  readonly ram: readonly { readonly start: number; readonly bytes: number }[];
  /** Local APICs of its processors; none when absent, as paravirtual processors have. */
  readonly apic?: ApicMode;
}

/** What a thread must be given to attach to a node of memory. */
export interface NodeAccess {
  readonly id: number;
  readonly memory: SharedMemory;
}

/** What a thread must be given to attach to the system. Can be posted. */
export interface SystemAccess {
  readonly state: SharedArrayBuffer;
  readonly epoch: bigint;
  readonly root: NodeAccess;
  /** One word: how many threads that serve a virtual processor are awake. */
  readonly awake: SharedArrayBuffer;
}

/** What the thread that runs guest code hears from the microkernel. */
export type KernelCallbacks = Pick<
  ConstructorParameters<typeof Microkernel>[0],
  'output' | 'crashed' | 'apicEoi' | 'trace'
>;

/** Attaches this thread to a system, and to one more node beside the root's. */
export function attach(access: SystemAccess, node: NodeAccess, callbacks: KernelCallbacks = {}): Microkernel {
  const kernel = new Microkernel({ state: access.state, clock: new HostClock(access.epoch), ...callbacks });
  attachNode(kernel, access.root);
  attachNode(kernel, node);
  return kernel;
}

const attachNode = (kernel: Microkernel, { id, memory }: NodeAccess): MemoryNode =>
  kernel.attachNode({ id, buffer: memory.buffer }, copyWithin(memory));

/** The guest-physical addresses of a root virtual processor's SynIC pages. */
export const rootSynicPages = (vp: number): { messagePageGpa: number; eventPageGpa: number } => ({
  messagePageGpa: 2 * vp * PAGE_SIZE,
  eventPageGpa: (2 * vp + 1) * PAGE_SIZE,
});

/** One process's microkernel, seen from the thread that manages machines. */
export class System {
  readonly access: SystemAccess;
  readonly kernel: Microkernel;
  readonly #freeRootVps = Array.from({ length: MOST_MACHINES }, (_, i) => MOST_MACHINES - 1 - i);
  readonly #freeNodes: number[] = [];
  #nodes = 0;

  /** @param clock - for a microkernel that runs in virtual time; the host's clock when absent */
  constructor(options: { clock?: ConstructorParameters<typeof Microkernel>[0]['clock'] } & KernelCallbacks = {}) {
    const epoch = monotonicNanoseconds();
    const state = Microkernel.createState();
    const { clock, ...callbacks } = options;
    this.kernel = new Microkernel({ state, clock: clock ?? new HostClock(epoch), ...callbacks });
    const root = this.createNode(ROOT_PAGES);
    this.access = { state, epoch, root, awake: new SharedArrayBuffer(4) };
    const id = this.kernel.createPartition({ node: root.id, gpaPages: ROOT_PAGES, privileges: ROOT_PRIVILEGES });
    invariant(id === ROOT_PARTITION, 'the first partition is the root');
    const pages = this.kernel.allocatePages(root.id, ROOT_PAGES);
    invariant(pages >= 0, 'the root node holds the root partition');
    this.#check(this.kernel.mapGpaPages(id, 0, pages, ROOT_PAGES, Access.ReadWrite), 'map the root');
    this.#check(this.kernel.initializePartition(id), 'initialise the root');
    this.kernel.setLogicalProcessors(availableParallelism());
  }

  /**
   * Creates a node.
   *
   * @param pages - guest memory, and whatever else is to be allocated in it
   * @param gpaPages - guest pages that its partition's table can map; as many as there are when absent
   */
  createNode(pages: number, gpaPages = pages): NodeAccess {
    const memory = createMemory((pages + SPARE_PAGES) * PAGE_SIZE + Slat.tableBytes(gpaPages));
    const node = { id: this.#freeNodes.pop() ?? this.#nodes++, memory };
    attachNode(this.kernel, node);
    return node;
  }

  /** Forgets a node that no partition uses any more. Its memory is freed when the threads that used it have ended. */
  releaseNode(node: NodeAccess): void {
    this.#check(this.kernel.releaseNode(node.id), 'release a node');
    this.#freeNodes.push(node.id);
  }

  /**
   * Creates a partition with memory and virtual processors.
   *
   * @throws UserError when this process can hold no more partitions, the node not this one, or its share of the processors
   * makes no sense
   */
  createPartition(
    node: NodeAccess,
    layout: PartitionLayout,
    { cpus, share }: Pick<MachineParts, 'cpus' | 'share'>,
  ): number {
    const { gpaPages, ram, apic } = layout;
    const id = this.kernel.createPartition({ node: node.id, gpaPages, privileges: CHILD_PRIVILEGES });
    if (id === -HvStatus.InsufficientMemory) throw poolTooSmall(gpaPages / 1024, this.kernel.freePageCount(node.id));
    if (id < 0) {
      throw new UserError('too-many-machines', 'no more partitions can be created in this process', {
        hint: 'stop a machine, or start this one in a process of its own',
      });
    }
    try {
      this.#check(this.kernel.initializePartition(id), 'initialise a partition');
      for (const range of ram) this.#giveRam(node.id, id, range);
      const { CpuWeight, CpuCap, CpuReserve } = PartitionProperty;
      this.#setProperty(id, CpuWeight, share.weight);
      this.#setProperty(id, CpuCap, share.cap === 100 ? 0 : share.cap * PER_PERCENT);
      this.#setProperty(id, CpuReserve, share.reserve * PER_PERCENT);
      for (let vp = 0; vp < cpus; vp++) {
        this.#check(this.kernel.createVp(id, vp, apic ? { apic } : {}), 'create a virtual processor');
      }
      if (!apic) this.#startVps(id, cpus);
    } catch (error) {
      freeRam(this, node.id, id, ram);
      this.deletePartition(id);
      throw error;
    }
    return id;
  }

  /**
   * Puts a partition into the state in which it was created: processors, registers, memory. None of its processors runs, no
   * device touches its memory.
   *
   * @throws UserError `pool-too-small` when pages are missing, and others have them
   */
  resetPartition(
    id: number,
    node: NodeAccess,
    { ram, apic }: PartitionLayout,
    { cpus }: Pick<MachineParts, 'cpus'>,
  ): void {
    this.#check(this.kernel.resetPartition(id), 'reset a partition');
    for (const range of ram) this.#clearRam(node, id, range);
    if (!apic) this.#startVps(id, cpus);
  }

  #clearRam(node: NodeAccess, id: number, { start, bytes }: PartitionLayout['ram'][number]): void {
    const memory = this.kernel.memory(id);
    const clear = clearPages(node.memory);
    for (let done = 0; done < bytes;) {
      const length = memory.contiguous(start + done, bytes - done, Access.All);
      if (length > 0) {
        clear(memory.find(start + done, length, Access.All), length / PAGE_SIZE);
        done += length;
        continue;
      }
      const missing = (bytes - done) / PAGE_SIZE;
      const backed = this.kernel.backGpaPages(id, (start + done) / PAGE_SIZE, missing);
      if (backed === 0) throw poolTooSmall(missing, this.kernel.freePageCount(node.id));
      done += backed * PAGE_SIZE;
    }
  }

  #giveRam(node: number, id: number, { start, bytes }: PartitionLayout['ram'][number]): void {
    const pages = bytes / PAGE_SIZE;
    const first = this.kernel.allocatePages(node, pages);
    if (first >= 0) {
      return this.#check(this.kernel.mapGpaPages(id, start / PAGE_SIZE, first, pages, Access.All), 'map memory');
    }
    // In a pool that others have used there is seldom a run so long.
    const free = this.kernel.freePageCount(node);
    if (this.kernel.backGpaPages(id, start / PAGE_SIZE, pages) < pages) throw poolTooSmall(pages, free);
  }

  /** Deletes a partition and all that it owned. */
  deletePartition(id: number): void {
    this.#check(this.kernel.finalizePartition(id), 'finalise a partition');
    this.#check(this.kernel.deletePartition(id), 'delete a partition');
  }

  /**
   * What the microkernel knows of a machine, as plain data: its partition, the processor of the root partition that
   * serves it, and how much there is of everything in this process.
   *
   * @param rootVp - undefined while the machine has none
   */
  inspectPartition(id: number, rootVp: number | undefined): Record<string, unknown> {
    const { kernel } = this;
    const { nodes: _, ...tables } = kernel.inspectTables();
    return {
      partition: { id, ...kernel.inspectPartition(id) },
      root: rootVp === undefined ? {} : { index: rootVp, ...kernel.inspectVp(ROOT_PARTITION, rootVp) },
      microkernel: tables,
    };
  }

  /** Takes a virtual processor of the root for one machine. */
  claimRootVp(): number {
    const vp = this.#freeRootVps.pop();
    if (vp === undefined) {
      throw new UserError('too-many-machines', `${MOST_MACHINES} machines run in this process already`, {
        hint: 'stop a machine, or start this one in a process of its own',
      });
    }
    this.#check(this.kernel.createVp(ROOT_PARTITION, vp), 'create a root virtual processor');
    return vp;
  }

  /** Gives it back. */
  releaseRootVp(vp: number): void {
    this.#check(this.kernel.deleteVp(ROOT_PARTITION, vp), 'delete a root virtual processor');
    this.#freeRootVps.push(vp);
  }

  /** Paravirtual processors need no initial registers: all of them run from the start. */
  #startVps(id: number, cpus: number): void {
    for (let vp = 1; vp < cpus; vp++) this.#check(this.kernel.startVp(id, vp), 'start a virtual processor');
  }

  #setProperty(partition: number, property: number, value: number): void {
    const status = this.kernel.setProperty(partition, property, BigInt(value));
    if (status === HvStatus.Success) return;
    throw new UserError('share-invalid', `a machine cannot have weight, cap or reserve ${value}`, {
      hint: 'weight 1 to 10000; cap 1 to 100 and reserve 0 to 100 percent',
    });
  }

  #check(status: number, what: string): void {
    invariant(status === HvStatus.Success, `the root partition may ${what} (status ${status})`);
  }
}

/** Pages of a node beside guest memory and its table: overlay pages, and the processor's own state later. */
const SPARE_PAGES = 64;

let system: System | undefined;

/** The system that the machines of this process share. */
export const sharedSystem = (): System => (system ??= new System());
