/**
 * Leaves a word in all of its free memory, then looks for another word in every page that it can reach, and past the end.
 *
 * Arguments: the word to leave, the word to look for.
 */
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const PAGE = 4096;
const ANY = 1;

export default async function main(guest: Guest): Promise<number> {
  const [mine = '', wanted = ''] = guest.args;
  const encoder = new TextEncoder();
  let done = (): void => {};
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  const page = new Uint8Array(PAGE);
  for (let at = 0; at + mine.length <= PAGE; at += mine.length) page.set(encoder.encode(mine), at);
  const size = guest.pages.freePages;
  for (let taken = guest.pages.allocate(1); taken >= 0; taken = guest.pages.allocate(1)) {
    guest.memory.write(taken * PAGE, page);
  }
  const asked = new Promise<void>((resolve) => {
    guest.onShutdown(() => {
      resolve();
      return new Promise((all) => (done = all));
    });
  });
  await guest.print('filled\n');
  await asked;

  const read = new Uint8Array(PAGE);
  let pages = 0;
  let own = 0;
  let found = 0;
  for (; guest.memory.read(pages * PAGE, read); pages++) {
    if (Buffer.from(read).includes(mine)) own++;
    if (Buffer.from(read).includes(wanted)) found++;
  }
  const beyond = [pages, pages + 1, 2 * pages, 2 ** 20 - 1, 2 ** 32].filter(
    (number) => guest.memory.find(number * PAGE, 1, ANY) >= 0 || guest.memory.write(number * PAGE, page),
  );
  // A disk that is asked to read into memory that is not the guest's must not.
  const status = await new Promise<number>((done) => {
    if (!disk!.submitPages(0, 0, 8, [pages + 3], 0, done)) done(-1);
  });
  const all = own === size ? 'all' : own;
  await guest.print(`pages ${pages}, own ${all}, found ${found}, beyond ${beyond.length}, disk says ${status}\n`);
  done();
  return 0;
}
