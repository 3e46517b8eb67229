/** The lockstep harness: one thread, virtual time, and the same run for the same seed. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDisk } from '@ringlet/root-partition';
import { expect, test } from 'vitest';
import { example, guestWith, moduleWith, PATIENTLY, run, start, temporaryFolder } from './machines.ts';

const lockstep = { harness: 'lockstep' } as const;

/** A raw disk with some content. @returns its path and the SHA-256 of it */
function someDisk(bytes: number): { path: string; sha256: string } {
  const path = join(temporaryFolder(), 'disk.raw');
  writeFileSync(
    path,
    Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 7)) & 0xff),
  );
  return { path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') };
}

test('the same seed gives the same run: every step, every byte printed', async () => {
  const { path } = someDisk(3 * 1024 * 1024 + 512);
  const once = async (): Promise<unknown> => {
    const { machine, console, result } = await run({
      ...lockstep,
      guest: example('disk-sha256.ts'),
      disks: [{ path }],
      seed: 42,
    });
    return { trace: await machine.inspect('lockstep'), console: console(), result };
  };
  const first = await once();
  expect(first).toMatchObject({ result: { code: 0 }, trace: { digest: expect.stringMatching(/^[0-9a-f]{8}$/) } });
  expect(await once()).toEqual(first);
  expect(await once()).toEqual(first);
});

test('other seeds take turns in another order, and the guest sees the same', async () => {
  const { path, sha256 } = someDisk(1024 * 1024);
  const digests = new Set<unknown>();
  const consoles = new Set<string>();
  for (const seed of [1, 2, 3, 4]) {
    const { machine, console } = await run({ ...lockstep, guest: example('disk-sha256.ts'), disks: [{ path }], seed });
    digests.add(await machine.inspect('lockstep/digest'));
    consoles.add(console());
  }
  expect([...consoles]).toEqual([expect.stringContaining(`sha256 ${sha256}\n`)]);
  expect(digests.size).toBeGreaterThan(1);
});

test('a disk holds the same bytes as in the threaded harness, also what was written to it', async () => {
  const path = join(temporaryFolder(), 'disk.vhdx');
  createDisk(path, { format: 'vhdx', size: 4 * 1024 * 1024 });
  const written = await run({ ...lockstep, guest: example('disk-write.ts'), disks: [{ path, keep: true }] });
  expect(written.result).toEqual({ reason: 'power-off', code: 0 });
  const inLockstep = await run({ ...lockstep, guest: example('disk-sha256.ts'), disks: [{ path }] });
  const inThreads = await run({ guest: example('disk-sha256.ts'), disks: [{ path }], memory: 16 * 1024 * 1024 });
  expect(inLockstep.console()).toMatch(/sha256 [0-9a-f]{64}/);
  expect(inLockstep.console()).toBe(inThreads.console());
});

test('an hour of sleep takes an hour of the guest’s time, and none of the host’s', async () => {
  const began = performance.now();
  const { console } = await run({
    ...lockstep,
    guest: guestWith(`
      const before = guest.now();
      await guest.sleep(3_600_000);
      await guest.print(String(guest.now() - before));
    `),
  });
  expect(Number(console())).toBeGreaterThanOrEqual(3_600_000);
  expect(Number(console())).toBeLessThan(3_600_100);
  expect(performance.now() - began).toBeLessThan(20_000);
});

test('the time of day begins at a fixed date', async () => {
  const { console } = await run({
    ...lockstep,
    guest: guestWith(`
      while (guest.wallClock() === undefined) await guest.sleep(10);
      await guest.print(new Date(guest.wallClock()).toISOString());
    `),
  });
  expect(console()).toMatch(/^2020-01-01T00:00:0/);
});

test('a module is fresh in every machine: what it remembers is not carried over', async () => {
  const path = moduleWith(`
    let runs = 0;
    export default (guest) => guest.print(String(++runs));
  `);
  expect((await run({ ...lockstep, guest: path })).console()).toBe('1');
  expect((await run({ ...lockstep, guest: path })).console()).toBe('1');
});

test('several processors take turns, and share memory', async () => {
  const path = moduleWith(`
    export default async function main(guest) {
      const word = guest.memory.find(0x8000, 4, 3) >>> 2;
      while (guest.memory.words[word] !== 6) await guest.sleep(1);
    }
    export function secondary(guest) {
      guest.memory.words[guest.memory.find(0x8000, 4, 3) >>> 2] += 2 * guest.vpIndex;
    }
  `);
  const { result } = await run({ ...lockstep, guest: path, cpus: 3 });
  expect(result).toEqual({ reason: 'power-off', code: 0 });
});

test('it is inspected, shut down and turned off like any other', async () => {
  const { machine, printed, console } = await start({ ...lockstep, guest: example('shutdown.ts') });
  await printed('running');
  expect(await machine.inspect('lockstep/steps')).toBeGreaterThan(0);
  await expect.poll(() => machine.inspect('vmbus/bus/version'), PATIENTLY).toBe('5.3');
  await machine.shutdown({ timeoutMs: 20_000 });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  expect(console()).toContain('goodbye');

  const other = await start({ ...lockstep, guest: example('shutdown.ts') });
  await other.printed('running');
  await other.machine.powerOff();
  expect(await other.machine.finished).toEqual({ reason: 'killed' });
});

test('a device that throws is reported there too, and the machine goes on', async () => {
  const device = moduleWith(
    `export default class {
      offer = {
        name: 'broken',
        interfaceId: '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10',
        instanceId: '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01',
      };
      packet() { throw new Error('bad packet'); }
    }`,
  );
  const { machine, seen } = await start({ ...lockstep, guest: example('echo.guest.ts'), devices: [device] });
  expect(await seen('device-error')).toMatchObject({ device: 'broken' });
  expect(await machine.inspect('state')).toBe('running');
});
