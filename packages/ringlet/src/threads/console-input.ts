/** What is typed for a guest's serial port: kept until the guest takes it. Whoever types sees to it that it is not too much. */
import { Platform } from '@ringlet/root-partition';

const RETRY_MS = 5;
/**
 * Bytes that are sent at once; the next when the guest has taken them, and a moment later. A line is slow, and drivers count on
 * that: one that never sees an end stays in its interrupt handler, and nobody empties the buffers behind it (Linux drops what
 * is beyond 64 KiB of them).
 */
const PIECE_BYTES = 1024;

/** The managing thread's end of a guest's serial port. */
export class ConsoleInput {
  readonly #platform: Platform;
  #waiting: Uint8Array = new Uint8Array(0);
  readonly #timed: boolean;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param state - of the guest's platform
   * @param interrupt - sends an interrupt message to the guest's processors
   * @param timed - what is not taken is tried again by itself; otherwise by {@link feed}
   */
  constructor(
    state: SharedArrayBuffer,
    interrupt: (message: number, destination: number) => boolean,
    timed: boolean = true,
  ) {
    this.#timed = timed;
    const nothing = (): void => {};
    // This thread only feeds the serial port: it never answers a port access, so none of the others is ever called.
    this.#platform = new Platform({
      state,
      clock: { now: () => 0 },
      wallClock: () => 0,
      interrupt,
      output: () => true,
      debugOutput: nothing,
      powerOff: nothing,
      reset: nothing,
      exit: nothing,
      heldByRts: true,
    });
  }

  /** Sends bytes as soon as the guest takes them. */
  write(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#waiting.length + bytes.length);
    all.set(this.#waiting);
    all.set(bytes, this.#waiting.length);
    this.#waiting = all;
    this.feed();
  }

  /** What the guest has not taken yet. */
  get waiting(): Uint8Array {
    return this.#waiting;
  }

  set waiting(bytes: Uint8Array) {
    this.#waiting = bytes;
  }

  /** Sends what waits, as far as the guest takes it. */
  feed(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.length === 0) return;
    const { serial } = this.#platform;
    const piece = this.#timed ? this.#waiting.subarray(0, serial.drained ? PIECE_BYTES : 0) : this.#waiting;
    this.#waiting = this.#waiting.subarray(serial.receive(piece));
    if (this.#timed && this.#waiting.length > 0) this.#timer = setTimeout(() => this.feed(), RETRY_MS);
  }

  /** Registers and counters of the platform's devices. */
  inspectPlatform(): Record<string, unknown> {
    return this.#platform.inspect();
  }

  /** Presses the platform's reset button. What was typed and not read yet waits for whoever reads next. */
  resetPlatform(): void {
    this.#platform.reset();
  }

  /** Forgets what is left. */
  dispose(): void {
    clearTimeout(this.#timer);
    this.#waiting = new Uint8Array(0);
  }
}
