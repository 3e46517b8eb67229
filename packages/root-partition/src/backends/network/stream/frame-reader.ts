/**
 * Frames out of a stream, as QEMU's `-netdev stream` and passt write them:
 *
 *     ┌─────────────┬────────────────┬─────────────┬───
 *     │ length, u32 │ frame          │ length, u32 │ …         big-endian
 *     └─────────────┴────────────────┴─────────────┴───
 */
import { read32 } from '../packet/bytes.ts';
import { LARGEST_UNCUT_FRAME } from '../packet/ethernet.ts';

/** Bytes before each frame. */
export const FRAME_PREFIX = 4;

/** Reads one stream. */
export class FrameReader {
  readonly #take: (frame: Uint8Array) => void;
  /** The beginning of a frame of which the rest has not come. */
  readonly #rest = new Uint8Array(FRAME_PREFIX + LARGEST_UNCUT_FRAME);
  #held = 0;

  /** @param take - called with each frame; its bytes are only valid during the call */
  constructor(take: (frame: Uint8Array) => void) {
    this.#take = take;
  }

  /** Takes what has come. @returns false when it is no such stream: no later byte means anything */
  push(bytes: Uint8Array): boolean {
    let at = 0;
    while (this.#held > 0 && at < bytes.length) {
      const needed = this.#held < FRAME_PREFIX ? FRAME_PREFIX : FRAME_PREFIX + read32(this.#rest, 0);
      const count = Math.min(needed - this.#held, bytes.length - at);
      this.#rest.set(bytes.subarray(at, at + count), this.#held);
      this.#held += count;
      at += count;
      if (this.#held < needed) return true;
      if (needed === FRAME_PREFIX && !fits(read32(this.#rest, 0))) return false;
      if (this.#held === FRAME_PREFIX + read32(this.#rest, 0)) {
        this.#take(this.#rest.subarray(FRAME_PREFIX, this.#held));
        this.#held = 0;
      }
    }
    if (this.#held > 0) return true;
    for (;;) {
      const left = bytes.length - at;
      const length = left < FRAME_PREFIX ? 0 : read32(bytes, at);
      if (left >= FRAME_PREFIX && !fits(length)) return false;
      if (left < FRAME_PREFIX || left < FRAME_PREFIX + length) {
        this.#rest.set(bytes.subarray(at), 0);
        this.#held = left;
        return true;
      }
      this.#take(bytes.subarray(at + FRAME_PREFIX, at + FRAME_PREFIX + length));
      at += FRAME_PREFIX + length;
    }
  }
}

const fits = (length: number): boolean => length <= LARGEST_UNCUT_FRAME;
