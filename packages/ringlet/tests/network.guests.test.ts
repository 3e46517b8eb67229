/** hv_netvsc of Debian's kernel against our network adapter: what an administrator does with a network interface. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MALFORMED } from '../../root-partition/tests/network/support/malformed-frames.ts';
import { type ExecGuest, ExecGuests, needTool } from './exec-guest.ts';
import { ROOT } from './machines.ts';
import { sendRaw } from './raw-frames.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 2 * MINUTE, interval: 200 } as const;
const PEER = join(ROOT, 'packages/ringlet/tests/guests/network-peer.ts');
const guests = new ExecGuests();

const ping = (address: string, bytes = 56, count = 3): string => `ping -c ${count} -W 20 -s ${bytes} ${address}`;

test(
  'through the NAT: DHCP, ping, MTU 9000, a pulled cable, and the module unloaded and loaded again',
  async (context) => {
    const guest = await guests.boot(context, { networks: [{ kind: 'nat', mtu: 9000, mac: '02:52:6c:00:00:2a' }] });

    expect(await guest.shell('cat /sys/class/net/eth0/address')).toBe('02:52:6c:00:00:2a');
    expect(await guest.shell('basename $(readlink /sys/class/net/eth0/device/driver)')).toBe('hv_netvsc');

    await guest.shell('ip link set eth0 up');
    await guest.carrier();
    const lease = await guest.shell('udhcpc -i eth0 -q -n -f -t 40 2>&1');
    expect(lease).toMatch(/lease of 10\.0\.2\.\d+ obtained from 10\.0\.2\.2/);
    const address = /lease of ([\d.]+)/.exec(lease)![1]!;
    await guest.shell(`ip addr add ${address}/24 dev eth0`);
    expect(await guest.shell(ping('10.0.2.2'))).toContain(' 0% packet loss');

    // Frames with which nothing can be done are dropped, and counted by their reasons.
    const before = await droppedBy(guest);
    for (let time = 0; time < 3; time++)
      await sendRaw(
        guest,
        MALFORMED.map(([, frame]) => frame),
      );
    const reasons = MALFORMED.map(([reason]) => reason);
    await expect
      .poll(async () => {
        const after = await droppedBy(guest);
        return reasons.map((reason) => [reason, (after[reason] ?? 0) - (before[reason] ?? 0)]);
      }, PATIENTLY)
      .toEqual(reasons.map((reason) => [reason, 3]));
    expect(await guest.shell(ping('10.0.2.2'))).toContain(' 0% packet loss');

    // Closes the channel and opens it again, with larger buffers.
    await guest.shell('ip link set eth0 mtu 9000');
    await guest.carrier();
    expect(await guest.shell(ping('10.0.2.2', 8900))).toContain(' 0% packet loss');
    const [adapter] = (await guest.machine.inspect('network')) as { mtu: number; statistics: { malformed: number } }[];
    expect(adapter).toMatchObject({ mtu: 9000, version: '60001', link: 'up', statistics: { malformed: 0 } });

    const { machine } = guest;
    // #region cable
    await machine.request('setLink', { up: false });
    // #endregion
    await guest.carrier('0');
    await guest.machine.request('setLink', { up: true });
    await guest.carrier();
    expect(await guest.shell(ping('10.0.2.2'))).toContain(' 0% packet loss');

    for (let round = 0; round < 3; round++) {
      await guest.shell('modprobe -r hv_netvsc; test ! -e /sys/class/net/eth0 && modprobe hv_netvsc');
      await expect.poll(() => guest.shell('ls /sys/class/net'), PATIENTLY).toContain('eth0');
    }
    await guest.shell(`ip link set eth0 up && ip addr add ${address}/24 dev eth0`);
    await guest.carrier();
    expect(await guest.shell(ping('10.0.2.2'))).toContain(' 0% packet loss');

    expect(await guest.complaints()).toEqual([]);
    expect(guest.events.filter(({ type }) => type === 'guest-error' || type === 'device-error')).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'TCP both ways: large sends are cut, checksums filled in, and every byte arrives',
  async (context) => {
    const guest = await guests.boot(context, { networks: [{ kind: 'nat' }] });
    // Sends back what it gets, until it has that much.
    const bytes = 8_000_000;
    const sums: string[] = [];
    const server = createServer((socket) => {
      const hash = createHash('sha256');
      let got = 0;
      socket.on('error', () => {});
      socket.on('data', (part: Buffer) => {
        hash.update(part);
        got += part.length;
        socket.write(part);
        if (got < bytes) return;
        sums.push(hash.digest('hex'));
        socket.end();
      });
    }).listen(0, '127.0.0.1');
    context.onTestFinished(() => void server.close());
    await new Promise((listening) => server.once('listening', listening));
    const { port } = server.address() as AddressInfo;

    await guest.shell('ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0');
    await guest.carrier();
    await guest.shell(`head -c ${bytes} /dev/urandom > /tmp/sent`);
    await guest.shell(`nc -w 60 10.0.2.2 ${port} < /tmp/sent > /tmp/came`);

    const [sent, came] = (await guest.shell('sha256sum /tmp/sent /tmp/came'))
      .split('\n')
      .map((line) => line.slice(0, 64));
    expect([came, sums]).toEqual([sent, [sent]]);
    // Fewer frames than there are packets in so many bytes: they were large.
    const [adapter] = (await guest.machine.inspect('network')) as { statistics: { transmitted: { frames: number } } }[];
    expect(adapter!.statistics.transmitted.frames).toBeLessThan(bytes / 1460);
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'four processors have four channels, to which flows are spread; VLANs',
  async (context) => {
    const guest = await guests.boot(context, { cpus: 4, devices: [PEER] });

    await guest.shell('ip link set eth0 up && ip addr add 10.0.0.2/24 dev eth0');
    await guest.carrier();
    await channelsOf(guest, '4');
    expect(await guest.shell('ls /sys/class/net/eth0/queues | grep -c rx')).toBe('4');

    // Many flows at once, to many addresses: each is hashed to a channel.
    const pings = Array.from({ length: 24 }, (_, i) => `${ping(`10.0.0.${i + 10}`, 1400, 5)} > /tmp/p${i} 2>&1 &`);
    await guest.shell(`${pings.join(' ')} wait; true`);
    expect(await guest.shell("cat /tmp/p* | grep -c ' 0% packet loss'")).toBe('24');
    const { channels, statistics } = await peer(guest);
    expect(channels.filter(({ batches }) => batches > 0).length).toBeGreaterThan(1);
    expect(statistics).toMatchObject({ malformed: 0, receiveNoBuffer: 0, receiveRefused: 0 });

    await guest.shell('modprobe 8021q && ip link add link eth0 name eth0.5 type vlan id 5');
    await guest.shell('ip addr add 10.5.0.2/24 dev eth0.5 && ip link set eth0.5 up');
    await guest.carrier('1', 'eth0.5');
    expect(await guest.shell(ping('10.5.0.9', 1400))).toContain(' 0% packet loss');

    expect(await guest.complaints()).toEqual([]);
    expect(guest.events.filter(({ type }) => type === 'guest-error' || type === 'device-error')).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'ethtool: offloads, channels, counters; fewer channels and more again',
  async (context) => {
    needTool(context, 'ldd');
    const guest = await guests.boot(context, { cpus: 4, devices: [PEER] }, ethtool(needTool(context, 'ethtool')));
    await guest.shell('ip link set eth0 up && ip addr add 10.0.0.2/24 dev eth0');
    await guest.carrier();
    await channelsOf(guest, '4');

    const features = await guest.shell('ethtool -k eth0');
    for (const feature of ['rx-checksumming', 'tx-checksumming', 'tcp-segmentation-offload', 'rx-vlan-offload']) {
      expect(features).toMatch(new RegExp(`^${feature}: on`, 'm'));
    }
    expect(await guest.shell('ethtool -l eth0 | grep Combined')).toMatch(/Combined:\s+4\s+Combined:\s+4/);
    expect(await guest.shell('ethtool -i eth0')).toContain('driver: hv_netvsc');
    // Each time the interface goes down and comes up again.
    await guest.shell('ethtool -L eth0 combined 2');
    await guest.carrier();
    expect(await guest.shell(ping('10.0.0.9'))).toContain(' 0% packet loss');
    await guest.shell('ethtool -L eth0 combined 4');
    await channelsOf(guest, '4');
    await guest.carrier();
    expect(await guest.shell(ping('10.0.0.9'))).toContain(' 0% packet loss');
    expect(await guest.shell('ethtool -S eth0')).toMatch(/rx_no_memory: 0$/m);
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

/** What the NAT behind a guest's adapter has dropped, by reason. */
async function droppedBy(guest: ExecGuest): Promise<Readonly<Record<string, number>>> {
  return (await guest.machine.inspect('network/0/port/dropped')) as Record<string, number>;
}

