/** What a network adapter is plugged into, used by Debian's own kernel and driver: user-mode NAT, and a switch. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FaultDescription, HOST_CLOCK, SwitchServer } from '@ringlet/root-partition';
import { expect, test, type TestContext } from 'vitest';
import { noLoopback6 } from '../../root-partition/tests/network/support/loopback6.ts';
import { EVERY_NAME, startNameServer } from '../../root-partition/tests/network/support/name-server.ts';
import { type ExecGuest, ExecGuests, needTool } from './exec-guest.ts';

const MINUTE = 60_000;
const MEGABYTE = 1024 * 1024;
const GATEWAY = '10.0.2.2';
const PREFIX6 = 'fd52:6c:a00:200:';
const guests = new ExecGuests();

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const DHCP_SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface
ip route add default via $router
echo nameserver $dns > /etc/resolv.conf
echo $ip $router $dns
`;
/** iperf3 of this host, with the libraries that it needs, in a place of its own. */
const IPERF = '/opt/iperf/ld-linux-x86-64.so.2 --library-path /opt/iperf /opt/iperf/iperf3';

/** A program that opens many connections at once, and checks every byte that comes back. */
function manyConnections(context: TestContext): Record<string, Uint8Array> {
  const program = join(guests.folder, 'many-connections');
  const source = fileURLToPath(new URL('programs/many-connections.c', import.meta.url));
  execFileSync(needTool(context, 'gcc'), ['-O1', '-static', '-o', program, source]);
  return { 'bin/many-connections': readFileSync(program) };
}

function filesFor(context: TestContext): Record<string, Uint8Array | string> {
  const iperf = needTool(context, 'iperf3');
  const libraries = execFileSync('ldd', [iperf], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g)!;
  return {
    'etc/dhcp.sh': DHCP_SCRIPT,
    ...Object.fromEntries([iperf, ...libraries].map((path) => [`opt/iperf/${basename(path)}`, readFileSync(path)])),
  };
}

