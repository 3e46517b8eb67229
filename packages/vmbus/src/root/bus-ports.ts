/**
 * Ports and connections of one machine's bus: how messages and doorbells cross between the root and the child.
 *
 *     child connections 1 and 4 ──▶ message port ─┐
 *     child connection 0x2000|r ──▶ event port r ─┴─▶ the root VP that serves the machine, SINT 2, flag r
 *     root connection  ─────────▶ message port ────▶ the child's VP that connected, SINT 2
 *     root connection r ────────▶ event port r ────▶ the VP that the channel was opened for, SINT 2, flag r
 *
 * The root serves many machines. Ids of its own are `root VP << 12 | relid`, so that machines never meet.
 */
import { HvStatus, type Microkernel } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { SYNIC_MESSAGE_TYPE } from '../messages/catalogue.ts';
import { NO_INTERRUPTS } from '../messages/channel.ts';
import { BUS_SINT, type MessageTarget } from './notifier.ts';
import { connectionIdOf } from './offer-message.ts';

/** What the ports need of the microkernel. */
export type PortKernel = Pick<
  Microkernel,
  'createPort' | 'deletePort' | 'setPortTarget' | 'connectPort' | 'disconnectPort' | 'postMessage' | 'signalEvent'
>;

/** Where the bus of one machine is served. */
export interface BusPlace {
  /** Number of the partition that serves it. */
  readonly rootPartition: number;
  /** Virtual processor of the root that serves this machine and no other. */
  readonly rootVp: number;
  /** Number of the partition that it is for. */
  readonly child: number;
}

/** Connection ids that a child posts messages on: before, and from, version 5.0. */
const MESSAGE_CONNECTIONS = [1, 4];
/** Id of the child's port for bus messages. */
const MESSAGE_PORT = 1;
/** Id of the child's port for answers that go elsewhere: reserved channels, contacts meant for others. */
const ELSEWHERE_PORT = 2;
/** Id of the child's event port of channel r: this | r. */
const EVENT_PORTS = 0x1000;
const IDS_PER_MACHINE = 0x1000;
/** Above all channel ids. */
const ELSEWHERE_CONNECTION = 0x800;

/** The ports of one machine's bus. */
export class BusPorts {
  readonly #kernel: PortKernel;
  readonly #place: BusPlace;
  readonly #base: number;
  #elsewhere: MessageTarget | undefined;
  /** Messages that could not be delivered at all: the child has its SynIC off, or has no such processor. */
  undeliverable = 0;

