/**
 * XZ, while it streams, with a bound on what comes out.
 *
 * The decoder is one for the whole process: a second stream waits until the first is at its end, or is let go. So a
 * stream is never unpacked inside the loop over another.
 */
import { UserError } from '@ringlet/wire';
import xz from 'xz-decompress';

/** Size of the pieces that a stream is fed with. */
const PIECE = 64 * 1024;

/**
 * Unpacks.
 *
 * @param limit - bytes that may come out
 * @param what - what it is, for the error
 * @throws UserError `package-damaged`
 */
export async function* unpackXz(packed: Uint8Array, limit: number, what: string): AsyncGenerator<Uint8Array, void> {
  let size = 0;
  try {
    // Leaving the loop, however that comes about, lets the decoder go.
    for await (const piece of new xz.XzReadableStream(pieces(packed)) as unknown as AsyncIterable<Uint8Array>) {
      if ((size += piece.length) > limit) throw damagedXz(what, `it unpacks to more than ${limit} bytes`);
      yield piece;
    }
  } catch (cause) {
    throw cause instanceof UserError ? cause : damagedXz(what, 'it is not valid XZ', cause);
  }
}

/** All of it at once. @throws UserError `package-damaged` */
export async function unpackXzWhole(packed: Uint8Array, limit: number, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  // The decoder reuses the memory behind what it hands out.
  for await (const part of unpackXz(packed, limit, what)) parts.push(part.slice());
  return Buffer.concat(parts);
}

function damagedXz(what: string, why: string, cause?: unknown): UserError {
  return new UserError('package-damaged', `${what} cannot be unpacked: ${why}`, {
    hint: 'fetch it again with --force, or from another --mirror',
    cause,
  });
}

function pieces(data: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= data.length) return controller.close();
      controller.enqueue(data.subarray(at, (at += PIECE)));
    },
  });
}
