/** Machines that share a pool of memory: what one leaves, another has, and nobody sees what was there. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine, MemoryPool } from 'ringlet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { echoKernel } from './echo-kernel.ts';

const MIB = 1024 * 1024;
let folder: string;
let kernel: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-pool-'));
  kernel = join(folder, 'kernel');
  writeFileSync(kernel, echoKernel());
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Resolves when the guest has printed a text. */
const printed = (machine: Machine, text: string): Promise<void> =>
  new Promise((resolve) => {
    let said = '';
    machine.console$.subscribe((piece) => {
      said += piece;
      if (said.includes(text)) resolve();
    });
  });

test('machines live in a pool side by side, and what one leaves is for the next', async () => {
  // #region pool
  const pool = new MemoryPool({ size: 128 * MIB });
  const make = (name: string) => new Machine({ name, kernel, memory: 16 * MIB, display: 'none', pool });
  const [first, second, third] = [make('first'), make('second'), make('third')];
  // #endregion
  try {
    for (const machine of [first, second]) {
      const ready = printed(machine, '>');
      await machine.start();
      await ready;
    }
    const both = pool.free;
    expect(both).toBeLessThan(128 * MIB - 2 * 16 * MIB);
    await expect(third.start()).rejects.toMatchObject({ code: 'pool-too-small' });
    expect(pool.free).toBe(both);

    await first.dispose();
    const fourth = make('fourth');
    const ready = printed(fourth, '>');
    await fourth.start();
    await ready;
    expect(pool.free).toBe(both);
    // The one beside it has noticed nothing.
    const echoed = printed(second, 'still here');
    second.write('still here');
    await echoed;
    await fourth.dispose();
  } finally {
    await Promise.all([first, second, third].map((machine) => machine.dispose()));
  }
  expect(pool.free).toBe(pool.size);
});

test.each([[1], [32 * MIB], [64 * MIB + 1], [5000 * MIB]])('a pool of %i bytes is refused', (size) => {
  expect(() => new MemoryPool({ size })).toThrow(expect.objectContaining({ code: 'pool-size-invalid' }));
});

test('a machine is told what it is to have, and says what it has', async () => {
  // #region limits
  const dynamicMemory = { min: 32 * MIB, max: 128 * MIB };
  const machine = new Machine({ kernel, memory: 64 * MIB, dynamicMemory, display: 'none' });
  await machine.start();
  const { policy, target } = await machine.memory.set(48 * MIB); // the guest's driver takes its time to follow
  const { assigned, free, demand } = await machine.memory.report();
  // #endregion
  await machine.dispose();
  // This guest has no driver that would follow, or say what it needs.
  expect({ policy, target, assigned, demand }).toEqual({
    policy: 'by-hand',
    target: 48 * MIB,
    assigned: 64 * MIB,
    demand: null,
  });
  expect(free).toBeGreaterThan(0);
});

test('neither a guest module nor a run in lockstep is in a pool', () => {
  const pool = new MemoryPool({ size: 64 * MIB });
  for (const options of [
    { guest: 'examples/hello.ts', pool },
    { kernel, pool, harness: 'lockstep' as const },
  ]) {
    expect(() => new Machine(options)).toThrow(expect.objectContaining({ code: 'pool-not-shared' }));
  }
});
