/**
 * Screen, keyboard and mouse under Linux's own drivers: what the console shows is read off its picture, what is typed
 * arrives at a shell on the screen, and the mouse is seen by evtest.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePng, Machine, type Rectangle } from 'ringlet';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { controlDirectory } from '../src/control/directory.ts';
import { serveControl } from '../src/control/server.ts';
import { DebianGuests } from './debian-guest.ts';
import { FAKE_FACTS } from './fake-machine.ts';
import { type GuestFiles, hostProgram, textFile, withFiles } from './guest-files.ts';
import { ringlet } from './launcher.ts';
import { temporaryFolder } from './machines.ts';
import { ScreenReader } from './screen-reader.ts';
import { SerialShell } from './serial-shell.ts';

const debian = new DebianGuests();
const MINUTE = 60_000;
const WAIT = { timeout: 3 * MINUTE, interval: 200 } as const;
/** Instance of the video device, by which Linux's drivers are bound to it. */
const VIDEO = '72696e67-6c65-7464-8353-000000000000';

/** Clears the screen, hides the cursor. */
const CLEAN = '\u001b[2J\u001b[H\u001b[?25l';
/** Every character that has a shape, from ! to ~. */
const ALPHABET = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('');
const ALPHABET_ROWS = [ALPHABET.slice(0, 47), ALPHABET.slice(47)];
/** A screenful in which every character stands in many places: each row is the alphabet, turned. */
const PAGE = Array.from({ length: 36 }, (_, i) =>
  `${ALPHABET.slice((i * 5) % 94)} ${ALPHABET.slice(0, (i * 5) % 94)}`.trimEnd(),
);

const FILES: GuestFiles = {
  ...textFile('etc/alphabet', `${CLEAN}${ALPHABET_ROWS.join('\n')}\n`),
  ...textFile('etc/page', `${CLEAN}${PAGE.join('\n')}\n`),
};

/** Boots a machine whose screen shows a shell. */
async function boot(context: TestContext, name: string, more: GuestFiles = {}) {
  const image = await debian.image(context, name);
  const initrd = join(temporaryFolder(), 'initrd');
  withFiles(image.initrd, { ...FILES, ...more }, initrd);
  const machine = new Machine({ name: 'screen', kernel: image.kernel, initrd, commandLine: image.commandLine });
  onTestFinished(() => machine.dispose());
  const shell = new SerialShell(machine);
  await machine.start();
  await shell.ready();
  return { machine, shell, ...(await readable(machine, shell)) };
}

