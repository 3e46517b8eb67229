/** Guests that do everything wrong: they harm nobody but themselves. */
import { join } from 'node:path';
import { createDisk } from '@ringlet/root-partition';
import { defaultLimits } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { sharedSystem } from '../src/machine/system.ts';
import { example, fixture, moduleWith, run, start, temporaryFolder } from './machines.ts';

const MIB = 1024 * 1024;
/** Long by choice: RINGLET_FUZZ_SECONDS=600. With RINGLET_FUZZ_SEED the first guest repeats a run. */
const SECONDS = Number(process.env['RINGLET_FUZZ_SECONDS'] ?? 3);
const SEED = Number(process.env['RINGLET_FUZZ_SEED'] ?? Date.now() % 1_000_000);

test(
  'guests that shout nonsense at everything disturb nobody, and can be turned off',
  async () => {
    const folder = temporaryFolder();
    const image = join(folder, 'disk.vhdx');
    createDisk(image, { format: 'vhdx', size: 16 * MIB });
    const disks = [{ path: image }];
    const victim = await start({ name: 'victim', guest: fixture('disk-loop.ts'), disks });
    await victim.printed('going');

    const hostile = await Promise.all(
      [SEED, SEED + 1].map((seed) =>
        start({
          name: `hostile ${seed}`,
          guest: fixture('hostile.ts'),
          args: [String(seed), String(SECONDS * 1000)],
          disks,
          devices: [example('echo.ts')],
        }),
      ),
    );
    process.stdout.write(`hostile guests: seeds ${SEED} and ${SEED + 1}, ${SECONDS} s\n`);
    await Promise.all(hostile.map(({ printed }) => printed('part 1')));
    const early = process.memoryUsage().rss;
    await Promise.all(hostile.map(({ printed }) => printed('part 3')));
    const late = process.memoryUsage().rss;

    for (const { machine, console, events } of hostile) {
      // It came through to its devices, and still does nothing but wrong.
      const [, deeds, answers] = /part 3: (\d+) deeds, ([\d and]+) answers/.exec(console())!;
      process.stdout.write(`${machine.name}: ${deeds} deeds, ${answers} answers\n`);
      expect(Number(deeds)).toBeGreaterThan(100);
      const [storage, echo, ...seat] = answers!.split(' and ').map(Number);
      expect(storage).toBeGreaterThan(0);
      expect(echo).toBeGreaterThan(0);
      // These answer little but introductions, and most of those are spoilt by what follows at once.
      expect(seat).toHaveLength(3);
      expect(seat.reduce((sum, count) => sum + count)).toBeGreaterThan(0);
      expect(await machine.inspect('state')).toBe('running');
      // Bounded, whatever it asked for.
      const gpadls = (await machine.inspect('vmbus/bus/gpadls')) as { count: number; pages: number };
      expect(gpadls.count).toBeLessThanOrEqual(defaultLimits.gpadls);
      expect(gpadls.pages).toBeLessThanOrEqual(defaultLimits.gpadlPages);
      expect(await machine.inspect('vmbus/deviceFailures')).toBe(0);
      expect(events.filter((event) => event.type === 'guest-error').length).toBeLessThan(1000);
      await machine.powerOff();
      expect(await machine.finished).toEqual({ reason: 'killed' });
    }
    expect((late - early) / MIB).toBeLessThan(200);

    await victim.machine.shutdown({ timeoutMs: 20_000 });
    expect(await victim.machine.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(Number(/rounds (\d+)/.exec(victim.console())![1])).toBeGreaterThan(10);
  },
  60_000 + SECONDS * 2000,
);

test.each([
  ['the hypercall page', 'for (;;) guest.writeMsr(0x40000001, 0x1001n);'],
  ['the reference TSC page', 'for (;;) guest.writeMsr(0x40000021, 0x1001n);'],
  ['its message page', 'for (let page = 0x20n; ; page++) guest.writeMsr(0x40000083, ((page & 0x3ffn) << 12n) | 1n);'],
  ['messages', 'const message = post(); for (;;) guest.hypercall(0x5cn, message, 0n);'],
])('a guest that is ended while it is busy with %s holds nothing up', async (_what, body) => {
  const path = moduleWith(`
    export default async function main(guest) {
      const post = () => {
        // Connection 1, type 1, eight bytes: REQUESTOFFERS.
        const page = guest.pages.allocate(1) * 4096;
        guest.memory.write(page, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 3));
        return BigInt(page);
      };
      await guest.bus.connect();
      await guest.print('busy\\n');
      ${body}
    }
  `);
  for (let round = 0; round < 5; round++) {
    const { machine, printed } = await start({ guest: path });
    await printed('busy');
    await new Promise((later) => setTimeout(later, round));
    await machine.powerOff();
    expect(await machine.finished).toEqual({ reason: 'killed' });
  }
  expect((await run({ guest: example('hello.ts') })).result).toEqual({ reason: 'power-off', code: 0 });
  expect(sharedSystem().kernel.inspect()['partitionsInUse']).toBe(1);
});
