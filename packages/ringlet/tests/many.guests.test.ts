/** Several Linux partitions and a TypeScript guest on one switch, each with limits of its own; one is killed, one crashes. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST_CLOCK, SwitchServer } from '@ringlet/root-partition';
import { Machine, type MachineOptions } from 'ringlet';
import { expect, test } from 'vitest';
import { type ExecGuest, ExecGuests } from './exec-guest.ts';
import { example } from './machines.ts';

const MINUTE = 60_000;
const MIB = 1024 * 1024;
const guests = new ExecGuests();

/** Seconds that a line of shell takes, by the guest's clock. */
async function secondsOf(guest: ExecGuest, line: string): Promise<number> {
  const uptime = 'cut -d" " -f1 /proc/uptime';
  const [before, after] = (await guest.shell(`${uptime}; ${line}; ${uptime}`)).split('\n').map(Number);
  return after! - before!;
}

const addressOf = (index: number): string => `10.9.0.${index + 1}`;

test(
  'four Linux partitions and a TypeScript guest share a switch, keep to their limits, and do not notice two that end',
  async (context) => {
    const lan = join(guests.folder, 'lan.switch');
    const server = new SwitchServer({ clock: HOST_CLOCK, path: lan });
    await server.listen();
    context.onTestFinished(() => server.close());
    const content = randomBytes(8 * MIB);
    const disk = join(guests.folder, 'data.raw');
    writeFileSync(disk, content);
    const limits: Partial<MachineOptions>[] = [
      { disks: [{ path: disk, bandwidth: 4 * MIB }], weight: 50 },
      { cap: 50 },
      {},
      { networks: [{ kind: 'switch', path: lan, bandwidth: 8_000_000 }] },
    ];

    const linux = await Promise.all(
      limits.map((limit, i) =>
        guests.boot(context, {
          name: `linux-${i}`,
          memory: 256 * MIB,
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

    // Limits: no faster than they are, whatever the host does meanwhile.
    const sum = createHash('sha256').update(content).digest('hex');
    const [reading, sending] = await Promise.all([
      secondsOf(first, 'cat /dev/sda > /dev/null'),
      (async () => {
        // With nothing more to say, busybox's nc would end its half at once, and the other would take that for the end.
        await third.shell('(sleep 3600 | nc -l -p 9 | sha256sum > /tmp/heard) >/dev/null 2>&1 </dev/null &');
        await fourth.shell('head -c 3000000 /dev/urandom > /tmp/sent');
        const seconds = await secondsOf(fourth, `until nc -w 60 ${addressOf(2)} 9 < /tmp/sent; do sleep 1; done`);
        await third.shell('until [ -s /tmp/heard ]; do sleep 0.2; done');
        expect(await third.shell('cat /tmp/heard')).toBe(await fourth.shell('sha256sum < /tmp/sent'));
        return seconds;
      })(),
    ]);
    expect(reading).toBeGreaterThan((8 / 4) * 0.9);
    expect(sending).toBeGreaterThan(3 * 0.9);
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
