/** Opens two echo devices. The first throws when it gets a packet; the second must answer all the same. */
import type { Guest } from 'ringlet';
import EchoClient from '../../../../examples/echo.vsc.ts';

const FAILING = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2bff';
const SOUND = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01';

export default async function main(guest: Guest): Promise<number> {
  const failing = await guest.open(EchoClient, { instanceId: FAILING });
  const sound = await guest.open(EchoClient, { instanceId: SOUND });
  let answered = false;
  void failing.echo(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)).then(() => (answered = true));
  await guest.sleep(50);
  const answer = await sound.echo(Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1));
  await guest.print(`failing answered: ${answered}, sound answered: ${answer.join()}\n`);
  return 0;
}
