/** `ringlet switch`, as a user starts it, and ports of this process on it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NetworkPort, openNetwork } from '@ringlet/root-partition';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureSwitches } from '../src/commands/ensure-switch.ts';
import { switchSocket } from '../src/control/switch-socket.ts';
import { ringlet, startRinglet } from './launcher.ts';

let folder: string;
let environment: Record<string, string | undefined>;
const ports: NetworkPort[] = [];
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-'));
  mkdirSync(join(folder, 'run'), { mode: 0o700 });
  environment = { ...process.env, RINGLET_RUN_DIR: join(folder, 'run') };
});
afterEach(async () => {
  child?.kill('SIGKILL');
  for (const port of ports.splice(0)) await new Promise<void>((done) => port.dispose(done));
  rmSync(folder, { recursive: true, force: true });
});

async function plug(name: string): Promise<NetworkPort> {
  const { port, ready } = openNetwork({ kind: 'switch', path: switchSocket('lan', environment), name });
  ports.push(port);
  await ready;
  return port;
}

/** The next frame that arrives at a port and holds these bytes. */
function frameWith(port: NetworkPort, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    port.onReceive((frame) => {
      if (Buffer.from(frame).includes(bytes)) resolve(Buffer.from(frame));
      return true;
    });
  });
}

/** An ARP request for the gateway of the default network. */
function whoIsTheGateway(mac: string): Buffer {
  return Buffer.from(
    `ffffffffffff${mac}08060001080006040001${mac}0a00020f0000000000000a000202`.padEnd(120, '0'),
    'hex',
  );
}

test('machines of several processes meet at a switch, which has a way out and says how it is', async () => {
  child = startRinglet(folder, 'switch', 'lan', '--nat', '--json');
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  expect(JSON.parse(line.toString())).toEqual({
    type: 'listening',
    name: 'lan',
    path: switchSocket('lan', environment),
  });
  const [one, two] = [await plug('one'), await plug('two')];
  const answer = frameWith(one, Buffer.from('0a000202525400000001', 'hex'));
  const heard = frameWith(two, Buffer.from('525400000001', 'hex'));
  // Again and again: the other may have connected without the switch's having noticed yet.
  const asking = setInterval(() => one.send(whoIsTheGateway('525400000001')), 100);
  expect((await answer).readUInt16BE(20)).toBe(2);
  await heard;
  clearInterval(asking);

  const status = await ringlet(folder, 'switch', 'lan', '--status', '--json');
  const said = JSON.parse(status.stdout) as { ports: { name: string }[]; addresses: object[] };
  expect(said.ports.map(({ name }) => name)).toEqual(['nat', 'one', 'two']);
  expect(said.addresses).toContainEqual({ vlan: 1, mac: '52:54:00:00:00:01', port: 'one' });
  expect((await ringlet(folder, 'switch', 'lan', '--status')).stdout).toMatch(/^one +VLAN 1, \d+ in, /m);

  const second = await ringlet(folder, 'switch', 'lan');
  expect(second).toMatchObject({ status: 2, stderr: expect.stringContaining('switch-taken') as string });
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(existsSync(switchSocket('lan', environment))).toBe(false);
  expect(one.link.up).toBe(false);
});

test('a switch is started for whoever needs it, and ends when it is not used any more', async () => {
  const network = { kind: 'switch', path: switchSocket('lan', environment) } as const;
  await Promise.all([ensureSwitches([network, network], environment), ensureSwitches([network], environment)]);
  await plug('one');
  await new Promise<void>((done) => ports.pop()!.dispose(done));
  await expect.poll(() => existsSync(network.path), { timeout: 30_000, interval: 100 }).toBe(false);
});

test('a switch that does not run has no status', async () => {
  expect(await ringlet(folder, 'switch', 'lan', '--status')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no-such-switch') as string,
  });
  expect(await ringlet(folder, 'switch', 'lan', '--forward', '1:2')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('flag-conflict') as string,
  });
});
