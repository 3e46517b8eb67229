/** passt and TAP: a Linux stack reaches this host through each. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type NetworkDescription, openNetwork } from '../../src/index.ts';
import { afterThis, freePort } from './support/clean-up.ts';
import { finished, LinuxStack, missing, noLinuxStack } from './support/linux-stack.ts';

const SCRIPT = join(import.meta.dirname, 'support/dhcp-script.sh');

async function guestOn(description: NetworkDescription) {
  const { port, ready } = openNetwork(description);
  afterThis(() => new Promise<void>((done) => port.dispose(done)));
  await ready;
  const guest = await LinuxStack.plug(port);
  afterThis(() => guest.stop());
  return { port, guest };
}

async function hello(address: string): Promise<number> {
  const http = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => http.listen(0, address, resolve));
  afterThis(() => http.close());
  return (http.address() as AddressInfo).port;
}

/** passt takes its guest's addresses from the host: without a way out it has none to give. */
const hasRoute = missing('ip').length === 0 && execFileSync('ip', ['-4', 'route', 'show', 'default']).length > 0;

describe.skipIf(noLinuxStack !== undefined)(`a Linux stack ${noLinuxStack ?? ''}`, () => {
  test.skipIf(missing('passt', 'udhcpc', 'curl', 'nc').length > 0 || !hasRoute)(
    'reaches this host through passt, and is reached by a forwarded port',
    async () => {
      const forwarded = await freePort();
      const { guest, port } = await guestOn({ kind: 'passt', forwards: [{ hostPort: forwarded, guestPort: 22 }] });
      const lease = await guest.must('udhcpc', '-i', 'tap0', '-n', '-q', '-f', '-s', SCRIPT);
      const router = /router=(\S+)/.exec(lease)![1]!;
      const page = await guest.must('curl', '-s', `http://${router}:${await hello('127.0.0.1')}/`);
      expect(page).toBe('hello');
      const received = finished(guest.start('nc', '-l', '-p', '22'));
      await guest.listens(22);
      const client = connect(forwarded, '127.0.0.1').end('knock\n');
      afterThis(() => client.destroy());
      expect((await received).stdout).toBe('knock\n');
      expect(port.inspect()).toMatchObject({ kind: 'passt', up: true });
    },
  );

  test.skipIf(process.getuid?.() !== 0 || missing('socat', 'curl', 'iperf3').length > 0)(
    'reaches this host through a TAP interface',
    async () => {
      const name = `rl${process.pid}`.slice(0, 15);
      const ip = (...words: string[]) => execFileSync('ip', words);
      ip('tuntap', 'add', 'dev', name, 'mode', 'tap');
      afterThis(() => ip('link', 'del', name));
      ip('addr', 'add', '198.18.77.1/24', 'dev', name);
      ip('link', 'set', name, 'up');
      const { guest, port } = await guestOn({ kind: 'tap', name });
      await guest.configure('198.18.77.2/24');
      expect(await guest.must('ping', '-c', '2', '-s', '3000', '198.18.77.1')).toContain('2 received');
      expect(await guest.must('curl', '-s', `http://198.18.77.1:${await hello('198.18.77.1')}/`)).toBe('hello');
      expect(port.inspect()).toMatchObject({ kind: 'tap', name, up: true });
    },
  );
});

test.skipIf(process.platform !== 'linux' || missing('socat').length > 0)(
  'a TAP interface that cannot be attached to is refused with what to try',
  async () => {
    const { port, ready } = openNetwork({ kind: 'tap', name: 'lo' });
    afterThis(() => new Promise<void>((done) => port.dispose(done)));
    await expect(ready).rejects.toMatchObject({
      code: 'network-tap-refused',
      hint: expect.stringContaining('ip tuntap add') as string,
    });
  },
);
