/**
 * Room queue: who waits for space in a ring, served first come, first served, through the one pending send size that
 * a ring has.
 */
import { invariant } from '@ringlet/wire';
import type { RingWriter } from '../ring/ring-writer.ts';

/** A device waits for room a few times at most; thousands mean that it forgot that it already does. */
const MOST_WAITING = 4096;

/** Those who wait for room in one ring. */
export class RoomQueue {
  readonly #writer: RingWriter;
  #queue: { readonly bytes: number; readonly ready: () => void }[] = [];

  constructor(writer: RingWriter) {
    this.#writer = writer;
  }

  /** How many wait. */
  get length(): number {
    return this.#queue.length;
  }

  /**
   * Calls `ready` once, as soon as `bytes` are free and everyone before has been served; at once if that is now.
   *
   * @returns false when so many bytes can never be free: `ready` will not be called
   */
  add(bytes: number, ready: () => void): boolean {
    if (bytes > this.#writer.longest) return false;
    invariant(this.#queue.length < MOST_WAITING, 'a device does not wait for room thousands of times');
    this.#queue.push({ bytes, ready });
    this.serve();
    return true;
  }

  /** Serves whoever can be served, and asks the peer for a signal on behalf of the first who cannot. */
  serve(): void {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined) return;
      if (!this.#writer.hasRoom(first.bytes) && !this.#writer.awaitRoom(first.bytes)) return;
      // Cleared before the room is used: a signal that crosses the line after that would be for nobody.
      this.#writer.stopWaiting();
      this.#queue.shift();
      first.ready();
    }
  }

  /** Forgets everyone. */
  clear(): void {
    this.#queue = [];
  }
}
