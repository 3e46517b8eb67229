/** Screen, keyboard and mouse of a machine, with the drivers of TypeScript guests: both ends of all three are ours here. */
import { type Machine, type Picture } from 'ringlet';
import { expect, test } from 'vitest';
import { example, fixture, guestWith, PATIENTLY, run, start } from './machines.ts';

const MIB = 1024 * 1024;
const MEMORY = 32 * MIB;
const PAPER = 0xf8f4e8;
const [BLACK, RED] = [0x202020, 0xd03030];

function colourAt({ width, pixels }: Picture, x: number, y: number): number {
  const at = (y * width + x) * 4;
  return (pixels[at]! << 16) | (pixels[at + 1]! << 8) | pixels[at + 2]!;
}

const pixel = async (machine: Machine, x: number, y: number): Promise<number> =>
  colourAt(await machine.display.screenshot({ left: x, top: y, right: x + 1, bottom: y + 1 }), 0, 0);

test.each(['threads', 'lockstep'] as const)(
  'paint: what is drawn with the mouse is on the screen (%s)',
  async (harness) => {
    const { machine, printed } = await start({
      guest: example('paint.ts'),
      memory: MEMORY,
      harness,
      display: { width: 800, height: 600 },
    });
    await printed('painting on 800 by 600 pixels');
    expect(await pixel(machine, 400, 300)).toBe(PAPER);

    const changed: unknown[] = [];
    machine.display.dirty$.subscribe((parts) => changed.push(...parts));
    await machine.mouse.act(
      { action: 'move', x: 100, y: 100 },
      { action: 'press', button: 'left' },
      { action: 'move', x: 300, y: 200 },
      { action: 'release', button: 'left' },
    );
    await expect.poll(() => pixel(machine, 200, 150), PATIENTLY).toBe(BLACK);
    expect(await pixel(machine, 200, 170)).toBe(PAPER);
    await expect.poll(() => changed.length, PATIENTLY).toBeGreaterThan(0);

    await machine.mouse.scroll(1);
    await machine.mouse.move(500, 400);
    await machine.mouse.click();
    await expect.poll(() => pixel(machine, 500, 400), PATIENTLY).toBe(RED);

    await machine.keyboard.type('c');
    await expect.poll(() => pixel(machine, 500, 400), PATIENTLY).toBe(PAPER);
    await machine.keyboard.press('escape');
    await expect(machine.finished).resolves.toEqual({ reason: 'power-off', code: 0 });
  },
);

test('keys arrive as what they type, by name, and as characters', async () => {
  const { machine, printed, console } = await start({
    guest: fixture('key-watcher.ts'),
  });
  await printed('ready');
  await machine.keyboard.type('aA!');
  await machine.keyboard.type('€', { unicode: true });
  await machine.keyboard.press('ctrl-alt-delete', 'pause');
  await machine.keyboard.press('f12');
  await machine.finished;
  expect(console().split('\n')[1]).toBe(
    '[1e,,a][2a,shift,][1e,,A][2a,shift,][2,,!][,,€][1d,ctrl,][38,alt,][e053,delete,][e11d,pause,][58,f12,]',
  );
});

test('a guest may change the size of its picture, and the host may wish for another', async () => {
  const { machine, printed } = await start({
    guest: fixture('two-sizes.ts'),
    memory: MEMORY,
  });
  const modes: (string | undefined)[] = [];
  machine.display.mode$.subscribe((mode) => modes.push(mode && `${mode.width}x${mode.height}`));
  await printed('small');
  await expect.poll(() => modes.at(-1), PATIENTLY).toBe('640x480');
  expect(await pixel(machine, 639, 479)).toBe(0x112233);

  await machine.display.prefer(1280, 1024);
  await printed('large 1280');
  await expect.poll(() => modes.at(-1), PATIENTLY).toBe('1280x1024');
  expect(await pixel(machine, 1279, 1023)).toBe(0x445566);
  expect(await pixel(machine, 0, 0)).toBe(0);
  await expect(machine.display.prefer(3840, 2160)).rejects.toMatchObject({ code: 'display-too-large' });
});

test('what cannot be done is refused with its own code', async () => {
  const { machine } = await start({ guest: guestWith(`await new Promise(() => {});`) });
  await expect(machine.display.screenshot()).rejects.toMatchObject({ code: 'display-off' });
  await expect(machine.keyboard.type('x')).rejects.toMatchObject({ code: 'keyboard-not-ready' });
  await expect(machine.keyboard.type('naïve €')).rejects.toMatchObject({
    code: 'text-untypable',
    message: 'no key of the US layout types ï (U+00EF), € (U+20AC)',
  });
  await expect(machine.keyboard.press('ctrl-entre')).rejects.toMatchObject({ code: 'key-unknown' });
  await expect(machine.mouse.click()).rejects.toMatchObject({ code: 'mouse-not-ready' });
  await expect(machine.mouse.move(1, 1)).rejects.toMatchObject({ code: 'display-off' });
});

test('a machine without a display offers none of the three, and says so', async () => {
  const { machine, printed, console } = await start({
    guest: guestWith(
      `await guest.bus.connect(); await guest.print('offers ' + guest.bus.offers.map((offer) => offer.interfaceId).join(' ') + ' end'); await new Promise(() => {});`,
    ),
    display: 'none',
  });
  await printed(' end');
  for (const id of ['da0a7802', 'f912ad6d', 'cfa8b69e']) expect(console()).not.toContain(id);
  await expect(machine.display.screenshot()).rejects.toMatchObject({ code: 'display-absent' });
  await expect(machine.keyboard.press('enter')).rejects.toMatchObject({ code: 'display-absent' });
});

test('a machine that has ended cannot be asked, and its streams are complete', async () => {
  const { machine } = await run({ guest: guestWith(`return 0;`) });
  await expect(machine.display.screenshot()).rejects.toMatchObject({ code: 'machine-not-running' });
  await expect(machine.keyboard.type('x')).rejects.toMatchObject({ code: 'machine-not-running' });
  await machine.dispose();
  const completed: string[] = [];
  machine.display.mode$.subscribe({ complete: () => completed.push('mode') });
  machine.display.dirty$.subscribe({ complete: () => completed.push('dirty') });
  expect(completed).toEqual(['mode', 'dirty']);
});
