/** Sends so many frames through netvsc, and takes them back. Arguments: bytes of a frame, frames in flight, frames. */
import { NetworkAdapter } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  const [bytes, depth, count] = guest.args.slice(0, 3).map(Number) as [number, number, number];
  const nic = await guest.open(NetworkAdapter);
  await nic.ready;
  const frame = new Uint8Array(bytes).fill(0xff, 0, 6);
  await new Promise<void>((over) => {
    let frames = 0;
    nic.onFrame(() => {
      if (++frames >= count) over();
      else nic.send(frame);
    });
    for (let i = 0; i < depth; i++) nic.send(frame);
  });
}
