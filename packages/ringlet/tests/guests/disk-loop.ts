/** Writes, flushes and reads at random places of its disk, checks what it reads, and goes on until it is asked to stop. */
import { createHash } from 'node:crypto';
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';
import { Random } from './random.ts';

const BYTES = 64 * 1024;

export default async function main(guest: Guest): Promise<number> {
  const random = new Random(7);
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  if (!disk) return 2;
  const sectors = BYTES / disk.sectorSize;
  const places = Math.floor(disk.sectorCount / sectors);
  const buffer = guest.pages.allocate(BYTES / 4096) * 4096;
  const at = guest.memory.find(buffer, BYTES, 1);
  const bytes = guest.memory.bytes.subarray(at, at + BYTES);
  const sha256 = (): string => createHash('sha256').update(bytes).digest('hex');
  const written = new Map<number, string>();

  let stop = false;
  let stopped = (): void => {};
  guest.onShutdown(() => {
    stop = true;
    return new Promise((resolve) => (stopped = resolve));
  });
  let rounds = 0;
  for (; !stop; rounds++) {
    const place = random.below(places);
    const expected = written.get(place);
    if (expected !== undefined) {
      bytes.fill(0);
      await disk.read(place * sectors, sectors, buffer);
      if (sha256() !== expected) return 3;
    }
    random.fill(bytes);
    written.set(place, sha256());
    await disk.write(place * sectors, sectors, buffer);
    if (rounds % 16 === 0) await disk.flush();
    if (rounds === 0) await guest.print('going\n');
  }
  await guest.print(`rounds ${rounds}\n`);
  stopped();
  return 0;
}
