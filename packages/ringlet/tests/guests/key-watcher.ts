/** Prints every key that goes down, until F12 does. */
import { Keyboard } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  const keyboard = await guest.open(Keyboard);
  await keyboard.ready;
  await guest.print('ready\n');
  await new Promise<void>((end) => {
    keyboard.keys$.subscribe(({ down, key, name, text }) => {
      if (down) void guest.print(`[${[key?.toString(16), name, text].join(',')}]`);
      if (name === 'f12' && !down) end();
    });
  });
}
