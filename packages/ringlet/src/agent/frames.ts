/**
 * Frames between `ringlet exec` and the agent in the guest, in both directions of one stream:
 *
 *     0      1            5
 *     ┌──────┬────────────┬──────────
 *     │ type │ length, BE │ body …        at most 128 KiB
 *     └──────┴────────────┴──────────
 *
 *     to the agent                                     from the agent
 *     S  start: name=value, each ended by a zero       O  standard output
 *     I  standard input; empty: its end                E  standard error
 *     K  a signal's number, u32 BE                     C  so many bytes of input were taken, u32 BE
 *     W  rows and columns of the terminal, u16 BE      X  it is over: "exit 3" or "signal 15"
 *                                                      F  it could not be started: errno, a space, why
 */

const HEADER = 5;
/** The longest body. */
const LONGEST_BODY = 128 * 1024;

/** One frame. */
export interface Frame {
  readonly type: string;
  readonly body: Uint8Array;
}

/** A frame as bytes. */
export function encodeFrame(type: string, body: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(body as string);
  const frame = Buffer.alloc(HEADER + bytes.length);
  frame.write(type, 'latin1');
  frame.writeUInt32BE(bytes.length, 1);
  bytes.copy(frame, HEADER);
  return frame;
}

/** Cuts a stream into frames. */
export class FrameReader {
  #held = Buffer.alloc(0);

  /** Adds bytes. @returns the frames that are whole now; `undefined` when the stream is none of frames */
  push(bytes: Uint8Array): Frame[] | undefined {
    let rest = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    const frames: Frame[] = [];
    while (rest.length >= HEADER) {
      const length = rest.readUInt32BE(1);
      if (length > LONGEST_BODY) return undefined;
      if (rest.length < HEADER + length) break;
      frames.push({ type: String.fromCharCode(rest[0]!), body: rest.subarray(HEADER, HEADER + length) });
      rest = rest.subarray(HEADER + length);
    }
    this.#held = rest;
    return frames;
  }
}
