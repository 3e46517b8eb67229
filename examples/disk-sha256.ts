/** Reads the whole first disk through storvsc and prints its SHA-256, as `sha256sum` would of a raw image. */
import { createHash } from 'node:crypto';
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const CHUNK_BYTES = 1024 * 1024;
const IN_FLIGHT = 4;

export default async function main(guest: Guest): Promise<number> {
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  if (!disk) {
    await guest.print('no disk: start me with --disk FILE\n');
    return 1;
  }
  const bytes = disk.sectorCount * disk.sectorSize;
  await guest.print(`${disk.model}: ${disk.sectorCount} sectors of ${disk.sectorSize} bytes\n`);

  const hash = createHash('sha256');
  const pages = CHUNK_BYTES / 4096;
  const buffers = Array.from({ length: IN_FLIGHT }, () => guest.pages.allocate(pages) * 4096);
  const lengthAt = (at: number) => Math.min(CHUNK_BYTES, bytes - at);
  const read = (at: number, buffer: number) => disk.read(at / disk.sectorSize, lengthAt(at) / disk.sectorSize, buffer);

  // A few reads are always in flight; their data is hashed in order.
  const waiting: { at: number; buffer: number; done: Promise<void> }[] = [];
  let next = 0;
  let shown = 0;
  const start = (buffer: number) => {
    if (next >= bytes) return;
    waiting.push({ at: next, buffer, done: read(next, buffer) });
    next += CHUNK_BYTES;
  };
  for (const buffer of buffers) start(buffer);
  for (let chunk = waiting.shift(); chunk; chunk = waiting.shift()) {
    await chunk.done;
    const from = guest.memory.find(chunk.buffer, lengthAt(chunk.at), 1);
    hash.update(guest.memory.bytes.subarray(from, from + lengthAt(chunk.at)));
    start(chunk.buffer);
    const percent = Math.floor((100 * (chunk.at + lengthAt(chunk.at))) / bytes);
    if (percent >= shown + 25) await guest.print(`  ${(shown = percent)} %\n`);
  }
  await guest.print(`sha256 ${hash.digest('hex')}\n`);
  return 0;
}
