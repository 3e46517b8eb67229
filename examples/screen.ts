/** A machine's screen from the library: paints in `paint.ts`, and writes what it shows. `npx tsx examples/screen.ts` */
// #region screen
import { writeFileSync } from 'node:fs';
import { encodePng, Machine } from 'ringlet';

const machine = new Machine({ guest: 'examples/paint.ts', display: { width: 640, height: 480 } });
machine.display.mode$.subscribe((mode) => console.log(mode ? `${mode.width}x${mode.height}` : 'no picture'));
const ready = new Promise<void>((resolve) => {
  machine.console$.subscribe((text) => text.includes('painting') && resolve());
});
await machine.start();
await ready;

await machine.mouse.move(100, 50);
await machine.mouse.press('left');
await machine.mouse.move(300, 200);
await machine.mouse.release('left');
writeFileSync(process.argv[2] ?? 'screen.png', encodePng(await machine.display.screenshot()));
await machine.keyboard.press('escape');
console.log(await machine.finished);
await machine.dispose();
// #endregion
