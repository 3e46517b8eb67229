/** A guest that uses multiplier: ringlet run multiplier.guest.ts --device multiplier.ts; asks again and again with -- --follow */
import type { Guest } from 'ringlet';
import MultiplierClient from './multiplier.vsc.ts';

export default async function main(guest: Guest): Promise<number> {
  const follow = guest.args.includes('--follow');
  do {
    // Waits for the device: also for its next version, after one was taken away.
    const device = await guest.open(MultiplierClient);
    for (let value = 21; ; value++) {
      const answer = await device.ask(value);
      if (answer === undefined) break;
      await guest.print(`${value} -> ${answer.value}, answer ${answer.count}\n`);
      if (!follow) return 0;
      await guest.sleep(500);
    }
    await guest.print('multiplier is gone\n');
  } while (follow);
  return 1;
}
