/**
 * Memory that goes back to the host at once. A thread that has loaded a kernel has nothing more to do, so nothing makes its
 * engine collect what it loaded: tens of megabytes would stay for as long as the machine runs.
 */
import { MessageChannel } from 'node:worker_threads';

/** Gives the memory under `bytes` back. Neither they nor any other view of it can be used afterwards. */
export function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  // What shares its buffer with others, as small reads of files do, is left to the collector.
  if (!(buffer instanceof ArrayBuffer) || bytes.byteLength !== buffer.byteLength) return;
  // A buffer that is sent belongs to the message, and a message that nobody can receive is dropped with all that it has.
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(undefined, [buffer]);
  port2.close();
}
