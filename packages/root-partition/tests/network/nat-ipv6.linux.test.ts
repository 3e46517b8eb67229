/** IPv6 of the NAT, judged by the host's own TCP/IP stack and by stock programs in it. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, test } from 'vitest';
import { openNetwork } from '../../src/index.ts';
import { afterThis } from './support/clean-up.ts';
import { LinuxStack, missing, noLinuxStack } from './support/linux-stack.ts';
import { noLoopback6 } from './support/loopback6.ts';
import { EVERY_NAME, startNameServer } from './support/name-server.ts';

const MEGABYTE = 1024 * 1024;
const PREFIX = 'fd52:6c:a00:200:';
const GATEWAY = `${PREFIX}:2`;
const NAME_SERVER = `${PREFIX}:3`;

const why = noLinuxStack ?? noLoopback6;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A service at the host's `::1`. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
  afterThis(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A Linux guest that has given itself an address: nobody has told it one. */
async function configuredGuest(dns: readonly string[] = []): Promise<LinuxStack> {
  const { port, ready } = openNetwork({ kind: 'nat', ...(dns.length > 0 && { dns }) });
  afterThis(() => new Promise<void>((done) => port.dispose(done)));
  await ready;
  const guest = await LinuxStack.plug(port);
  afterThis(() => guest.stop());
  const own = `ip -6 -o addr show dev tap0 scope global -tentative | grep -q ${PREFIX}`;
  await guest.must('sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6; until ${own}; do sleep 0.2; done`);
  return guest;
}

describe.skipIf(why !== undefined)(`a Linux stack on the NAT, by IPv6 ${why ?? ''}`, () => {
  test.skipIf(missing('ping', 'curl', 'nc', 'dig').length > 0)(
    'gives itself an address, and reaches the gateway, services of the host and the name server',
    async () => {
      const names = await startNameServer();
      afterThis(() => names.stop());
      const guest = await configuredGuest([names.address]);
      expect(await guest.must('ip', '-6', 'route', 'show')).toMatch(
        new RegExp(`^${PREFIX}:/64 dev tap0 proto kernel`, 'm'),
      );
      expect(await guest.must('ping', '-c', '2', GATEWAY)).toContain('2 received');
      expect(await guest.must('ping', '-c', '2', '-s', '5000', GATEWAY)).toContain('2 received');
      expect(await guest.must('dig', '+short', `@${NAME_SERVER}`, 'ringlet.example')).toBe(`${EVERY_NAME}\n`);
      expect(await guest.must('dig', '+short', '+tcp', `@${NAME_SERVER}`, 'ringlet.example')).toBe(`${EVERY_NAME}\n`);

      const page = randomBytes(20 * MEGABYTE);
      let uploaded = '';
      const http = createHttpServer((request, response) => {
        if (request.method === 'GET') return void response.end(page);
        const sum = createHash('sha256');
        request.on('data', (part: Buffer) => sum.update(part));
        request.on('end', () => {
          uploaded = sum.digest('hex');
          response.end();
        });
      });
      const url = `http://[${GATEWAY}]:${await listening(http)}/`;
      expect(await guest.must('sh', '-c', `curl -s '${url}' | sha256sum`)).toContain(sha256(page));
      await guest.must('sh', '-c', `curl -s '${url}' | curl -s -T - '${url}'`);
      expect(uploaded).toBe(sha256(page));
      const refused = await guest.run('curl', '-sS', `http://[${GATEWAY}]:1/`);
      expect(refused).toMatchObject({ code: 7 });

      const half = createServer({ allowHalfOpen: true }, (socket) => {
        let bytes = 0;
        socket.on('data', (part) => (bytes += part.length));
        socket.on('end', () => socket.end(`got ${bytes}`));
      });
      const port = await listening(half);
      expect(await guest.must('sh', '-c', `head -c 1000000 /dev/zero | nc -N ${GATEWAY} ${port}`)).toBe('got 1000000');
    },
    300_000,
  );

  test('exchanges datagrams, whole and in fragments, and is told where nobody listens', async () => {
    const guest = await configuredGuest();
    const echo = createSocket('udp6', (message, from) => echo.send(message, from.port, from.address));
    await new Promise<void>((bound) => echo.bind(0, '::1', bound));
    afterThis(() => echo.close());
    const program = `
import socket, sys
def ask(port, data):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(60)
    s.connect(("${GATEWAY}", port))
    s.send(data)
    return s.recv(65536) == data
print(ask(${echo.address().port}, b"one"), ask(${echo.address().port}, bytes(range(256)) * 30))
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(60)
s.connect(("${PREFIX}:3", 9))
s.send(b"x")
try: s.recv(10)
except OSError as error: print(type(error).__name__)
`;
    expect(await guest.must('python3', '-c', program)).toBe('True True\nConnectionRefusedError\n');
  }, 120_000);

  test.skipIf(missing('iperf3').length > 0)(
    'passes iperf3 both ways',
    async () => {
      const guest = await configuredGuest();
      for (const words of [[], ['-R']]) {
        const port = '5299';
        const server = spawn('iperf3', ['-6', '-s', '-1', '--forceflush', '-p', port, '-B', '::1']);
        afterThis(() => server.kill());
        await once(server.stdout, 'data');
        const report = await guest.must('iperf3', '-J', '-c', GATEWAY, '-p', port, '-t', '2', ...words);
        const { end } = JSON.parse(report) as { end: Record<string, { bytes: number; bits_per_second: number }> };
        console.log(
          `iperf3 by IPv6 ${words.join(' ')}: ${Math.round(end['sum_received']!.bits_per_second / 1e6)} Mbit/s`,
        );
        expect(end['sum_received']!.bytes).toBeGreaterThan(MEGABYTE);
        if (server.exitCode === null) await once(server, 'exit');
      }
    },
    120_000,
  );
});
