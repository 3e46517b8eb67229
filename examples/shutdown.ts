/** Waits until the host asks it to shut down (`ringlet stop NAME`, or Ctrl-C), tidies up, and turns itself off. */
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  await guest.print('running until I am asked to stop\n');
  await new Promise<void>((asked) => guest.onShutdown(() => asked()));
  await guest.print('asked to stop: goodbye\n');
}
