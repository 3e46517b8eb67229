/** Counts its lives in the first byte of its disk, with a write that is under way at each reset; ends when it has had three. */
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const LIVES = 3;
const PAGE = 4096;
const ANY = 1;

export default async function main(guest: Guest): Promise<number> {
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  if (!disk) return 1;
  const page = guest.pages.allocate(1) * PAGE;
  await disk.read(0, 1, page);
  const at = guest.memory.find(page, PAGE, ANY);
  const lives = guest.memory.bytes[at]! + 1;
  guest.memory.bytes[at] = lives;
  await guest.print(`${lives};`);
  await disk.write(0, 1, page);
  await disk.flush();
  if (lives === LIVES) return 0;
  for (let sector = 8; sector < 64; sector += 8) void disk.write(sector, 8, page);
  guest.reset();
  return 2;
}