/** Teaches a reader the console's characters. @returns what reads the screen, once its shell asks for a command */
async function readable(machine: Machine, shell: SerialShell) {
  await shell.run('cat /etc/alphabet > /dev/tty1');
  await expect.poll(() => learned(machine), WAIT).toBe(95);
  const reader = new ScreenReader(await machine.display.screenshot(), ALPHABET_ROWS);
  const rows = async (): Promise<string[]> => reader.read(await machine.display.screenshot());
  const lastRow = async (): Promise<string | undefined> => (await rows()).findLast((row) => row !== '');
  const prompt = async (): Promise<void> => {
    await expect.poll(lastRow, WAIT).toBe('~ #');
    // What is typed while the shell sets its terminal up is lost on it, as on any other: it reads once it echoes.
    await expect
      .poll(async () => {
        await machine.keyboard.type('x');
        return lastRow();
      }, WAIT)
      .toMatch(/^~ # x+$/);
    await machine.keyboard.press('ctrl-u');
    await expect.poll(lastRow, WAIT).toBe('~ #');
  };
  await machine.keyboard.press('enter');
  await prompt();
  return { reader, rows, prompt };
}

/** Shapes that the screen shows where the alphabet will be. Until all of it is drawn there are fewer than 95. */
async function learned(machine: Machine): Promise<number> {
  try {
    return new ScreenReader(await machine.display.screenshot(), ALPHABET_ROWS).size;
  } catch {
    return 0;
  }
}

/** What the drivers of these devices complained about. */
const complaints = (shell: SerialShell): Promise<string> =>
  shell.run('dmesg -r | grep -E "^<[0-4]>" | grep -iE "hyperv|hv_|hid|drm|fb0|synthvid"');

/** The driver that is bound to a device of the bus. */
const driverOf = (shell: SerialShell, instance: string): Promise<string> =>
  shell.run(`basename $(readlink /sys/bus/vmbus/devices/${instance}/driver)`);

test.for([
  ['debian', 'hyperv_fb'],
  ['debian-generic', 'hyperv_drm'],
] as const)(
  '%s: %s shows the console, and text typed at it arrives',
  { timeout: 20 * MINUTE },
  async ([name, driver], context) => {
    const { machine, shell, rows, prompt } = await boot(context, name);
    expect(await driverOf(shell, VIDEO)).toBe(`${driver}\n`);

    // A screenful that it has not learned from reads back as its text.
    await machine.keyboard.type('cat /etc/page\n');
    await expect.poll(async () => (await rows()).slice(0, PAGE.length), WAIT).toEqual(PAGE);

    // Every character that can be typed arrives: on the screen, and at the program that runs there.
    await prompt();
    await machine.keyboard.type(`clear; cat > /tmp/typed\n${ALPHABET}\n`);
    await expect.poll(rows, WAIT).toContain(ALPHABET);
    await machine.keyboard.press('ctrl-d');
    await expect.poll(() => shell.run('cat /tmp/typed'), WAIT).toBe(`${ALPHABET}\n`);

    // What one terminal's shell prints is what the other's does.
    await prompt();
    await machine.keyboard.type('clear; uname -a; tty\n');
    await expect.poll(rows, WAIT).toContain('/dev/tty1');
    expect(await rows()).toContain((await shell.run('uname -a')).trimEnd());

    // The guest tells what it changes while somebody watches.
    const dirty: Rectangle[] = [];
    const watching = machine.display.dirty$.subscribe((parts) => dirty.push(...parts));
    await machine.keyboard.type('x');
    await expect.poll(() => dirty.length, WAIT).toBeGreaterThan(0);
    watching.unsubscribe();
    for (const { left, top, right, bottom } of dirty) {
      expect(left >= 0 && top >= 0 && left < right && top < bottom && right <= 1024 && bottom <= 768).toBe(true);
    }

    // Bound again, the driver finds the resolution that the host would rather have.
    const modes: string[] = [];
    machine.display.mode$.subscribe((mode) => modes.push(mode ? `${mode.width}x${mode.height}` : 'none'));
    await machine.display.prefer(1280, 720);
    const bound = (what: string): string => `echo ${VIDEO} > /sys/bus/vmbus/drivers/${driver}/${what}`;
    await shell.run(bound('unbind'));
    await expect.poll(() => modes.at(-1), WAIT).toBe('none');
    await shell.run(bound('bind'));
    await expect.poll(() => modes.at(-1), WAIT).toBe('1280x720');
    expect(modes).toEqual(['1024x768', 'none', '1280x720']);
    await shell.run('cat /etc/alphabet > /dev/tty1');
    await expect.poll(async () => (await rows()).slice(0, 2), WAIT).toEqual(ALPHABET_ROWS);

    expect(await complaints(shell)).toBe('');
    expect(await machine.inspect('guestErrors')).toEqual({});
  },
);

test(
  'the command line takes a screenshot, types and clicks; evtest sees the mouse, fbset changes the picture',
  { timeout: 15 * MINUTE },
  async (context) => {
    const tools = [hostProgram('evtest'), hostProgram('fbset')];
    if (tools.includes(undefined)) context.skip('evtest or fbset is not here');
    if (spawnSync('pngtopnm', ['--version']).error) context.skip('pngtopnm is not here: install netpbm');
    const { machine, shell, reader, rows } = await boot(context, 'debian', Object.assign({}, ...tools) as GuestFiles);
    const folder = temporaryFolder();
    const server = await serveControl(
      machine,
      { ...FAKE_FACTS, kind: 'x86-64' },
      controlDirectory({ RINGLET_RUN_DIR: join(folder, 'run') }),
    );
    onTestFinished(() => server.close());
    const command = async (...words: string[]): Promise<void> => {
      expect(await ringlet(folder, ...words)).toMatchObject({ status: 0 });
    };

    // Typed from a shell of the host, read off the file that another one has made.
    await command(
      'type',
      'screen',
      'clear; echo $((6 * 7)) "Hello, \\"screen\\"" > /tmp/said; cat /tmp/said',
      '--enter',
    );
    await expect.poll(() => shell.run('cat /tmp/said'), WAIT).toBe('42 Hello, "screen"\n');
    await expect.poll(rows, WAIT).toContain('42 Hello, "screen"');
    const file = join(folder, 'screen.png');
    await command('screenshot', 'screen', file);
    expect(reader.read(decodePng(file))).toContain('42 Hello, "screen"');

    // 16400 is the middle of pixel 512 of 1024, on a way of 32768.
    const mice = 'grep -sl HID-compliant /sys/class/input/event*/device/name | cut -d/ -f5';
    await expect.poll(() => shell.run(mice), WAIT).toMatch(/^event\d+\n$/);
    const event = (await shell.run(mice)).trim();
    await shell.run(`(evtest /dev/input/${event} > /tmp/events 2>&1 &)`);
    await expect.poll(() => shell.run('cat /tmp/events'), WAIT).toContain('Testing ...');
    await command('mouse', 'screen', 'move', '512', '384', 'click', 'right', 'scroll', '--', '-2');
    await expect.poll(() => shell.run('cat /tmp/events'), WAIT).toContain('REL_WHEEL), value -2');
    const events = await shell.run('grep -o "(ABS_.), value.*\\|(BTN_.*), value.*\\|(REL_WHEEL), value.*" /tmp/events');
    expect(events.trim().split('\n')).toEqual([
      '(ABS_X), value 16400',
      '(ABS_Y), value 16405',
      '(BTN_RIGHT), value 1',
      '(BTN_RIGHT), value 0',
      '(REL_WHEEL), value -2',
    ]);

    // Another virtual terminal, which there is once somebody has used it, by its chord.
    await shell.run('echo > /dev/tty2');
    await command('type', 'screen', '--keys', 'alt-f2');
    await expect.poll(() => shell.run('cat /sys/class/tty/tty0/active'), WAIT).toBe('tty2\n');
    await command('type', 'screen', '--keys', 'alt-f1');
    await expect.poll(() => shell.run('cat /sys/class/tty/tty0/active'), WAIT).toBe('tty1\n');

    // A smaller picture in the same memory: its rows keep their distance.
    await shell.run('fbset -xres 800 -yres 600');
    await expect
      .poll(() => machine.inspect('display/video/surface'), WAIT)
      .toEqual({ width: 800, height: 600, pitch: 4096, offset: 0 });
    await shell.run('cat /etc/alphabet > /dev/tty1');
    await expect.poll(async () => (await rows()).slice(0, 2), WAIT).toEqual(ALPHABET_ROWS);
    writeFileSync(file, encodePng(await machine.display.screenshot()));
    expect(decodePng(file)).toMatchObject({ width: 800, height: 600 });

    expect(await complaints(shell)).toBe('');
  },
);

/** The picture of a PNG file, as another program decodes it. */
function decodePng(file: string): { width: number; height: number; pixels: Uint8Array } {
  const { stdout, status } = spawnSync('pngtopnm', ['-plain', file], { maxBuffer: 2 ** 28 });
  expect(status).toBe(0);
  const [format, width, height, ...rest] = stdout
    .toString()
    .split(/\s+/)
    .filter((word) => word !== '');
  // P2 is one number a pixel, where all are grey; P3 three. Both begin with the number for white.
  const channels = format === 'P2' ? 1 : 3;
  const values = rest.slice(1).map(Number);
  const pixels = new Uint8Array(Number(width) * Number(height) * 4);
  for (let i = 0; i < pixels.length; i += 4) {
    for (let channel = 0; channel < 3; channel++) {
      pixels[i + channel] = values[(i / 4) * channels + Math.min(channel, channels - 1)]!;
    }
    pixels[i + 3] = 255;
  }
  return { width: Number(width), height: Number(height), pixels };
}
