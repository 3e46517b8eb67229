/** A painting program: the left button draws, the wheel changes the colour, `c` clears, Escape ends. */
import { Keyboard, Mouse, Screen } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const COLOURS = [0x202020, 0xd03030, 0x30a040, 0x3060d0, 0xe0b020];
const PAPER = 0xf8f4e8;
const PEN = 6;
const LEFT_BUTTON = 1;

export default async function main(guest: Guest): Promise<void> {
  const [screen, keyboard, mouse] = await Promise.all([guest.open(Screen), guest.open(Keyboard), guest.open(Mouse)]);
  const canvas = await screen.show();
  await Promise.all([keyboard.ready, mouse.ready]);
  let colour = 0;
  let last: { x: number; y: number } | undefined;

  const clear = () => {
    canvas.fill(0, 0, canvas.width, canvas.height, PAPER);
    canvas.fill(0, 0, canvas.width, 2 * PEN, COLOURS[colour]!);
    screen.flush();
  };
  clear();
  await guest.print(`painting on ${canvas.width} by ${canvas.height} pixels; Escape ends\n`);

  mouse.reports$.subscribe((report) => {
    const to = { x: Math.floor(report.x * canvas.width), y: Math.floor(report.y * canvas.height) };
    if (report.wheel !== 0) {
      colour = (colour + COLOURS.length + Math.sign(report.wheel)) % COLOURS.length;
      canvas.fill(0, 0, canvas.width, 2 * PEN, COLOURS[colour]!);
    }
    if ((report.buttons & LEFT_BUTTON) !== 0) {
      const from = last ?? to;
      const steps = Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y), 1);
      for (let i = 0; i <= steps; i++) {
        const x = from.x + ((to.x - from.x) * i) / steps;
        const y = from.y + ((to.y - from.y) * i) / steps;
        canvas.fill(Math.round(x) - PEN / 2, Math.round(y) - PEN / 2, PEN, PEN, COLOURS[colour]!);
      }
    }
    last = (report.buttons & LEFT_BUTTON) !== 0 ? to : undefined;
    screen.flush();
  });
  await new Promise<void>((end) => {
    keyboard.keys$.subscribe(({ down, text, name }) => {
      if (down && text === 'c') clear();
      if (down && name === 'escape') end();
    });
  });
  await guest.print('goodbye\n');
}
