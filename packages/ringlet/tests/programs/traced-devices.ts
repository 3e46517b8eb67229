/** A guest that uses screen, keyboard, mouse and disk, for traces of them. It ends when Escape is pressed. */
import { Keyboard, Mouse, Screen, StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  const [screen, keyboard, mouse] = await Promise.all([guest.open(Screen), guest.open(Keyboard), guest.open(Mouse)]);
  const canvas = await screen.show();
  await Promise.all([keyboard.ready, mouse.ready]);
  canvas.fill(0, 0, 8, 8, 0xff0000);
  screen.flush();
  const controller = await guest.open(StorageController);
  const [disk] = await controller.ready;
  const moved = new Promise<void>((done) => mouse.reports$.subscribe(() => done()));
  const escaped = new Promise<void>((done) => keyboard.keys$.subscribe(({ name }) => name === 'escape' && done()));
  const page = guest.pages.allocate(1) * 4096;
  await disk!.read(0, 8, page);
  // Beyond its end: an answer with sense data.
  await disk!.read(2 ** 30, 1, page).catch(() => undefined);
  await guest.print('ready\n');
  await Promise.all([moved, escaped]);
}
