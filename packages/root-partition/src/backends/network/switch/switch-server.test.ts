import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { HOST_CLOCK } from '../network-clock.ts';
import type { NetworkPort } from '../network-port.ts';
import { openNetwork } from '../open-network.ts';
import { SwitchServer } from './switch-server.ts';

const MAC = '02:00:00:00:00:07';
const PATIENTLY = { timeout: 20_000, interval: 10 } as const;

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-switch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'lan');
}

async function listening(): Promise<{
  server: SwitchServer;
  plug: (name: string, vlan?: number) => Promise<NetworkPort>;
}> {
  const path = socketPath();
  const server = new SwitchServer({ clock: HOST_CLOCK, path });
  onTestFinished(() => server.close());
  await server.listen();
  const plug = async (name: string, vlan?: number): Promise<NetworkPort> => {
    const { port, ready } = openNetwork({ kind: 'switch', path, name, mac: MAC, ...(vlan !== undefined && { vlan }) });
    onTestFinished(() => new Promise((done) => port.dispose(done)));
    await ready;
    return port;
  };
  return { server, plug };
}

const path = (server: SwitchServer): string => server.inspect()['path'] as string;

const taken = {
  code: 'switch-address-taken',
  message: expect.stringMatching(/^one .*02:00:00:00:00:07.* two /) as string,
};

test('two ports of one address are told from each other by their VLANs, or refused by their names', async () => {
  const { server, plug } = await listening();
  const one = await plug('one');
  expect(one.link.up).toBe(true);
  await expect(plug('two')).rejects.toMatchObject(taken);
  await plug('elsewhere', 5);
  expect(server.inspect()).toMatchObject({ ports: [{ name: 'one' }, { name: 'elsewhere' }] });
  await new Promise<void>((done) => one.dispose(done));
  await expect.poll(() => server.ports, PATIENTLY).toBe(1);
  const two = await plug('two');

  // Frames go on as before.
  const heard: Uint8Array[] = [];
  const other = await plug('other', 6);
  other.onReceive((frame) => heard.push(Uint8Array.from(frame)) > 0);
  const third = openNetwork({ kind: 'switch', path: path(server), name: 'third', vlan: 6, mac: '02:00:00:00:00:08' });
  await third.ready;
  const frame = new Uint8Array(60).fill(2).fill(0xff, 0, 6);
  expect(third.port.send(frame)).toBe(true);
  await expect.poll(() => heard, PATIENTLY).toEqual([frame]);
  await new Promise<void>((done) => third.port.dispose(done));
  expect(two.link.up).toBe(true);
});

test('who is started again just after it was killed has its address', async () => {
  const { plug } = await listening();
  const one = await plug('one');
  const again = plug('one');
  setTimeout(() => one.dispose(() => {}), 50);
  expect((await again).link.up).toBe(true);
});

test('what answers otherwise, or goes away, is no switch', async () => {
  for (const answer of [Buffer.from('GET / HTTP/1.1\r\n'), Buffer.from([0x52, 0, 0, 1, 0x7b]), undefined]) {
    const path = socketPath();
    const server = createServer((socket) => {
      socket.resume();
      if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
    onTestFinished(() => new Promise((closed) => void server.close(() => closed())));
    await new Promise<void>((ready) => server.listen(path, ready));
    const { port, ready } = openNetwork({ kind: 'switch', path, mac: MAC });
    await expect(ready).rejects.toMatchObject({ code: 'network-socket-refused' });
    await new Promise<void>((done) => port.dispose(done));
  }
});
