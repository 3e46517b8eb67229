/** Reads pages of the first disk for two seconds, several at a time, and prints how many it got. */
import { BlockOperation, StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const DEPTH = 8;
const MILLISECONDS = 2000;
const PAGE = 4096;

export default async function main(guest: Guest): Promise<number> {
  const storage = await guest.open(StorageController);
  const disk = (await storage.ready)[0]!;
  const began = guest.now();
  let reads = 0;
  let inFlight = 0;
  await new Promise<void>((resolve) => {
    const start = (gpa: number): void => {
      inFlight++;
      disk.submit(BlockOperation.Read, (reads * 8) % 1024, 8, gpa, done, gpa);
    };
    const done = (_status: number, gpa: number): void => {
      inFlight--;
      reads++;
      if (guest.now() - began < MILLISECONDS) start(gpa);
      else if (inFlight === 0) resolve();
    };
    for (let i = 0; i < DEPTH; i++) start(guest.pages.allocate(1) * PAGE);
  });
  await guest.print(`${reads} reads in ${guest.now() - began} ms\n`);
  return 0;
}
