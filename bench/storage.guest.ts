/**
 * Measures reads of the first disk through storvsc, by the callback interface, and prints one JSON line.
 *
 * Arguments: bytes of a read, depth, milliseconds, `random` or `sequential`.
 */
import { BlockOperation, StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const PAGE = 4096;

export default async function main(guest: Guest): Promise<number> {
  const [bytes, depth, milliseconds] = guest.args.slice(0, 3).map(Number) as [number, number, number];
  const random = guest.args[3] === 'random';
  const storage = await guest.open(StorageController);
  const disk = (await storage.ready)[0]!;
  const sectors = bytes / disk.sectorSize;
  const places = Math.floor(disk.sectorCount / sectors);
  const buffers = Array.from({ length: depth }, () => guest.pages.allocate(Math.ceil(bytes / PAGE)) * PAGE);

  let state = 0x9e3779b9;
  let place = 0;
  const nextSector = (): number => {
    if (!random) return ((place = place + 1 < places ? place + 1 : 0), place * sectors);
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) % places) * sectors;
  };

  const run = (duration: number): Promise<{ reads: number; elapsed: number }> =>
    new Promise((resolve, reject) => {
      let reads = 0;
      let inFlight = 0;
      const began = guest.now();
      let running = true;
      const done = (status: number, tag: number): void => {
        inFlight--;
        if (status !== 0) return reject(new Error(`a read failed with status ${status}`));
        reads++;
        // Looking at the clock costs a fraction of a microsecond: not for every read.
        if ((reads & 63) === 0 && guest.now() - began >= duration) running = false;
        if (running) start(tag);
        else if (inFlight === 0) resolve({ reads, elapsed: guest.now() - began });
      };
      const start = (tag: number): void => {
        inFlight++;
        if (!disk.submit(BlockOperation.Read, nextSector(), sectors, buffers[tag]!, done, tag)) {
          reject(new Error('the queue is full'));
        }
      };
      for (let tag = 0; tag < depth; tag++) start(tag);
    });

  // Threads need a while to find out that polling pays, and the engine to compile.
  await run(Math.max(milliseconds / 2, 1000));
  const { reads, elapsed } = await run(milliseconds);
  await guest.print(`${JSON.stringify({ bytes, depth, reads, elapsed })}\n`);
  return 0;
}
