/** Writes a pattern to the first disk, flushes, and reads it back. Add `,keep` to `--disk` and it stays there. */
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const BYTES = 1024 * 1024;

export default async function main(guest: Guest): Promise<number> {
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  if (!disk) {
    await guest.print('no disk: start me with --disk FILE\n');
    return 1;
  }
  const length = Math.min(BYTES, disk.sectorCount * disk.sectorSize);
  const sectors = Math.floor(length / disk.sectorSize);
  const written = guest.pages.allocate(BYTES / 4096) * 4096;
  const read = guest.pages.allocate(BYTES / 4096) * 4096;

  const pattern = Uint8Array.from({ length: sectors * disk.sectorSize }, (_, i) => (i ^ (i >> 8) ^ (i >> 16)) & 0xff);
  guest.memory.write(written, pattern);
  await disk.write(0, sectors, written);
  await disk.flush();
  await guest.print(`wrote ${pattern.length} bytes and flushed\n`);

  await disk.read(0, sectors, read);
  const back = new Uint8Array(pattern.length);
  guest.memory.read(read, back);
  const wrong = back.findIndex((byte, i) => byte !== pattern[i]);
  await guest.print(wrong < 0 ? 'read back: the same\n' : `read back: DIFFERENT at byte ${wrong}\n`);
  return wrong < 0 ? 0 : 1;
}
