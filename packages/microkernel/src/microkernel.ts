/**
 * Microkernel: ring -1 as the host that runs it sees it.
 *
 * Its state lies in one `SharedArrayBuffer` that every thread attaches to; its code runs on whichever thread calls. What
 * a guest may do it does through its {@link Vp}; what stands here is the host's side and is not checked for privilege,
 * except where it says that it acts as a partition.
 */
import { invariant } from '@ringlet/wire';
import type { Clock } from './clock.ts';
import { Core, type Outside } from './core.ts';
import type { GuestMemory } from './memory/guest-memory.ts';
import { mapPages, unmapPages } from './memory/mapping.ts';
import {
  backPages,
  changeMappings,
  mappingsSettled,
  overlaidPages,
  withdrawPages,
  type WithdrawnRun,
} from './memory/withdrawal.ts';
import type { CopyWithinNode, MemoryNode, NodeDescriptor } from './memory/node.ts';
import { POST_MESSAGE, SIGNAL_EVENT } from './hypercall/calls/ports.ts';
import { inspectMicrokernel, inspectPartition, inspectTables, inspectVp } from './inspect.ts';
import { deletePartition, finalizePartition, initializePartition, resetPartition } from './partition/lifecycle.ts';
import { ROOT_PARTITION, type PartitionConfig } from './partition/partitions.ts';
import { partitionProperties } from './partition/properties.ts';
import { createState, Header, State, type MicrokernelLimits } from './state/layout.ts';
import { HvStatus } from './status.ts';
import type { PortInfo } from './synic/index.ts';
import { traceRootCall } from './trace/trace-records.ts';
import { createVp, deleteVp, startVp, type VpOptions } from './vp/virtual-processors.ts';
import { Vp } from './vp/vp.ts';

/** What a thread attaches with. */
export interface MicrokernelOptions extends Outside {
  /** From {@link Microkernel.createState}; the same for all threads. */
  readonly state: SharedArrayBuffer;
  /** Where reference time comes from: the same for all threads of a system. */
  readonly clock: Clock;
}

/** One thread's handle on the microkernel. */
export class Microkernel {
  readonly #core: Core;
  readonly #vps = new WeakMap<object, Vp>();

  /** Makes a state in which nothing exists yet, not even the root partition. Commits next to no memory. */
  static createState(limits: Partial<MicrokernelLimits> = {}): SharedArrayBuffer {
    return createState(limits);
  }

  /** Attaches this thread. @throws Error when `state` was not made by {@link Microkernel.createState}. */
  constructor({ state, clock, ...outside }: MicrokernelOptions) {
    this.#core = new Core(new State(state), clock, outside);
  }

  /** Makes a node reachable from this thread; the first thread to attach it makes all its pages free. Idempotent. */
  attachNode(descriptor: NodeDescriptor, copy?: CopyWithinNode): MemoryNode {
    return this.#core.nodes.attach(descriptor, copy);
  }

  /** Drops this thread's views of a node, and with them those of the partitions on it, so that it can be collected. */
  detachNode(node: number): void {
    this.#core.detachNode(node);
  }

