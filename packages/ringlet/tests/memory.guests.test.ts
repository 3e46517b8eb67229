/** Dynamic memory, judged by Debian's own driver: what it gives is really gone, and what it gets is really memory. */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Machine, MemoryPool } from 'ringlet';
import { expect, test } from 'vitest';
import { echoKernel } from './echo-kernel.ts';
import { type ExecGuest, ExecGuests } from './exec-guest.ts';

const guests = new ExecGuests();
const MIB = 1024 * 1024;
const PATIENCE_MS = 300_000;
/** Times that pages go to and fro while programs run. */
const CYCLES = Number(process.env['RINGLET_BALLOON_CYCLES'] ?? 4);

/** Asks until there is an answer. */
async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const began = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() - began > PATIENCE_MS) throw new Error(`in vain: ${what}`);
    await delay(200);
  }
}

/** Sets what a guest is to have, and waits until it has it and nothing is on its way. @returns what it has then */
async function setMemory(guest: ExecGuest, bytes: number) {
  await guest.machine.memory.set(bytes);
  return until(`${bytes / MIB} MiB`, async () => {
    const report = await guest.machine.memory.report();
    const { pages } = (await guest.machine.inspect('memory')) as { pages: { settlingPages: number } };
    return report.assigned === bytes && pages.settlingPages === 0 ? report : undefined;
  });
}

/** A field of /proc/meminfo, in bytes. */
const meminfo = async (guest: ExecGuest, field: string): Promise<number> =>
  Number(await guest.shell(`sed -n 's/^${field}: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo`)) * 1024;

test('a kernel gives memory to another machine, gets it back, gets more than it started with, and what it needs', async (context) => {
  const pool = new MemoryPool({ size: 700 * MIB });
  const guest = await guests.boot(context, {
    memory: 256 * MIB,
    dynamicMemory: { min: 128 * MIB, max: 512 * MIB },
    pool,
    cpus: 2,
  });
  const { machine } = guest;
  await until('hv_balloon', async () => ((await machine.memory.report()).state === 'ready' ? true : undefined));
  // By hand from now on: a slow boot may have taken so long that its reports have begun.
  await setMemory(guest, 256 * MIB);
  await guest.shell('head -c 4000000 /dev/urandom > /tmp/piece; md5sum /tmp/piece > /tmp/sum');
  const kept = () => guest.shell('md5sum -c /tmp/sum');
  const before = { total: await meminfo(guest, 'MemTotal'), free: pool.free };

  // Above what it started with: memory that was not there when it booted holds data.
  const large = await setMemory(guest, 512 * MIB);
  expect(large).toMatchObject({ ballooned: 0, added: 256 * MIB, free: pool.free });
  expect(before.free - pool.free).toBe(256 * MIB);
  expect(await meminfo(guest, 'MemTotal')).toBeGreaterThan(before.total + 240 * MIB);
  await guest.shell('mkdir /big; mount -t tmpfs -o size=500m tmpfs /big');
  await guest.shell('for i in $(seq 65); do cp /tmp/piece /big/$i || exit 1; done');
  expect(await guest.shell('cat /big/* | md5sum')).toBe(
    await guest.shell('for i in $(seq 65); do cat /tmp/piece; done | md5sum'),
  );
  await guest.shell('rm /big/*');

  // Another machine wants what is not there, and gets what the first one gives away.
  const kernel = join(guests.folder, 'echo-kernel');
  writeFileSync(kernel, echoKernel());
  const other = () => new Machine({ name: 'other', kernel, memory: 128 * MIB, display: 'none', pool });
  await expect(other().start()).rejects.toMatchObject({ code: 'pool-too-small' });
  const small = await setMemory(guest, 176 * MIB);
  expect(small.ballooned).toBe(336 * MIB);
  expect(pool.free - large.free).toBe(336 * MIB);
  expect(await meminfo(guest, 'MemTotal')).toBeLessThan(before.total);
  const second = other();
  let said = '';
  second.console$.subscribe((text) => (said += text));
  await second.start();
  expect(pool.free).toBeLessThan(small.free - 128 * MIB);
  await until('the other machine', async () => (said.includes('>') ? true : undefined));
  expect(await kept()).toBe('/tmp/piece: OK');
  await second.dispose();
  expect(pool.free).toBe(small.free);

  // To and fro, while each processor is busy with what must stay as it is.
  await guest.shell(
    'for n in 1 2; do (while [ ! -e /tmp/enough ]; do md5sum -c /tmp/sum || touch /tmp/broken; echo >> /tmp/rounds; done) > /dev/null 2>&1 & done',
  );
  const sizes = [240, 180, 300, 190];
  for (let cycle = 0; cycle < CYCLES; cycle++) await setMemory(guest, sizes[cycle % sizes.length]! * MIB);
  await until('rounds', async () => (Number(await guest.shell('wc -l < /tmp/rounds')) > 4 ? true : undefined));
  await guest.shell('touch /tmp/enough; ! test -e /tmp/broken');

  // Left to its reports: what was promised to programs does not fit into 180 MiB.
  await setMemory(guest, 180 * MIB);
  await guest.shell('for i in $(seq 15); do cp /tmp/piece /big/$i || exit 1; done');
  await machine.memory.set('pressure');
  const grown = await until('more by pressure', async () => {
    const report = await machine.memory.report();
    return report.demand !== null && report.assigned > 180 * MIB ? report : undefined;
  });
  expect(grown.policy).toBe('pressure');
  await guest.shell('rm /big/*');
  await until('less by pressure', async () => {
    const report = await machine.memory.report();
    return report.assigned < grown.assigned ? report : undefined;
  });
  expect(await kept()).toBe('/tmp/piece: OK');
  expect(guest.events.filter(({ type }) => type === 'guest-error')).toEqual([]);
  expect(await guest.complaints()).toEqual([]);

  await machine.dispose();
  expect(pool.free).toBe(pool.size);
});
