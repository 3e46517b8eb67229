/**
 * Sends frames through netvsc and counts those that come back; prints one JSON line.
 *
 * Arguments: bytes of a frame, frames in flight, milliseconds.
 */
import { NetworkAdapter } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

/** Far longer than a frame is on its way: then it is lost, and another is sent for it. */
const LOST_MS = 200;

export default async function main(guest: Guest): Promise<number> {
  const [bytes, depth, milliseconds] = guest.args.slice(0, 3).map(Number) as [number, number, number];
  const nic = await guest.open(bytes > 1514 ? NetworkAdapter.withMtu(9000) : NetworkAdapter);
  await nic.ready;
  const frame = new Uint8Array(bytes).fill(0xff, 0, 6);

  const run = async (duration: number): Promise<{ frames: number; elapsed: number }> => {
    let frames = 0;
    let running = true;
    nic.onFrame(() => {
      frames++;
      if (running) nic.send(frame);
    });
    const began = guest.now();
    for (let i = 0; i < depth; i++) nic.send(frame);
    for (let before = -1; guest.now() - began < duration; before = frames) {
      if (frames === before) for (let i = 0; i < depth; i++) nic.send(frame);
      await guest.sleep(Math.min(LOST_MS, duration - (guest.now() - began)));
    }
    running = false;
    const result = { frames, elapsed: guest.now() - began };
    await guest.sleep(LOST_MS);
    return result;
  };

  // Threads need a while to find out that polling pays, and the engine to compile.
  await run(Math.max(milliseconds / 2, 1000));
  const { frames, elapsed } = await run(milliseconds);
  await guest.print(`${JSON.stringify({ bytes, depth, frames, elapsed })}\n`);
  return 0;
}
