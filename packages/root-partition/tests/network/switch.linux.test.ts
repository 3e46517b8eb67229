/** The switch, judged by Linux stacks that meet on it. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HOST_CLOCK, openNetwork, type SwitchDescription, SwitchServer } from '../../src/index.ts';
import { afterThis } from './support/clean-up.ts';
import { finished, LinuxStack, missing, noLinuxStack } from './support/linux-stack.ts';

const MEGABYTE = 1024 * 1024;

/** A switch, and what plugs Linux stacks into it. */
async function theSwitch(options: { mirror?: string } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'ringlet-switch-'));
  const path = join(directory, 'switch');
  const server = new SwitchServer({ clock: HOST_CLOCK, path, ...options });
  await server.listen();
  afterThis(async () => {
    await server.close();
    rmSync(directory, { recursive: true });
  });
  let guests = 0;
  const guest = async (description: Partial<SwitchDescription> = {}) => {
    const number = ++guests;
    const { port, ready } = openNetwork({ kind: 'switch', path, name: `guest ${number}`, ...description });
    afterThis(() => new Promise<void>((done) => port.dispose(done)));
    await ready;
    const stack = await LinuxStack.plug(port, { mac: `52:54:00:00:00:0${number}` });
    afterThis(() => stack.stop());
    await stack.configure(`10.1.0.${number}/24`);
    return stack;
  };
  return { server, guest, directory };
}

async function reaches(stack: LinuxStack, address: string): Promise<boolean> {
  return (await stack.run('ping', '-c', '2', '-i', '0.2', '-W', '3', address)).code === 0;
}

describe.skipIf(noLinuxStack !== undefined)(`Linux stacks on a switch ${noLinuxStack ?? ''}`, () => {
  test('meet in their VLAN, and not across VLANs or isolation', async () => {
    const { guest, server } = await theSwitch();
    const one = await guest();
    const two = await guest();
    const other = await guest({ vlan: 5 });
    await guest({ vlan: 5, isolated: true });
    const alone = await guest({ vlan: 5, isolated: true });
    expect(await reaches(one, '10.1.0.2')).toBe(true);
    expect(await reaches(two, '10.1.0.3')).toBe(false);
    expect(await reaches(other, '10.1.0.5')).toBe(true);
    expect(await reaches(alone, '10.1.0.4')).toBe(false);
    expect(
      (server.inspect()['ports'] as { name: string; vlan: number }[]).map(({ name, vlan }) => [name, vlan]),
    ).toEqual([1, 2, 3, 4, 5].map((number) => [`guest ${number}`, number < 3 ? 1 : 5]));
  });

  test.skipIf(missing('curl', 'udhcpc').length > 0)('share a way out, each with an address of its own', async () => {
    const { server, guest } = await theSwitch();
    const nat = openNetwork({ kind: 'nat', subnet: '10.1.0.0/24' });
    server.plug('uplink', nat.port);
    const http = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    afterThis(() => http.close());
    const { port } = http.address() as AddressInfo;
    const script = join(import.meta.dirname, 'support/dhcp-script.sh');
    const addresses: string[] = [];
    for (const stack of [await guest(), await guest()]) {
      await stack.must('ip', 'addr', 'flush', 'dev', 'tap0');
      addresses.push((await stack.must('udhcpc', '-i', 'tap0', '-n', '-q', '-f', '-s', script)).split(' ')[1]!);
      expect(await stack.must('curl', '-s', `http://10.1.0.2:${port}/`)).toBe('hello');
    }
    expect(addresses).toEqual(['ip=10.1.0.15', 'ip=10.1.0.16']);
  });

  test.skipIf(missing('iperf3').length > 0)('are held to their bandwidth, within 10 percent', async () => {
    const { guest } = await theSwitch();
    const [one, two] = [await guest(), await guest({ bandwidth: 20e6 })];
    const server = finished(one.start('iperf3', '-s', '-1', '--forceflush'));
    await one.listens(5201);
    await reaches(two, '10.1.0.1');
    const report = await two.must('iperf3', '-J', '-c', '10.1.0.1', '-t', '6', '-O', '1');
    const { end } = JSON.parse(report) as { end: { sum_received: { bits_per_second: number } } };
    // What a TCP segment of 1448 bytes adds on a cable: headers, preamble, checksum, gap.
    const onCable = end.sum_received.bits_per_second * ((1514 + 24) / 1448);
    expect(onCable).toBeGreaterThan(18e6);
    expect(onCable).toBeLessThan(22e6);
    expect((await server).code).toBe(0);
  });

  test.skipIf(missing('nc', 'tshark').length > 0)(
    'exchange 100 MB through 5 % loss, and tshark reads the mirror',
    async () => {
      const { guest, directory, server } = await theSwitch({
        mirror: join(tmpdir(), `ringlet-mirror-${process.pid}.pcapng`),
      });
      const mirror = join(tmpdir(), `ringlet-mirror-${process.pid}.pcapng`);
      afterThis(() => rmSync(mirror));
      const [one, two] = [await guest(), await guest({ faults: { loss: 0.05, seed: 11 } })];
      const bytes = randomBytes(100 * MEGABYTE);
      const file = join(directory, 'file');
      writeFileSync(file, bytes);
      const sum = finished(one.start('sh', '-c', 'nc -l -p 9 | sha256sum'));
      await one.listens(9);
      await two.must('sh', '-c', `nc -N 10.1.0.1 9 < ${file}`);
      expect((await sum).stdout).toContain(createHash('sha256').update(bytes).digest('hex'));
      await server.close();
      const words = ['-n', '-r', mirror, '-q', '-z', 'conv,eth'];
      const read = execFileSync('tshark', words, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 64 * MEGABYTE });
      expect(read).toMatch(/52:54:00:00:00:02\s+<-> 52:54:00:00:00:01|52:54:00:00:00:01\s+<-> 52:54:00:00:00:02/);
    },
    300_000,
  );
});