  constructor(kernel: PortKernel, place: BusPlace) {
    this.#kernel = kernel;
    this.#place = place;
    this.#base = place.rootVp * IDS_PER_MACHINE;
    const { child, rootPartition, rootVp } = place;
    // A predecessor on this processor may have ended without giving its ports back.
    this.dispose();
    check(kernel.createPort(rootPartition, this.#base, { kind: 'message', sint: BUS_SINT, vp: rootVp }));
    for (const id of MESSAGE_CONNECTIONS) check(kernel.connectPort(child, id, rootPartition, this.#base));
    check(kernel.createPort(child, MESSAGE_PORT, { kind: 'message', sint: BUS_SINT, vp: 0 }));
    check(kernel.connectPort(rootPartition, this.#base, child, MESSAGE_PORT));
  }

  /** Bus messages go to this processor of the child from now on. @returns false when there can be no such processor. */
  setTarget(vp: number): boolean {
    return this.#kernel.setPortTarget(this.#place.child, MESSAGE_PORT, vp) === HvStatus.Success;
  }

  /** Posts a message to where {@link setTarget} said, or elsewhere. @returns false when there is no room now. */
  post(message: Uint8Array, target: MessageTarget | undefined): boolean {
    const { rootPartition } = this.#place;
    const connection = target === undefined ? this.#base : this.#base + ELSEWHERE_CONNECTION;
    if (target !== undefined && !this.#aim(target)) {
      this.undeliverable++;
      return true;
    }
    const status = this.#kernel.postMessage(rootPartition, connection, SYNIC_MESSAGE_TYPE, message);
    if (status === HvStatus.InsufficientBuffers) return false;
    if (status !== HvStatus.Success) this.undeliverable++;
    return true;
  }

  /**
   * Connects a channel's doorbells, the one that rings here first.
   *
   * @param vp - processor that the child is rung on, or `NO_INTERRUPTS`
   * @returns what rings the child, or `undefined` when it cannot be connected: nothing is left behind
   */
  open(relid: number, vp: number): (() => void) | undefined {
    const { child, rootPartition, rootVp } = this.#place;
    const kernel = this.#kernel;
    const id = this.#base + relid;
    this.close(relid);
    const here = { kind: 'event', sint: BUS_SINT, vp: rootVp, flag: relid, flagCount: 1 } as const;
    let ok = kernel.createPort(rootPartition, id, here) === HvStatus.Success;
    ok = ok && kernel.connectPort(child, connectionIdOf(relid), rootPartition, id) === HvStatus.Success;
    if (ok && vp === NO_INTERRUPTS) return () => {};
    const there = { kind: 'event', sint: BUS_SINT, vp, flag: relid, flagCount: 1 } as const;
    ok = ok && kernel.createPort(child, EVENT_PORTS | relid, there) === HvStatus.Success;
    ok = ok && kernel.connectPort(rootPartition, id, child, EVENT_PORTS | relid) === HvStatus.Success;
    if (ok) return () => void kernel.signalEvent(rootPartition, id, 0);
    this.close(relid);
    return undefined;
  }

  /** Rings the child on another processor from now on. @returns false when there can be no such processor. */
  retarget(relid: number, vp: number): boolean {
    return this.#kernel.setPortTarget(this.#place.child, EVENT_PORTS | relid, vp) === HvStatus.Success;
  }

  /** Takes a channel's doorbells away; those that are not there are not missed. */
  close(relid: number): void {
    const { child, rootPartition } = this.#place;
    const id = this.#base + relid;
    this.#kernel.disconnectPort(child, connectionIdOf(relid));
    this.#kernel.deletePort(rootPartition, id);
    this.#kernel.disconnectPort(rootPartition, id);
    this.#kernel.deletePort(child, EVENT_PORTS | relid);
  }

  /** Takes everything away. */
  dispose(): void {
    const { child, rootPartition } = this.#place;
    for (const id of MESSAGE_CONNECTIONS) this.#kernel.disconnectPort(child, id);
    this.#kernel.deletePort(rootPartition, this.#base);
    this.#kernel.disconnectPort(rootPartition, this.#base);
    this.#kernel.deletePort(child, MESSAGE_PORT);
    this.#dropElsewhere();
  }

  /** Points the second message port somewhere. Its SINT cannot be changed: the port is made anew. */
  #aim(target: MessageTarget): boolean {
    if (this.#elsewhere?.vp === target.vp && this.#elsewhere.sint === target.sint) return true;
    this.#dropElsewhere();
    const { child, rootPartition } = this.#place;
    const connection = this.#base + ELSEWHERE_CONNECTION;
    const created = this.#kernel.createPort(child, ELSEWHERE_PORT, { kind: 'message', ...target });
    if (created !== HvStatus.Success) return false;
    if (this.#kernel.connectPort(rootPartition, connection, child, ELSEWHERE_PORT) !== HvStatus.Success) return false;
    this.#elsewhere = target;
    return true;
  }

  #dropElsewhere(): void {
    this.#elsewhere = undefined;
    this.#kernel.disconnectPort(this.#place.rootPartition, this.#base + ELSEWHERE_CONNECTION);
    this.#kernel.deletePort(this.#place.child, ELSEWHERE_PORT);
  }
}

function check(status: HvStatus): void {
  invariant(status === HvStatus.Success, `the ports of a machine's bus are free (status ${status})`);
}
