/**
 * Byte stream: what is behind the host's end of a guest's socket. A backend: it takes bytes at any time and tells of
 * others by calling back, on the thread of the machine's devices.
 *
 * Each direction ends on its own. A stream is over when it says `closed`, whatever the directions were then.
 */

/** Who hears of a stream. Nothing is called before {@link ByteStream.start}, nor after `closed`. */
export interface ByteStreamEvents {
  /** Bytes; valid during the call. None come while the stream is paused. */
  data(bytes: Uint8Array): void;
  /** The other side sends no more. */
  end(): void;
  /** What was written has gone: more is welcome. */
  drained(): void;
  /** It is over, by an error or because both directions have ended. */
  closed(): void;
}

/** A stream in both directions. */
export interface ByteStream {
  /** Starts to call back. Called once. */
  start(events: ByteStreamEvents): void;
  /** Takes a copy of all the bytes. @returns whether more is welcome now; otherwise `drained` is called later */
  write(bytes: Uint8Array): boolean;
  /** Ends our direction, after what was written. */
  end(): void;
  /** No more `data` until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Lets what was written go out, then ends everything. `closed` is not called any more. */
  release(): void;
}
