/** Debian restarts in place: what it wrote stays, and everything that it had binds again. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { MemoryPool } from 'ringlet';
import { expect, test } from 'vitest';
import { type ExecGuest, ExecGuests } from './exec-guest.ts';
import { footprint, PATIENTLY, start, type Watched } from './machines.ts';
import { freePort } from '../../root-partition/tests/network/support/clean-up.ts';
import { resetKernel } from './reset-kernel.ts';

const guests = new ExecGuests();
const MIB = 1024 * 1024;
const BOOT_MS = 240_000;
const DRIVERS = 'for d in /sys/bus/vmbus/devices/*; do basename "$(readlink $d/driver)"; done | sort | uniq -c';

/** Has the guest's own DHCP client ask for an address. @returns the address */
async function lease(guest: ExecGuest): Promise<string | undefined> {
  await guest.shell('modprobe -q af_packet; ip link set eth0 up');
  await expect.poll(() => guest.shell('cat /sys/class/net/eth0/carrier'), PATIENTLY).toBe('1');
  return /lease of ([\d.]+) obtained/.exec(await guest.shell('udhcpc -i eth0 -q -n -f -t 10 2>&1'))?.[1];
}

/** Says something through the port of the host that leads into the guest. @returns what is heard there */
async function overPort(guest: ExecGuest, address: string, port: number, text: string): Promise<string> {
  await guest.shell(`ip addr add ${address}/24 dev eth0; rm -f /tmp/heard`);
  await guest.shell('(nc -l -p 9 > /tmp/heard) >/dev/null 2>&1 </dev/null &');
  await guest.listens(9);
  connect({ port, host: '127.0.0.1' }).end(text);
  return guest.shell('until [ -s /tmp/heard ]; do sleep 0.2; done; cat /tmp/heard');
}

/** Waits until a machine has as much memory as it was told to have, and nothing is on its way. */
async function settled({ machine }: ExecGuest, bytes: number): Promise<void> {
  const now = async (): Promise<unknown> => {
    const { assigned } = await machine.memory.report();
    return [assigned, await machine.inspect('memory/pages/settlingPages')];
  };
  await expect.poll(now, { ...PATIENTLY, timeout: BOOT_MS }).toEqual([bytes, 0]);
}

test('a restart that the guest is asked for, and one by the reset button', { timeout: 900_000 }, async (context) => {
  const [image, added] = ['data.raw', 'added.raw'].map((name) => join(guests.folder, name)) as [string, string];
  for (const file of [image, added]) writeFileSync(file, new Uint8Array(8 * MIB));
  const pool = new MemoryPool({ size: 700 * MIB });
  const hostPort = await freePort();
  const guest = await guests.boot(context, {
    cpus: 2,
    disks: [{ path: image }],
    networks: [{ kind: 'nat', forwards: [{ hostPort, guestPort: 9 }] }],
    memory: 256 * MIB,
    dynamicMemory: { min: 128 * MIB, max: 512 * MIB },
    pool,
  });
  const { machine } = guest;
  const drivers = await guest.shell(DRIVERS);
  expect(drivers.match(/hv_storvsc|hv_netvsc|hyperv_fb|hyperv_keyboard|hid_hyperv|hv_util|hv_balloon/g)).toHaveLength(
    7,
  );
  const address = await lease(guest);
  expect(address).toMatch(/^10\.0\.2\./);
  expect(await overPort(guest, address!, hostPort, 'before')).toBe('before');
  await machine.disks.attach({ path: added });
  await expect.poll(() => guest.shell('ls /dev/sd?'), PATIENTLY).toBe('/dev/sda\n/dev/sdb');
  await guest.shell('for d in a b; do echo first life | dd of=/dev/sd$d conv=sync 2>/dev/null; done; sync');
  await machine.memory.set(256 * MIB);
  await settled(guest, 256 * MIB);
  const { free } = pool;
  const freeAtRestart: number[] = [];
  machine.events$.subscribe(({ type }) => type === 'restarted' && freeAtRestart.push(pool.free));

  for (const [force, memory] of [
    [false, 384 * MIB],
    [true, 224 * MIB],
  ] as const) {
    await machine.memory.set(memory);
    await settled(guest, memory);
    expect(pool.free).toBe(free + 256 * MIB - memory);
    await machine.reboot({ force });
    const restarted = performance.now();
    await guest.shell('true', BOOT_MS);
    // It starts from nothing, and it is the same machine.
    const uptime = Number((await guest.shell('cat /proc/uptime')).split(' ')[0]);
    expect(uptime).toBeLessThan((performance.now() - restarted) / 1000 + 1);
    expect(await guest.shell('nproc')).toBe('2');
    expect(await guest.shell('cat /proc/cmdline /sys/block/sd?/size')).toContain('16384\n16384');
    expect(await guest.shell('head -c 10 /dev/sda; head -c 10 /dev/sdb')).toBe('first lifefirst life');
    await expect.poll(() => guest.shell(DRIVERS), PATIENTLY).toBe(drivers);
    expect(await lease(guest)).toBe(address);
    expect(await overPort(guest, address!, hostPort, `after ${force}`)).toBe(`after ${force}`);
    // What was set by hand is set for this life, too.
    await settled(guest, memory);
    expect(await guest.complaints()).toEqual([]);
  }
  // It has had what it starts with, and the pool the rest.
  expect(freeAtRestart).toEqual([free, free]);
  expect(await machine.inspect('resets')).toBe(2);
  const restarts = guest.events.filter(({ type }) => type === 'restarting');
  expect(restarts).toEqual([1, 2].map((count) => ({ type: 'restarting', by: 'host', count })));
  expect(guest.events.filter(({ type }) => type === 'guest-error' || type === 'device-error')).toEqual([]);
  await machine.shutdown({ timeoutMs: BOOT_MS });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  await machine.dispose();
  expect(pool.free).toBe(pool.size);
});

/** Resets a machine from outside, and waits each time until its kernel has started. */
async function reset({ machine, console }: Watched, times: number): Promise<void> {
  const before = console().length;
  for (let time = 1; time <= times; time++) {
    await machine.reboot({ force: true });
    await expect.poll(() => console().length, PATIENTLY).toBeGreaterThanOrEqual(before + time);
  }
}

/** Threads or open files of this process; none that are known where the host has no /proc. */
const entries = (kind: 'task' | 'fd'): number =>
  existsSync(`/proc/self/${kind}`) ? readdirSync(`/proc/self/${kind}`).length : 0;

test('fifty resets leave nothing behind: no thread, no file, no memory', async () => {
  const options = {
    kernel: resetKernel(),
    memory: 16 * MIB,
    cpus: 2,
    resetsPerMinute: 0,
    networks: [{ kind: 'nat' }],
  } as const;
  const machine = await start(options);
  await machine.printed('.');
  await reset(machine, 5);
  const [before, threads, files, resident] = [footprint(), entries('task'), entries('fd'), process.memoryUsage().rss];
  await reset(machine, 50);
  expect(footprint()).toEqual(before);
  await expect.poll(() => entries('task'), PATIENTLY).toBeLessThanOrEqual(threads);
  expect(entries('fd')).toBeLessThanOrEqual(files);
  expect(process.memoryUsage().rss - resident).toBeLessThan(64 * MIB);
  machine.machine.write('q');
  expect(await machine.machine.finished).toEqual({ reason: 'power-off', code: 0 });
});
