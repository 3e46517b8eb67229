/** What a guest prints: all of it, in order, as text, and no faster than the host takes it. */
import { expect, test } from 'vitest';
import { guestWith, moduleWith, run, start } from './machines.ts';

const MIB = 1024 * 1024;

/** Lines with numbers, so that one that is missing, doubled or out of place shows. */
function lines(from: number, bytes: number): string {
  let text = '';
  for (let n = from; text.length < bytes; n++) text += `line ${n} of very many\n`;
  return text;
}

test('who subscribes late is shown what was printed before', async () => {
  const { machine, result } = await run({ guest: guestWith(`await guest.print('a'); await guest.print('b');`) });
  let late = '';
  machine.console$.subscribe((text) => (late += text));
  expect(late).toBe('ab');
  expect(result).toEqual({ reason: 'power-off', code: 0 });
});

test.each(['threads', 'lockstep'] as const)(
  'characters of several bytes survive any cut between pieces (%s)',
  async (harness) => {
    // Ten bytes a group: no piece of a power of two ends where a group ends.
    const group = 'aä€😀';
    const { console, machine } = await run({
      guest: guestWith(`await guest.print('${group}'.repeat(10_000));`),
      harness,
    });
    let late = '';
    machine.console$.subscribe((text) => (late += text));
    expect(console() === group.repeat(10_000)).toBe(true);
    expect(late === console()).toBe(true);
  },
);

test('a character that is never finished is shown as such', async () => {
  const { console } = await run({
    // The first two bytes of a euro sign, by hypercall: HvCallOutputDebugCharacter, fast.
    guest: guestWith(`
      await guest.print('<');
      const output = (byte) => guest.hypercall(0x10071n, BigInt(byte), 0n);
      output(0xe2); output(0x82);
    `),
  });
  expect(console()).toBe('<\ufffd');
});

test('ten megabytes arrive whole, and the guest waits while the host takes nothing', async () => {
  const { machine, console, printed } = await start({
    guest: guestWith(`
      const lines = ${lines.toString()};
      await guest.print('up');
      let longest = 0;
      for (let n = 0; n < 10; n++) {
        const text = lines(n * 1_000_000, ${MIB});
        const began = guest.now();
        await guest.print(text);
        longest = Math.max(longest, guest.now() - began);
      }
      await guest.print('longest wait: ' + Math.round(longest));
    `),
  });
  await printed('up');
  // This thread is the one that takes console output.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });

  let expected = 'up';
  for (let n = 0; n < 10; n++) expected += lines(n * 1_000_000, MIB);
  const text = console();
  const at = text.indexOf('longest wait: ');
  expect(at).toBe(expected.length);
  expect(text.startsWith(expected)).toBe(true);
  expect(Number(text.slice(at + 'longest wait: '.length))).toBeGreaterThan(300);
});

test('what a guest has printed is not lost when it ends at once, without waiting for it', async () => {
  const { console } = await run({
    guest: guestWith(`
      const lines = ${lines.toString()};
      void guest.print(lines(0, ${3 * MIB}));
    `),
  });
  expect(console() === lines(0, 3 * MIB)).toBe(true);
});

test('the last words of a guest that crashes are not lost', async () => {
  const { console, result } = await run({
    guest: guestWith(`await guest.print('last words'); throw new Error('end');`),
  });
  expect(console()).toBe('last words');
  expect(result.reason).toBe('crash');
});

test('every virtual processor prints', async () => {
  const { machine, printed, console } = await start({
    cpus: 3,
    guest: moduleWith(`
      export default async function main(guest) {
        await guest.print('0');
        await new Promise((asked) => guest.onShutdown(() => asked()));
      }
      export const secondary = (guest) => guest.print(String(guest.vpIndex));
    `),
  });
  for (const vp of ['0', '1', '2']) await printed(vp);
  await machine.powerOff();
  expect(console().split('').toSorted()).toEqual(['0', '1', '2']);
});

test('a line is shown before the guest gets to what it announces', async () => {
  const { machine, printed, console } = await start({
    guest: guestWith(
      `await guest.sleep(1); await guest.print('one\\ntwo\\n'); await guest.print('three\\n'); for (;;);`,
    ),
  });
  await printed('three');
  expect(console()).toBe('one\ntwo\nthree\n');
  await machine.powerOff();
});