  /** Forgets a node for all threads. @returns `ObjectInUse` while a partition lives on it. */
  releaseNode(node: number): HvStatus {
    if (!this.#core.nodes.release(node)) return HvStatus.ObjectInUse;
    this.#core.detachNode(node);
    return HvStatus.Success;
  }

  /** Creates a partition, child of the root; the first is the root itself. @returns its id, or a negative status. */
  createPartition(config: PartitionConfig): number {
    return this.#core.partitions.create(config, ROOT_PARTITION, this.#core.clock.now());
  }

  /** Makes a created partition active: it can have VPs now. */
  initializePartition(partition: number): HvStatus {
    return initializePartition(this.#core, partition);
  }

  /**
   * Puts an active partition's VPs and registers into the state they were created in, as a reset button does; memory,
   * ports and connections stay. Threads that run its VPs have stopped.
   */
  resetPartition(partition: number): HvStatus {
    return resetPartition(this.#core, partition);
  }

  /** Takes VPs, ports, connections and mappings from an active partition. Threads that run its VPs have stopped. */
  finalizePartition(partition: number): HvStatus {
    return finalizePartition(this.#core, partition);
  }

  /**
   * Deletes a partition that is finalized, or was never initialized. System pages that it mapped stay allocated: they
   * belong to whoever called {@link Microkernel.allocatePages}.
   */
  deletePartition(partition: number): HvStatus {
    return deletePartition(this.#core, partition);
  }

  /** A property's value (a bigint), or the status with which it could not be read (a number). */
  getProperty(partition: number, code: number): bigint | HvStatus {
    const slot = this.#core.partitions.slot(partition);
    if (slot < 0) return HvStatus.InvalidPartitionId;
    const property = partitionProperties.get(code);
    return property?.get(this.#core, this.#core.state.partition(slot)) ?? HvStatus.UnknownProperty;
  }

  /** Sets a property. */
  setProperty(partition: number, code: number, value: bigint): HvStatus {
    const slot = this.#core.partitions.slot(partition);
    if (slot < 0) return HvStatus.InvalidPartitionId;
    const property = partitionProperties.get(code);
    if (property === undefined) return HvStatus.UnknownProperty;
    return property.set?.(this.#core, this.#core.state.partition(slot), value) ?? HvStatus.OperationDenied;
  }

  /** Takes contiguous pages of an attached node, all zero. @returns the first system page, -1 when there is no such run. */
  allocatePages(node: number, count: number): number {
    return this.#core.nodes.get(node)?.allocator.allocate(count) ?? -1;
  }

  /** Gives back pages. They must no longer be mapped anywhere. @throws Error when one of them was not allocated. */
  freePages(node: number, page: number, count: number): void {
    const attached = this.#core.nodes.get(node);
    invariant(attached !== undefined, 'pages are freed by a thread that has attached their node');
    attached.allocator.release(page, count);
  }

  /** Pages of an attached node that nobody owns. */
  freePageCount(node: number): number {
    return this.#core.nodes.get(node)?.allocator.free ?? 0;
  }

  /** Maps a run of system pages of the partition's node under a run of guest pages. `access`: see {@link Access}. */
  mapGpaPages(partition: number, guestPage: number, systemPage: number, count: number, access: number): HvStatus {
    return mapPages(this.#core, partition, guestPage, systemPage, count, access);
  }

  /** Removes the mappings of a run of guest pages, mapped or not. */
  unmapGpaPages(partition: number, guestPage: number, count: number): HvStatus {
    return unmapPages(this.#core, partition, guestPage, count);
  }

  /**
   * Unmaps a run of guest pages of a partition whose VPs run; those under overlays stay. See `memory/withdrawal.ts`.
   *
   * @returns the system pages that lay there. They may be freed, or used otherwise, once {@link Microkernel.mappingsSettled}
   * says so of a generation that {@link Microkernel.changeMappings} began afterwards
   */
  withdrawGpaPages(partition: number, guestPage: number, count: number): WithdrawnRun[] {
    return withdrawPages(this.#core, partition, guestPage, count);
  }

  /** Makes the VPs of a partition forget what they know of its mappings. @returns a generation to wait for */
  changeMappings(partition: number): number {
    return changeMappings(this.#core, partition);
  }

  /** Whether all VPs of a partition have forgotten what was unmapped before a generation began. */
  mappingsSettled(partition: number, generation: number): boolean {
    return mappingsSettled(this.#core, partition, generation);
  }

  /** Guest pages under enabled overlays: hypercall page, reference TSC, VP assist and SynIC pages. */
  overlaidPages(partition: number): number[] {
    return overlaidPages(this.#core, partition);
  }

  /**
   * Gives zeroed pages of its node, with all rights, to a run of guest pages that are not mapped.
   *
   * @returns how many, from the first on: fewer when the node has no more, or one of them is mapped
   */
  backGpaPages(partition: number, guestPage: number, count: number): number {
    return backPages(this.#core, partition, guestPage, count);
  }

  /** A partition's memory. @throws Error when there is no such partition, or its node is not attached here. */
  memory(partition: number): GuestMemory {
    const memory = this.#core.memory(partition);
    invariant(memory !== undefined, `partition ${partition} exists, on a node that this thread has attached`);
    return memory;
  }

  /**
   * Where a partition's second-level table lies in its node, for a processor that reads it without calling: byte offset,
   * and number of entries of four bytes, see {@link Slat}. @throws Error when there is no such partition
   */
  secondLevelTable(partition: number): { readonly offset: number; readonly pageCount: number } {
    const table = this.#core.secondLevelTable(partition);
    invariant(table !== undefined, `partition ${partition} exists`);
    return table;
  }

  /**
   * Says how many logical processors VPs on threads of their own share. When more of them are busy, each may run only
   * its part by weight, see {@link Vp.runAllowance}. 0, as at first: weights do not count.
   */
  setLogicalProcessors(count: number): void {
    Atomics.store(this.#core.words, Header.LogicalProcessors, count);
  }

  /** Creates a VP of an active partition. With `apic`, it has a local APIC, and all but VP 0 wait for INIT and SIPI. */
  createVp(partition: number, index: number, options: VpOptions = {}): HvStatus {
    return createVp(this.#core, partition, index, options);
  }

  /** Deletes a VP. The thread that runs it has stopped. */
  deleteVp(partition: number, index: number): HvStatus {
    return deleteVp(this.#core, partition, index);
  }

  /** Starts a VP other than 0, as HvCallStartVirtualProcessor does. `InvalidVpState` when it was started before. */
  startVp(partition: number, index: number, entry = 0n): HvStatus {
    return startVp(this.#core, partition, index, entry);
  }

  /** This thread's handle on a VP. @throws Error when there is no such VP, or its node is not attached here. */
  vp(partition: number, index: number): Vp {
    const context = this.#core.context(partition, index);
    invariant(context !== undefined, `VP ${index} of partition ${partition} exists, on a node that is attached here`);
    let vp = this.#vps.get(context);
    if (vp === undefined) this.#vps.set(context, (vp = new Vp(context)));
    return vp;
  }

  /** Creates a port of a partition. */
  createPort(partition: number, portId: number, info: PortInfo): HvStatus {
    if (this.#core.partitions.slot(partition) < 0) return HvStatus.InvalidPartitionId;
    return this.#core.ports.createPort(partition, portId, info);
  }

  /** Deletes a port. */
  deletePort(partition: number, portId: number): HvStatus {
    return this.#core.ports.deletePort(partition, portId);
  }

  /** Makes a message or event port deliver to another VP of its partition. */
  setPortTarget(partition: number, portId: number, vp: number): HvStatus {
    return this.#core.ports.setPortTarget(partition, portId, vp);
  }

  /** Connects a partition to a port. */
  connectPort(partition: number, connectionId: number, portPartition: number, portId: number): HvStatus {
    if (this.#core.partitions.slot(partition) < 0) return HvStatus.InvalidPartitionId;
    return this.#core.ports.connectPort(partition, connectionId, portPartition, portId);
  }

  /** Removes a connection. */
  disconnectPort(partition: number, connectionId: number): HvStatus {
    return this.#core.ports.disconnectPort(partition, connectionId);
  }

  /** Posts a message as `partition`, as its HvCallPostMessage would: at most 240 bytes. */
  postMessage(partition: number, connectionId: number, type: number, payload: Uint8Array): HvStatus {
    const { trace } = this.#core;
    const began = trace !== undefined && trace.on ? trace.tick() : -1;
    const status = this.#core.postMessage(partition, connectionId, type, payload);
    if (began >= 0) traceRootCall(trace!, partition, POST_MESSAGE, status, connectionId, type, payload, began);
    return status;
  }

  /** Signals an event as `partition`, as its HvCallSignalEvent would. Allocates nothing. */
  signalEvent(partition: number, connectionId: number, flag: number): HvStatus {
    const { trace } = this.#core;
    const began = trace !== undefined && trace.on ? trace.tick() : -1;
    const status = this.#core.signalEvent(partition, connectionId, flag);
    if (began >= 0) traceRootCall(trace!, partition, SIGNAL_EVENT, status, connectionId, flag, undefined, began);
    return status;
  }

  /** Makes an interrupt vector (16 … 255) pending at a VP. */
  assertInterrupt(partition: number, vp: number, vector: number): HvStatus {
    return this.#core.assertInterrupt(partition, vp, vector);
  }

  /**
   * Requests an interrupt as a device does: by an entry of an I/O APIC's table, or a message. Allocates nothing.
   *
   * @param message - vector 0-7, delivery mode 8-10, logical destination 11, level-triggered 15
   * @param destination - eight bits, 255 for everybody
   * @returns whether a VP took it. When it ends one that was level-triggered, `apicEoi` is called
   */
  requestInterrupt(partition: number, message: number, destination: number): boolean {
    return this.#core.requestInterrupt(partition, message, destination);
  }

  /** Makes a non-maskable interrupt pending at a VP. `InvalidVpState` when it has no APIC, or that is off. */
  assertNmi(partition: number, vp: number): HvStatus {
    return this.#core.assertNmi(partition, vp);
  }

  /** Units of 100 ns since a partition was created: what its reference counter says. 0 when there is none. */
  referenceTime(partition: number): number {
    const slot = this.#core.partitions.slot(partition);
    return slot < 0 ? 0 : this.#core.referenceTime(this.#core.state.partition(slot));
  }

  /** What exists, as plain data: partitions with their VPs, ports, queues, counters and run times; nodes; use of limits. */
  inspect(): Record<string, unknown> {
    return inspectMicrokernel(this.#core);
  }

  /** How many partitions, VPs and pages there are, and how many there can be, as plain data. */
  inspectTables(): Record<string, unknown> {
    return inspectTables(this.#core);
  }

  /** One partition of what {@link Microkernel.inspect} shows; empty when it does not exist. */
  inspectPartition(partition: number): Record<string, unknown> {
    return inspectPartition(this.#core, partition);
  }

  /** One virtual processor of what {@link Microkernel.inspect} shows; empty when it does not exist. */
  inspectVp(partition: number, index: number): Record<string, unknown> {
    return inspectVp(this.#core, partition, index);
  }
}