async function portOf(context: TestContext, server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  context.onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Has the guest's own DHCP client configure its adapter. @returns address, router, name server */
async function lease(guest: ExecGuest): Promise<string> {
  await guest.shell('modprobe -q af_packet; ip link set eth0 up');
  await guest.carrier();
  return guest.shell('udhcpc -i eth0 -n -q -f -t 40 -s /etc/dhcp.sh 2>/dev/null');
}

/** Sends bytes to a service at `::1` that says them again. @returns how many sums they had: 1, or 0 where there is no `::1` */
async function differentSums(context: TestContext, guest: ExecGuest): Promise<number> {
  if (noLoopback6 !== undefined) {
    console.log(`no service is reached by IPv6: ${noLoopback6}`);
    return 0;
  }
  const twice = createServer((socket) => void socket.pipe(socket));
  await new Promise<void>((listening) => twice.listen(0, '::1', listening));
  context.onTestFinished(() => void twice.close());
  const echoed = `nc ${PREFIX6}:2 ${(twice.address() as AddressInfo).port} < /tmp/sent | sha256sum`;
  const sums = await guest.shell(`head -c 8000000 /dev/urandom > /tmp/sent; sha256sum < /tmp/sent; ${echoed}`);
  return new Set(sums.split('\n')).size;
}

/** Bytes that iperf3 says have arrived. */
function arrived(report: string): number {
  const { end } = JSON.parse(report) as { end: { sum_received: { bytes: number } } };
  return end.sum_received.bytes;
}

test(
  'through NAT: DHCP, names, transfers by hash, iperf3 both ways, a forwarded port, 1,000 connections at once',
  async (context) => {
    const files = { ...filesFor(context), ...manyConnections(context) };
    const names = await startNameServer();
    context.onTestFinished(() => names.stop());
    const forwarded = await freePort();
    const guest = await guests.boot(
      context,
      { networks: [{ kind: 'nat', dns: [names.address], forwards: [{ hostPort: forwarded, guestPort: 9 }] }] },
      files,
    );
    expect(await lease(guest)).toBe(`10.0.2.15 ${GATEWAY} 10.0.2.3`);
    expect(await guest.shell(`ping -c 2 ${GATEWAY}`)).toContain('2 packets received');
    expect(await guest.shell('nslookup ringlet.example')).toContain(EVERY_NAME);

    // By IPv6 it has given itself an address. Its checksums and cuts are the adapter's here as well.
    await guest.shell(
      `until ip -6 addr show dev eth0 scope global | grep ${PREFIX6} | grep -qv tentative; do sleep 0.2; done`,
    );
    expect(await guest.shell(`ping -c 2 ${PREFIX6}:2`)).toContain('2 packets received');
    expect(await differentSums(context, guest)).toBe(noLoopback6 === undefined ? 1 : 0);

    const page = randomBytes(20 * MEGABYTE);
    const http = await portOf(
      context,
      createHttpServer((_, response) => response.end(page)),
    );
    expect(await guest.shell(`wget -q -O /tmp/page http://${GATEWAY}:${http}/ && sha256sum /tmp/page`)).toContain(
      sha256(page),
    );
    const uploaded = createHash('sha256');
    const sink = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (part: Buffer) => uploaded.update(part)).on('end', () => socket.end('taken\n'));
    });
    expect(await guest.shell(`nc ${GATEWAY} ${await portOf(context, sink)} < /tmp/page`)).toBe('taken');
    expect(uploaded.digest('hex')).toBe(sha256(page));

    for (const words of ['', '-R']) {
      const port = String(await freePort());
      const server = spawn('iperf3', ['-s', '-1', '--forceflush', '-p', port, '-B', '127.0.0.1']);
      context.onTestFinished(() => void server.kill());
      await once(server.stdout, 'data');
      const bytes = arrived(await guest.shell(`${IPERF} -J -c ${GATEWAY} -p ${port} -t 3 ${words}`));
      console.log(
        `iperf3 ${words === '' ? 'guest to host' : 'host to guest'}: ${Math.round((bytes * 8) / 3e6)} Mbit/s`,
      );
      expect(bytes).toBeGreaterThan(MEGABYTE);
    }

    await guest.shell('(nc -l -p 9 | sha256sum > /tmp/heard) >/dev/null 2>&1 </dev/null &');
    await guest.listens(9);
    const said = randomBytes(5 * MEGABYTE);
    const client = connect({ port: forwarded, host: '127.0.0.1', allowHalfOpen: true });
    client.end(said);
    await guest.shell('until [ -s /tmp/heard ]; do sleep 0.2; done');
    client.destroy();
    expect(await guest.shell('cat /tmp/heard')).toContain(sha256(said));

    // 1,000 connections at once, each with bytes of its own.
    const open = new Set<Socket>();
    let most = 0;
    const echo = createServer((socket) => {
      most = Math.max(most, open.add(socket).size);
      socket.on('close', () => open.delete(socket)).on('error', () => {});
      socket.pipe(socket);
    });
    const asked = `many-connections ${GATEWAY} ${await portOf(context, echo)} 1000 20000`;
    expect(await guest.shell(asked)).toBe('1000 open\n1000 connections, 20000 bytes each way, all as sent');
    expect(most).toBe(1000);
    // None is left, here or in the NAT.
    await expect.poll(() => open.size, { timeout: 5 * MINUTE }).toBe(0);
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'on a switch: two guests exchange 100 MB by hash through 5 % loss, and iperf3 both ways',
  async (context) => {
    const files = filesFor(context);
    const folder = mkdtempSync(join(tmpdir(), 'ringlet-switch-'));
    const path = join(folder, 'lan.switch');
    const server = new SwitchServer({ clock: HOST_CLOCK, path });
    await server.listen();
    context.onTestFinished(async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    });
    const boot = async (name: string, address: string, faults?: FaultDescription) => {
      const network = { kind: 'switch', path, ...(faults && { faults }) } as const;
      const memory = 768 * MEGABYTE;
      const guest = await guests.boot(context, { name, memory, networks: [network] }, files);
      await guest.shell(`ip addr add ${address}/24 dev eth0; ip link set eth0 up`);
      await guest.carrier();
      return guest;
    };
    const [one, two] = [await boot('one', '10.1.0.1'), await boot('two', '10.1.0.2', { loss: 0.05, seed: 3 })];
    const sent = await two.shell('head -c 100000000 /dev/urandom > /tmp/data; sha256sum /tmp/data | cut -c 1-64');
    // With nothing more to say, busybox's nc would end its half at once, and the other would take that for the end.
    await one.shell('(sleep 3600 | nc -l -p 9 | sha256sum > /tmp/heard) >/dev/null 2>&1 </dev/null &');
    await one.listens(9);
    await two.shell('nc 10.1.0.1 9 < /tmp/data');
    await one.shell('until [ -s /tmp/heard ]; do sleep 0.2; done');
    expect(await one.shell('cut -c 1-64 /tmp/heard')).toBe(sent);
    const { ports } = server.inspect() as { ports: { name: string }[] };
    expect(ports.map(({ name }) => name)).toEqual(['one', 'two']);

    for (const words of ['', '-R']) {
      await one.shell(`${IPERF} -s -1 -D`);
      await one.listens(5201);
      const bytes = arrived(await two.shell(`${IPERF} -J -c 10.1.0.1 -t 3 ${words}`));
      console.log(
        `iperf3 ${words === '' ? 'two to one' : 'one to two'}, 5 % loss: ${Math.round((bytes * 8) / 3e6)} Mbit/s`,
      );
      expect(bytes).toBeGreaterThan(MEGABYTE / 2);
    }
    expect([...(await one.complaints()), ...(await two.complaints())]).toEqual([]);
  },
  30 * MINUTE,
);
