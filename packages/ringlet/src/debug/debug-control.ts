/**
 * All processors of a machine run, or all stand still: holds them, lets them run or step, and says which of them came to a
 * stop and why. One debugger at a time has it.
 */
import type { DebugCommand, DebugStop } from '@ringlet/x64';
import type { DebugTarget, HeldPacket } from './debug-target.ts';
import { StopPoints } from './stop-points.ts';

/** Not in the ES2022 library: the promise form of `Atomics.wait`. */
interface AtomicsWithWaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
    timeout: number,
  ): { async: false } | { async: true; value: Promise<unknown> };
}

/** How long nobody looks, in case a wake-up went to somebody who is no more. */
const LOOK_MS = 500;

/** How processors came to stand still. */
export interface Stopped {
  /** The one that it is about. */
  readonly vp: number;
  readonly reason: DebugStop['reason'] | 'packet';
  readonly address: bigint;
  /** With reason `packet`. */
  readonly packet?: HeldPacket;
}

/** What is reported first when several stop at once: what would not be met again comes before what would. */
const ORDER: readonly DebugStop['reason'][] = [
  'watchpoint',
  'step',
  'breakpoint',
  'hypercall',
  'read-msr',
  'write-msr',
  'held',
];

/** The processors of one machine, in a debugger's hands from {@link DebugControl.attach} to {@link DebugControl.detach}. */
export class DebugControl {
  readonly stopPoints = new StopPoints();
  readonly #target: DebugTarget;
  #packet: HeldPacket | undefined;
  #packetsHeld = false;
  #stopListening = (): void => {};
  #running: readonly number[] = [];
  #current = 0;
  #leaving = false;
  /** The processors of a machine that has ended never stand still. */
  #over = false;

  constructor(target: DebugTarget) {
    this.#target = target;
    void target.ended.then(() => (this.#over = true));
  }

  /** The processor that the last stop was about. */
  get current(): number {
    return this.#current;
  }

  /** Stops the machine. */
  async attach(): Promise<void> {
    const { partition } = this.#target;
    partition.attach();
    this.#stopListening = this.#target.onPacketHeld((packet) => {
      this.#packet ??= packet;
      this.#packetsHeld = true;
      partition.hold();
    });
    partition.hold();
    await this.#allHeld();
  }

  /** Forgets all stops and lets the machine run. */
  async detach(): Promise<void> {
    const { partition } = this.#target;
    this.#leaving = true;
    this.#stopListening();
    this.stopPoints.clear();
    partition.hold();
    await this.#allHeld();
    partition.detach();
    if (this.#over) return;
    await this.#target.holdPackets([]);
    await this.#target.releasePackets();
  }

  /** Makes the machine stop; what waits for {@link DebugControl.resume} hears of it. */
  interrupt(): void {
    this.#target.partition.hold();
  }

  /** Lets processors do what `commandOf` says, until one of them comes to a stop. Then all stand still. */
  async resume(commandOf: (vp: number) => DebugCommand): Promise<Stopped> {
    const { partition } = this.#target;
    const waiting = this.#unreported();
    if (waiting) return waiting;
    partition.setStops(this.stopPoints.forProcessors);
    this.#packet = undefined;
    if (this.#packetsHeld) {
      this.#packetsHeld = false;
      await this.#target.releasePackets();
    }
    this.#running = [...partition.vps.keys()].filter((vp) => commandOf(vp) !== 'hold');
    partition.resume(commandOf);
    await this.#until(() => this.#running.some((vp) => partition.vps[vp]!.held));
    // Who detaches stops the others himself, and lets them go.
    if (this.#leaving) return { vp: this.#current, reason: 'held', address: 0n };
    partition.hold();
    await this.#allHeld();
    return this.#takeStop();
  }

  /** Tells the devices which of them hold back their packets. @returns the names of all devices */
  tellDevices(): Promise<readonly string[]> {
    return this.#target.holdPackets(this.stopPoints.forDevices);
  }

  #takeStop(): Stopped {
    const { vps } = this.#target.partition;
    for (const reason of ORDER) {
      const vp = vps.findIndex((each) => each.stop === reason);
      if (vp < 0) continue;
      if (reason === 'held') break;
      this.#current = vp;
      return { vp, ...vps[vp]!.takeStop() };
    }
    if (!this.#running.includes(this.#current)) this.#current = this.#running[0] ?? 0;
    const vp = this.#current;
    if (this.#packet) return { vp, reason: 'packet', address: 0n, packet: this.#packet };
    return { vp, reason: 'held', address: 0n };
  }

  /** A watchpoint that a processor has met, when another's stop was reported. What else it may have met comes again. */
  #unreported(): Stopped | undefined {
    const { vps } = this.#target.partition;
    const vp = vps.findIndex((each) => each.stop === 'watchpoint');
    if (vp < 0) return undefined;
    const stop = vps[vp]!.takeStop();
    if (this.stopPoints.watchpointAt(stop.address) === undefined) return this.#unreported();
    this.#current = vp;
    return { vp, ...stop };
  }

  #allHeld(): Promise<void> {
    return this.#until(() => this.#target.partition.allHeld);
  }

  async #until(done: () => boolean): Promise<void> {
    const { words, index } = this.#target.partition.stopped;
    for (;;) {
      const seen = Atomics.load(words, index);
      if (done() || this.#over) return;
      const waiting = (Atomics as unknown as AtomicsWithWaitAsync).waitAsync(words, index, seen, LOOK_MS);
      if (waiting.async) await waiting.value;
    }
  }
}
