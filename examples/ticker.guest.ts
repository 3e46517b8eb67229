/** Listens to the ticker: ringlet run examples/ticker.guest.ts --device examples/ticker.ts --lockstep */
import type { Guest } from 'ringlet';
import { Protocol } from './ticker.ts';

export default async function main(guest: Guest): Promise<void> {
  const channel = await guest.open(Protocol.interfaceId);
  const last = new Promise<void>((heard) => {
    channel.onPacket((packet) => {
      const tick = Protocol.decode(packet.payload());
      void guest.print(`${tick?.seconds} s\n`);
      if (tick?.seconds === 3) heard();
    });
  });
  await last;
}
