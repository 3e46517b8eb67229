/** The NAT, judged by the host's own TCP/IP stack and by stock programs in it. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type NetworkDescription, openNetwork } from '../../src/index.ts';
import { afterThis, freePort } from './support/clean-up.ts';
import { finished, LinuxStack, missing, noLinuxStack } from './support/linux-stack.ts';
import { EVERY_NAME, startNameServer } from './support/name-server.ts';

const GATEWAY = '10.0.2.2';
const SCRIPT = join(import.meta.dirname, 'support/dhcp-script.sh');
const MEGABYTE = 1024 * 1024;

/** A NAT with a Linux guest, which has its address already unless it is to ask. */
async function guestOn(description: Partial<NetworkDescription & { kind: 'nat' }> = {}, asks = false) {
  const { port, ready } = openNetwork({ kind: 'nat', ...description });
  afterThis(() => new Promise<void>((done) => port.dispose(done)));
  await ready;
  const guest = await LinuxStack.plug(port);
  afterThis(() => guest.stop());
  if (!asks) await guest.configure('10.0.2.15/24', GATEWAY);
  return { port, guest };
}

/** A service of the host. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterThis(() => server.close());
  return (server.address() as AddressInfo).port;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(noLinuxStack !== undefined)(`a Linux stack on the NAT ${noLinuxStack ?? ''}`, () => {
  test.skipIf(missing('udhcpc').length > 0)('is configured by its DHCP client', async () => {
    const { guest, port } = await guestOn({ hostname: 'penguin', mtu: 1400 }, true);
    const asked = ['udhcpc', '-i', 'tap0', '-n', '-q', '-f', '-s', SCRIPT, '-O', 'mtu', '-O', 'hostname'];
    const said = await guest.must(...asked);
    expect(said).toContain(
      'bound ip=10.0.2.15 mask=24 router=10.0.2.2 dns=10.0.2.3 hostname=penguin mtu=1400 lease=86400',
    );
    expect(port.inspect()).toMatchObject({ leases: { '52:54:00:12:34:56': '10.0.2.15' } });
    expect(await guest.must('ping', '-c', '2', GATEWAY)).toContain('2 received');
    expect(await guest.must('ping', '-c', '2', '-s', '5000', '10.0.2.3')).toContain('2 received');
  });

  test.skipIf(missing('dig').length > 0)('resolves names over UDP and TCP', async () => {
    const server = await startNameServer();
    afterThis(() => server.stop());
    const { guest } = await guestOn({ dns: [server.address] });
    expect(await guest.must('dig', '+short', '@10.0.2.3', 'ringlet.example')).toBe(`${EVERY_NAME}\n`);
    expect(await guest.must('dig', '+short', '+tcp', '@10.0.2.3', 'ringlet.example')).toBe(`${EVERY_NAME}\n`);
    expect(server.asked).toEqual({ udp: 1, tcp: 1 });
  });

  test.skipIf(missing('dig').length > 0)('hears of a resolver that does not answer', async () => {
    const { guest } = await guestOn({ dns: [`127.0.0.1:${await freePort()}`] });
    expect(await guest.must('dig', '+tries=1', '@10.0.2.3', 'ringlet.example')).toContain('SERVFAIL');
  });

  test.skipIf(missing('curl').length > 0)('fetches from the host, and is refused where nobody listens', async () => {
    const page = randomBytes(20 * MEGABYTE);
    const http = createHttpServer((_, response) => response.end(page));
    const port = await listening(http);
    const { guest } = await guestOn();
    const sum = await guest.must('sh', '-c', `curl -s http://${GATEWAY}:${port}/ | sha256sum`);
    expect(sum).toContain(sha256(page));
    const refused = await guest.run('curl', '-sS', `http://${GATEWAY}:${await freePort()}/`);
    expect(refused).toMatchObject({ code: 7, stderr: expect.stringMatching(/refused|Couldn't connect/) as string });
  });

  test.skipIf(missing('iperf3').length > 0)('passes iperf3 both ways, over TCP and UDP', async () => {
    const { guest } = await guestOn();
    const port = String(await freePort());
    for (const words of [[], ['-R'], ['-u', '-b', '20M'], ['-u', '-b', '20M', '-R']]) {
      const server = spawn('iperf3', ['-s', '-1', '--forceflush', '-p', port, '-B', '127.0.0.1']);
      afterThis(() => server.kill());
      await once(server.stdout, 'data');
      const report = await guest.must('iperf3', '-J', '-c', GATEWAY, '-p', port, '-t', '2', ...words);
      const { end } = JSON.parse(report) as { end: Record<string, { bytes: number }> };
      expect((end['sum_received'] ?? end['sum'])!.bytes).toBeGreaterThan(MEGABYTE);
      if (server.exitCode === null) await once(server, 'exit');
    }
  });

  test.skipIf(missing('nc').length > 0)('can close one half and read on', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let bytes = 0;
      socket.on('data', (part) => (bytes += part.length));
      socket.on('end', () => socket.end(`got ${bytes}`));
    });
    const port = await listening(server);
    const { guest } = await guestOn();
    const answer = await guest.must('sh', '-c', `head -c 1000000 /dev/zero | nc -N ${GATEWAY} ${port}`);
    expect(answer).toBe('got 1000000');
  });

  test.skipIf(missing('nc').length > 0)('is reached through forwarded ports of the host', async () => {
    const [tcp, udp] = [await freePort(), await freePort()];
    const { guest } = await guestOn({
      forwards: [
        { hostPort: tcp, guestPort: 22 },
        { protocol: 'udp', hostPort: udp, guestPort: 53 },
      ],
    });
    const received = finished(guest.start('sh', '-c', 'nc -l -p 22 | sha256sum'));
    const said = randomBytes(5 * MEGABYTE);
    await guest.listens(22);
    connect(tcp, '127.0.0.1').end(said);
    expect((await received).stdout).toContain(sha256(said));

    const answering = guest.start('sh', '-c', 'echo pong | nc -u -l -p 53 -q 1');
    const client = createSocket('udp4');
    afterThis(() => client.close());
    const asking = setInterval(() => client.send('ping', udp, '127.0.0.1'), 200);
    afterThis(() => clearInterval(asking));
    const [answer] = (await once(client, 'message')) as [Buffer];
    expect(answer.toString()).toBe('pong\n');
    answering.kill();
  });

  test('says which port of the host is taken', async () => {
    const port = await listening(createServer());
    const opened = openNetwork({ kind: 'nat', forwards: [{ hostPort: port, guestPort: 22 }] });
    afterThis(() => opened.port.dispose(() => {}));
    await expect(opened.ready).rejects.toMatchObject({ code: 'network-port-taken' });
  });

  test.skipIf(missing('python3').length > 0)('holds 1,000 connections at once, each with its own answer', async () => {
    const open = new Set<Socket>();
    let most = 0;
    const server = createServer((socket) => {
      open.add(socket);
      most = Math.max(most, open.size);
      socket.on('close', () => open.delete(socket)).on('error', () => {});
      socket.on('data', (bytes) => socket.write(createHash('sha256').update(bytes).digest('hex')));
    });
    const port = await listening(server);
    const { guest, port: nat } = await guestOn();
    const program = `
import hashlib, resource, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
sockets = [socket.create_connection(("${GATEWAY}", ${port}), timeout=60) for _ in range(1000)]
for index, s in enumerate(sockets): s.sendall(b"%d" % index)
good = 0
for index, s in enumerate(sockets):
    answer = b""
    while len(answer) < 64: answer += s.recv(64)
    good += answer.decode() == hashlib.sha256(b"%d" % index).hexdigest()
print(good)
`;
    const asking = finished(guest.start('python3', '-c', program));
    expect(await asking).toMatchObject({ code: 0, stdout: '1000\n' });
    expect(most).toBe(1000);
    expect(nat.inspect()).toMatchObject({ tcp: { opened: 1000 } });
  });

  test.skipIf(missing('curl').length > 0)(
    'loses nothing of 100 MB each way where 5 % of frames are lost',
    async () => {
      const bytes = randomBytes(100 * MEGABYTE);
      let uploaded = '';
      const http = createHttpServer((request, response) => {
        if (request.method === 'GET') return void response.end(bytes);
        const sum = createHash('sha256');
        request.on('data', (part: Buffer) => sum.update(part));
        request.on('end', () => {
          uploaded = sum.digest('hex');
          response.end();
        });
      });
      const port = await listening(http);
      const { guest, port: nat } = await guestOn({ faults: { loss: 0.05, reorder: 0.01, duplicate: 0.01, seed: 7 } });
      const url = `http://${GATEWAY}:${port}/`;
      const file = join(mkdtempSync(join(tmpdir(), 'ringlet-transfer-')), 'file');
      afterThis(() => rmSync(dirname(file), { recursive: true }));
      await guest.must('curl', '-s', '-o', file, url);
      expect(sha256(readFileSync(file))).toBe(sha256(bytes));
      await guest.must('curl', '-s', '-T', file, url);
      expect(uploaded).toBe(sha256(bytes));
      const { faults } = nat.inspect() as { faults: { lost: number } };
      expect(faults.lost).toBeGreaterThan(5000);
    },
    300_000,
  );
});
