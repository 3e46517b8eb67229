/**
 * Faults on the way, for tests: frames are lost, doubled, delayed and overtaken, both ways, as a seed decides. Frames of
 * several segments are cut first, so that each segment has its own fate.
 */
import { FrameFinisher } from '../finish-frame.ts';
import type { NetworkClock } from '../network-clock.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { PortLayer } from './port-layer.ts';
import { SeededChance } from './seeded-chance.ts';

/** What goes wrong: plain data. Chances are 0 to 1, none when absent. */
export interface FaultDescription {
  /** Chance of a frame to be lost. */
  readonly loss?: number;
  /** Chance of a frame to come twice. */
  readonly duplicate?: number;
  /** Frames that are held back for a while, so that later ones overtake them. */
  readonly reorder?: number;
  /** Milliseconds that every frame takes. */
  readonly delay?: number;
  /** 1 when absent. */
  readonly seed?: number;
}

/** Milliseconds that an overtaken frame is late. */
const LATE_MS = 3;
/** Frames on their way, at most: more are lost. */
const MOST_DELAYED = 4096;
/** What has been cut and finished needs nothing more; the guest need not look at its checksums again. */
const FINISHED: FrameOffload = { segmentSize: 0, checksumPartial: true };

/** A port with faults. */
export class FaultyPort extends PortLayer {
  readonly #faults: Required<FaultDescription>;
  readonly #clock: NetworkClock;
  readonly #chance: SeededChance;
  readonly #outward = new FrameFinisher();
  readonly #inward = new FrameFinisher();
  readonly #counts = { passed: 0, lost: 0, duplicated: 0, reordered: 0 };
  #delayed = 0;
  #disposed = false;

  constructor(inner: NetworkPort, faults: FaultDescription, clock: NetworkClock) {
    super(inner);
    this.#faults = { loss: 0, duplicate: 0, reorder: 0, delay: 0, seed: 1, ...faults };
    this.#clock = clock;
    this.#chance = new SeededChance(this.#faults.seed);
  }

  override send(frame: Uint8Array, offload?: FrameOffload): boolean {
    return this.#outward.finish(frame, offload, (whole) => this.#meet(whole, (late) => this.inner.send(late))) > 0;
  }

  protected override receive(frame: Uint8Array, offload?: FrameOffload): boolean {
    // Checksums that were verified need no second look: only what is to be cut is finished.
    if (offload === undefined || offload.segmentSize === 0) {
      this.#meet(frame, (late) => this.sink?.(late, offload) ?? false);
      return true;
    }
    return this.#inward.finish(frame, offload, (whole) => this.#meet(whole, (late) => this.sink?.(late, FINISHED))) > 0;
  }

  #meet(frame: Uint8Array, pass: (frame: Uint8Array) => unknown): void {
    const { loss, duplicate, reorder, delay } = this.#faults;
    if (this.#chance.happens(loss)) {
      this.#counts.lost++;
      return;
    }
    const late = this.#chance.happens(reorder);
    if (late) this.#counts.reordered++;
    const twice = this.#chance.happens(duplicate);
    if (twice) this.#counts.duplicated++;
    for (let copy = 0; copy < (twice ? 2 : 1); copy++) this.#pass(frame, delay + (late ? LATE_MS : 0), pass);
  }

  #pass(frame: Uint8Array, delay: number, pass: (frame: Uint8Array) => unknown): void {
    this.#counts.passed++;
    if (delay === 0) return void pass(frame);
    if (this.#delayed >= MOST_DELAYED) {
      this.#counts.lost++;
      return;
    }
    this.#delayed++;
    const bytes = frame.slice();
    this.#clock.after(delay, () => {
      this.#delayed--;
      if (!this.#disposed) pass(bytes);
    });
  }

  override inspect(): Record<string, unknown> {
    return { ...super.inspect(), faults: { ...this.#faults, ...this.#counts } };
  }

  override dispose(done: () => void): void {
    this.#disposed = true;
    super.dispose(done);
  }
}
