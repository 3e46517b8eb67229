/** Several Linux partitions and a TypeScript guest on one switch, each with limits of its own; one is killed, one crashes. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { HOST_CLOCK, SwitchServer } from '@ringlet/root-partition';
import { Machine, type MachineOptions } from 'ringlet';
import { expect, test } from 'vitest';
import { type ExecGuest, ExecGuests } from './exec-guest.ts';
import { example } from './machines.ts';
import { expectRate, rateOf } from './rates.ts';

const MINUTE = 60_000;
const MIB = 1024 * 1024;
const guests = new ExecGuests();

/** Seconds that a line of shell takes, by the guest's clock. */
async function secondsOf(guest: ExecGuest, line: string): Promise<number> {
  const uptime = 'cut -d" " -f1 /proc/uptime';
  const [before, after] = (await guest.shell(`${uptime}; ${line}; ${uptime}`)).split('\n').map(Number);
  return after! - before!;
}

const MEMORY = 256;
const BANDWIDTH = MIB;
const IOPS = 100;
const CAP = 50;
const BITS = 2_000_000;
const TICKS_PER_SECOND = 10_000_000;

const addressOf = (index: number): string => `10.9.0.${index + 1}`;

/** Sends datagrams of 1,400 bytes to another guest: `$N` of them, or 1,000. */
const flood = (to: number): string =>
  `perl -e 'socket(S,2,2,17); $a=pack("S n C4 x8",2,9,10,9,0,${to + 1}); send(S,"x"x1400,0,$a) for 1..($ENV{N}||1000)'`;

/** A field of a guest's adapter, as the host sees it. */
async function adapterField(guest: ExecGuest, path: string): Promise<unknown> {
  return guest.machine.inspect(`network/0/${path}`);
}

const adapterCount = async (guest: ExecGuest, path: string): Promise<number> =>
  (await adapterField(guest, `statistics/${path.replaceAll('.', '/')}`)) as number;

/** Stops a guest's processors, as a debugger does: they run on when who asked for it hangs up. */
async function standStill(guest: ExecGuest): Promise<Socket> {
  const path = join(guest.sockets, 'gdb');
  await guest.machine.debugger.listen({ path });
  const gdb = connect(path);
  gdb.write('$?#3f');
  let said = '';
  for await (const part of gdb.setEncoding('latin1').iterator({ destroyOnReturn: false })) {
    said += String(part);
    if (said.includes('$T')) break;
  }
  return gdb;
}

