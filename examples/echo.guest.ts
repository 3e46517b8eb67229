/** Opens the echo device and checks that what comes back is what was sent. */
import type { Guest } from 'ringlet';
import EchoClient from './echo.vsc.ts';

export default async function main(guest: Guest): Promise<number> {
  const echo = await guest.open(EchoClient);
  for (const size of [8, 64, 512, 4096]) {
    const sent = Uint8Array.from({ length: size }, (_, i) => (i * 7) & 0xff);
    const answer = await echo.echo(sent);
    const same = sent.every((byte, i) => answer[i] === byte);
    await guest.print(`${size} bytes out, ${answer.length} bytes back: ${same ? 'the same' : 'DIFFERENT'}\n`);
    if (!same) return 1;
  }
  return 0;
}
