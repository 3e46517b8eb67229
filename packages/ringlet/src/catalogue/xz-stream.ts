/** XZ, while it streams, with a bound on what comes out. */
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
  const stream = new xz.XzReadableStream(pieces(packed));
  const iterator = (stream as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await iterator.next();
    } catch (cause) {
      throw new UserError('package-damaged', `${what} is not valid XZ`, { cause });
    }
    if (next.done === true) return;
    if ((size += next.value.length) > limit) {
      await iterator.return?.();
      throw new UserError('package-damaged', `${what} unpacks to more than ${limit} bytes`);
    }
    yield next.value;
  }
}

/** All of it at once. @throws UserError `package-damaged` */
export async function unpackXzWhole(packed: Uint8Array, limit: number, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  // The decoder reuses the memory behind what it hands out.
  for await (const part of unpackXz(packed, limit, what)) parts.push(part.slice());
  return Buffer.concat(parts);
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