/** Waits for so many open channels. */
async function channelsOf(guest: ExecGuest, count: string): Promise<void> {
  await expect.poll(() => guest.shell('ls -d /sys/class/net/eth0/device/channels/* | wc -l'), PATIENTLY).toBe(count);
}

interface PeerState {
  readonly channels: { readonly batches: number }[];
  readonly statistics: Record<string, number>;
}

/** What the adapter says of itself, as the bus shows it. */
async function peer(guest: ExecGuest): Promise<PeerState> {
  const devices = JSON.stringify(await guest.machine.inspect('vmbus'));
  const at = devices.indexOf('"address":"02:52:6c:00:00:01"');
  expect(at).toBeGreaterThan(0);
  return JSON.parse(objectAround(devices, at)) as PeerState;
}

/** The JSON object that a place in a text is in. */
function objectAround(text: string, at: number): string {
  let depth = 1;
  let end = at;
  for (; depth > 0; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
  return text.slice(text.lastIndexOf('{', at), end);
}

/** A program of this host with the libraries that it needs, at their places. */
function ethtool(program: string): Record<string, Uint8Array> {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  return Object.fromEntries([
    ['bin/ethtool', readFileSync(program)],
    ...libraries.map((path) => [path.slice(1), readFileSync(path)]),
  ]) as Record<string, Uint8Array>;
}
