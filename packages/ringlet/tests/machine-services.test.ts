/** What a running machine offers its host beyond starting and stopping: life signs, the time, key values, its disks. */
import { join } from 'node:path';
import { createDisk } from '@ringlet/root-partition';
import { expect, test } from 'vitest';
import { fixture, guestWith, moduleWith, PATIENTLY, run, start, temporaryFolder } from './machines.ts';

const MIB = 1024 * 1024;
const WAITS = 'await new Promise((asked) => guest.onShutdown(() => asked()));';
/** Pools of key-value exchange: what the guest says of itself, and what the host gives it. */
const GUEST_POOL = 1;
const AUTO_POOL = 2;
const EXTERNAL_POOL = 0;

test('a guest that lives is heard of: its heartbeat becomes ok', async () => {
  const { machine, seen, events } = await start({ guest: guestWith(WAITS) });
  await seen('heartbeat', ({ state }) => state === 'ok');
  expect(await machine.inspect('heartbeat')).toBe('ok');
  const states = events.flatMap((event) => (event.type === 'heartbeat' ? [event.state] : []));
  expect(states).toEqual(['no-contact', 'ok']);
});

test('a guest learns the time of day from its host', async () => {
  const before = Date.now();
  const { console } = await run({
    guest: guestWith(`
      while (guest.wallClock() === undefined) await guest.sleep(1);
      await guest.print(String(guest.wallClock()));
    `),
  });
  const told = Number(console());
  expect(told).toBeGreaterThan(before - 2000);
  expect(told).toBeLessThan(Date.now() + 2000);
});

test('the time of day moves on as the host’s does', async () => {
  const { console } = await run({
    guest: guestWith(`
      while (guest.wallClock() === undefined) await guest.sleep(1);
      const clock = guest.wallClock();
      const time = guest.now();
      await guest.sleep(300);
      await guest.print(String(Math.abs(guest.wallClock() - clock - (guest.now() - time))));
    `),
  });
  expect(Number(console())).toBeLessThan(100);
});

test('integration components work on a guest of several processors', async () => {
  const path = moduleWith(`
    export default async (guest) => { ${WAITS} };
    export const secondary = (guest) => guest.sleep(10);
  `);
  const { machine, seen } = await start({ guest: path, cpus: 3 });
  await seen('heartbeat', ({ state }) => state === 'ok');
  await machine.shutdown({ timeoutMs: 20_000 });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
});

test('keys and values go both ways between the host and a guest', async () => {
  const { machine, console } = await start({
    guest: guestWith(`
      guest.keyValues.set(${GUEST_POOL}, 'colour', 'grün');
      while (guest.keyValues.get(${EXTERNAL_POOL}, 'question') === undefined) await guest.sleep(1);
      await guest.print(guest.keyValues.get(${EXTERNAL_POOL}, 'question'));
      ${WAITS}
    `),
  });
  await expect
    .poll(() => machine.request('keyValues', { pool: GUEST_POOL }).catch(() => ({})), PATIENTLY)
    .toEqual({
      colour: 'grün',
    });
  expect(await machine.request('keyValues', { pool: AUTO_POOL })).toMatchObject({
    OSName: expect.stringContaining('Ringlet'),
  });
  await machine.request('setKeyValue', { pool: EXTERNAL_POOL, key: 'question', value: 'why not?' });
  await expect.poll(console, PATIENTLY).toBe('why not?');
  await expect(
    machine.request('setKeyValue', { pool: EXTERNAL_POOL, key: 'k'.repeat(300), value: '' }),
  ).rejects.toMatchObject({ code: 'key-value-too-long' });
});

test('disks come, grow and go while the machine runs', async () => {
  const folder = temporaryFolder();
  const image = (name: string, size: number): string => {
    const path = join(folder, name);
    createDisk(path, { format: 'vhdx', size });
    return path;
  };
  const { machine, console } = await start({ guest: fixture('disk-watcher.ts') });
  await expect.poll(console, PATIENTLY).toBe('found 0\n');

  await machine.request('attachDisk', { path: image('first.vhdx', 4 * MIB), keep: true });
  await expect.poll(console, PATIENTLY).toContain('read 0\n');
  await machine.request('attachDisk', { path: image('second.vhdx', 2 * MIB) });
  await expect.poll(console, PATIENTLY).toContain('read 1\n');
  await machine.request('resizeDisk', { lun: 0, bytes: 8 * MIB });
  await expect.poll(console, PATIENTLY).toContain('changed 0: 16384 sectors\n');
  await machine.request('detachDisk', { lun: 1 });
  await expect.poll(console, PATIENTLY).toContain('removed 1: ');
  expect(console()).toMatch(/^found 0\nadded 0: 8192 sectors\nread 0\nadded 1: 4096 sectors\nread 1\n/);

  await expect(machine.request('detachDisk', { lun: 7 })).rejects.toMatchObject({ code: 'no-such-disk' });
  await expect(machine.request('attachDisk', { path: join(folder, 'none') })).rejects.toMatchObject({
    code: 'disk-not-found',
  });
  await expect(machine.request('attachDisk', { path: join(folder, 'second.vhdx'), lun: 0 })).rejects.toMatchObject({
    code: 'disk-place-taken',
  });
  // Detached, it can be had again.
  await machine.request('attachDisk', { path: join(folder, 'second.vhdx'), keep: true, lun: 5 });
  await expect.poll(console, PATIENTLY).toContain('read 5\n');
});