test(
  'four Linux partitions and a TypeScript guest share a switch, keep to their limits, and do not notice two that end',
  async (context) => {
    const lan = join(guests.folder, 'lan.switch');
    const server = new SwitchServer({ clock: HOST_CLOCK, path: lan });
    await server.listen();
    context.onTestFinished(() => server.close());
    const content = randomBytes(4 * MIB);
    const disk = join(guests.folder, 'data.raw');
    writeFileSync(disk, content);
    const limits: Partial<MachineOptions>[] = [
      { disks: [{ path: disk, bandwidth: BANDWIDTH }], weight: 50 },
      { cap: CAP },
      { disks: [{ path: disk, iops: IOPS }] },
      { networks: [{ kind: 'switch', path: lan, bandwidth: BITS }] },
    ];

    const linux = await Promise.all(
      limits.map((limit, i) =>
        guests.boot(context, {
          name: `linux-${i}`,
          memory: MEMORY * MIB,
          networks: [{ kind: 'switch', path: lan }],
          ...limit,
        }),
      ),
    );
    const [first, second, third, fourth] = linux as [ExecGuest, ExecGuest, ExecGuest, ExecGuest];
    await Promise.all(
      linux.map((guest, i) => guest.shell(`ip link set eth0 up && ip addr add ${addressOf(i)}/24 dev eth0`)),
    );

    // Everybody reaches everybody, the TypeScript guest included.
    for (const [i, guest] of linux.entries()) {
      const others = linux.map((_, j) => addressOf(j)).filter((_, j) => j !== i);
      for (const other of others) {
        await expect
          .poll(() => guest.shell(`ping -c 1 -W 5 ${other} | grep -c " 0% packet loss" || true`), {
            timeout: MINUTE,
          })
          .toBe('1');
      }
    }
    const arp = new Machine({
      guest: example('arp.ts'),
      args: [addressOf(2)],
      networks: [{ kind: 'switch', path: lan }],
    });
    context.onTestFinished(() => arp.dispose());
    let said = '';
    arp.console$.subscribe((text) => (said += text));
    await arp.start();
    expect(await arp.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(said).toContain(`${addressOf(2)} is at 02:`);

    // Limits. Of memory: what Linux finds.
    for (const guest of linux) {
      const kilobytes = Number(await guest.shell("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"));
      expect(kilobytes / 1024).toBeGreaterThan(MEMORY * 0.8);
      expect(kilobytes / 1024).toBeLessThanOrEqual(MEMORY);
    }
    // Of disks, by the guests' own clocks and past their caches.
    await expectRate('bytes read', BANDWIDTH, { exact: true }, async () => {
      const seconds = await secondsOf(first, 'dd if=/dev/sda of=/dev/null bs=64k count=32 iflag=direct 2>/dev/null');
      return (2 * MIB) / seconds;
    });
    await expectRate('requests', IOPS, { exact: true }, async () => {
      const seconds = await secondsOf(third, 'dd if=/dev/sda of=/dev/null bs=4k count=200 iflag=direct 2>/dev/null');
      return 200 / seconds;
    });
    // Of a processor that would never rest.
    await second.shell('(while :; do :; done) >/dev/null 2>&1 </dev/null &');
    await expectRate('time of a processor', (CAP / 100) * TICKS_PER_SECOND, { exact: false }, () =>
      rateOf(async () => (await second.machine.inspect('partition/vps/0/runTime')) as number, 3),
    );
    // Of an adapter, of which more is asked than it may: what arrives at the other's.
    await fourth.shell(`(export N=100000000; exec ${flood(2)}) >/dev/null 2>&1 </dev/null & echo $! > /tmp/flood`);
    await expectRate(
      'bits of frames',
      BITS,
      { exact: false },
      async () => 8 * (await rateOf(() => adapterCount(third, 'received.bytes'), 3)),
    );
    await fourth.shell('kill $(cat /tmp/flood)');

    // A guest whose processor stands still reads nothing: the frames for it are its own loss, and nobody waits for it.
    const still = await standStill(second);
    context.onTestFinished(() => void still.destroy());
    const lost = await adapterCount(second, 'receiveNoBuffer');
    const mac = (await adapterField(second, 'address')) as string;
    await third.shell(`busybox arp -s ${addressOf(1)} ${mac}`);
    await expect
      .poll(
        async () => {
          await third.shell(`export N=2000; ${flood(1)}`);
          expect(await third.shell(`ping -c 1 -W 60 ${addressOf(0)}`)).toContain(' 0% packet loss');
          return adapterCount(second, 'receiveNoBuffer');
        },
        { timeout: 5 * MINUTE, interval: 10 },
      )
      .toBeGreaterThan(lost);
    still.destroy();
    await expect
      .poll(() => first.shell(`ping -c 1 -W 5 ${addressOf(1)} | grep -c " 0% packet loss" || true`), {
        timeout: 2 * MINUTE,
      })
      .toBe('1');
    expect(second.events.filter(({ type }) => type === 'guest-error' || type === 'device-error')).toEqual([]);

    const sum = createHash('sha256').update(content).digest('hex');
    expect(await first.shell('sha256sum < /dev/sda')).toContain(sum);

    // One is killed, one crashes.
    await second.machine.powerOff();
    expect(await second.machine.finished).toEqual({ reason: 'killed' });
    fourth.shell('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger').catch(() => {});
    expect(await fourth.machine.finished).toMatchObject({ reason: 'crash' });

    // The others go on.
    expect(await first.shell(`ping -c 3 -W 20 ${addressOf(2)}`)).toContain(' 0% packet loss');
    expect(await third.shell(`ping -c 3 -W 20 ${addressOf(0)}`)).toContain(' 0% packet loss');
    expect(await first.shell('echo 3 > /proc/sys/vm/drop_caches; sha256sum < /dev/sda')).toContain(sum);
    for (const guest of [first, third]) {
      expect(await guest.complaints()).toEqual([]);
      expect(guest.events.filter(({ type }) => type === 'guest-error' || type === 'device-error')).toEqual([]);
    }
  },
  15 * MINUTE,
);
