/**
 * Frames that wait for their turn, at so many bits a second. Time that was not used adds up to a few milliseconds' worth,
 * so that the host's coarse timers do not cost throughput.
 */
import type { NetworkClock } from '../network-clock.ts';
import type { FrameOffload } from '../network-port.ts';

/** Milliseconds' worth of frames that wait, at most; but always a few frames. */
const QUEUE_MS = 100;
const LEAST_QUEUE = 64 * 1024;
const BURST_MS = 8;
/** Between frames on a cable: preamble, checksum and gap. */
const OVERHEAD = 24;

interface Waiting {
  readonly frame: Uint8Array;
  readonly offload: FrameOffload | undefined;
}

/** One direction. */
export class FrameQueue {
  readonly #clock: NetworkClock;
  readonly #pass: (frame: Uint8Array, offload?: FrameOffload) => boolean;
  readonly #bytesPerMillisecond: number;
  readonly #mostWaiting: number;
  readonly #waiting: Waiting[] = [];
  #bytesWaiting = 0;
  #credit = 0;
  #creditAt: number;
  #scheduled: (() => void) | undefined;
  dropped = 0;

  /** @param bitsPerSecond - counted with what a cable adds to each frame */
  constructor(
    clock: NetworkClock,
    bitsPerSecond: number,
    pass: (frame: Uint8Array, offload?: FrameOffload) => boolean,
  ) {
    this.#clock = clock;
    this.#pass = pass;
    this.#bytesPerMillisecond = bitsPerSecond / 8000;
    this.#mostWaiting = Math.max(LEAST_QUEUE, this.#bytesPerMillisecond * QUEUE_MS);
    this.#creditAt = clock.now();
  }

  /** Passes a frame, now or in its turn. @returns false when the queue is full: it is dropped */
  add(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.#earn();
    if (this.#waiting.length === 0 && this.#credit > 0) {
      this.#credit -= frame.length + OVERHEAD;
      return this.#pass(frame, offload);
    }
    if (this.#bytesWaiting + frame.length > this.#mostWaiting) {
      this.dropped++;
      return false;
    }
    this.#waiting.push({ frame: frame.slice(), offload });
    this.#bytesWaiting += frame.length;
    this.#schedule();
    return true;
  }

  #earn(): void {
    const now = this.#clock.now();
    const most = this.#bytesPerMillisecond * BURST_MS;
    this.#credit = Math.min(most, this.#credit + (now - this.#creditAt) * this.#bytesPerMillisecond);
    this.#creditAt = now;
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    const wait = Math.max(1, Math.ceil(-this.#credit / this.#bytesPerMillisecond));
    this.#scheduled = this.#clock.after(wait, () => {
      this.#scheduled = undefined;
      this.#earn();
      let passed = 0;
      while (passed < this.#waiting.length && this.#credit > 0) {
        const { frame, offload } = this.#waiting[passed++]!;
        this.#credit -= frame.length + OVERHEAD;
        this.#bytesWaiting -= frame.length;
        this.#pass(frame, offload);
      }
      this.#waiting.splice(0, passed);
      this.#schedule();
    });
  }

  /** Forgets what waits. */
  stop(): void {
    this.#scheduled?.();
    this.#waiting.length = 0;
    this.#bytesWaiting = 0;
  }
}
