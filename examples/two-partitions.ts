/** One of two guests that run at once: it fills its memory with its own mark and looks whether anything else appears. */
import type { Guest } from 'ringlet';

const PAGE = 4096;
const ROUNDS = 20;

export default async function main(guest: Guest): Promise<number> {
  const name = guest.args[0] ?? 'lone';
  const mark = name.charCodeAt(0);
  const pages = 1024;
  const mine = guest.pages.allocate(pages) * PAGE;
  guest.memory.fill(mine, mark, pages * PAGE);
  await guest.print(
    `${name}: ${guest.memory.limit / 1024 ** 2} MiB of memory, ${pages} pages of it marked "${name[0]}"\n`,
  );

  const found = new Uint8Array(pages * PAGE);
  for (let round = 0; round < ROUNDS; round++) {
    await guest.sleep(5);
    guest.memory.read(mine, found);
    if (found.some((byte) => byte !== mark)) {
      await guest.print(`${name}: somebody else wrote to my memory\n`);
      return 1;
    }
  }
  const beyond = guest.memory.read(guest.memory.limit, new Uint8Array(1));
  await guest.print(`${name}: all of it is still mine; beyond it ${beyond ? 'there is more?!' : 'there is nothing'}\n`);
  return beyond ? 1 : 0;
}
