/** Unix sockets of the host on one side; on the other a guest that a test plays, on real rings. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceOfPort } from '@ringlet/protocols';
import { type AttachOptions, BytePipe, RingChannel, type Vsp } from '@ringlet/vmbus';
import { expect, onTestFinished, test } from 'vitest';
import { recordedWorld, smallMemory } from '../testing/guest-hands.ts';
import { MachineSockets } from './machine-sockets.ts';

const RING_PAGES = 4;
const PATIENTLY = { timeout: 20_000, interval: 5 } as const;

function sockets() {
  const directory = mkdtempSync(join(tmpdir(), 'ringlet-sockets-'));
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const offers: { vsp: Vsp; options: AttachOptions }[] = [];
  const machine = new MachineSockets({
    directory,
    world: () => world,
    attach: (vsp, options) => void offers.push({ vsp, options }),
    detach: (vsp) => {
      const at = offers.findIndex((offer) => offer.vsp === vsp);
      if (at >= 0) offers.splice(at, 1)[0]!.options.removed?.();
    },
    wake: () => world.advance(0),
  });
  onTestFinished(() => {
    machine.dispose(() => {});
    rmSync(directory, { recursive: true, force: true });
  });
  /** What the guest does with an offer: opens it. @returns its end */
  const open = (vsp: Vsp) => {
    const pages = (first: number): Float64Array => Float64Array.from({ length: RING_PAGES }, (_, i) => first + i);
    let far: RingChannel | undefined;
    let near: RingChannel | undefined;
    const end = (incoming: number, outgoing: number, peer: () => RingChannel | undefined): RingChannel =>
      new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory,
        incoming: pages(incoming),
        outgoing: pages(outgoing),
        signal: () => queueMicrotask(() => peer()?.poll(64)),
      });
    near = end(0, RING_PAGES, () => far);
    far = end(RING_PAGES, 0, () => near);
    const got = { text: '', ended: false };
    const pipe = new BytePipe(far, {
      data: (bytes) => {
        got.text += Buffer.from(bytes).toString();
        return bytes.length;
      },
      end: () => (got.ended = true),
      fault: () => {},
    });
    vsp.opened?.(near);
    return { pipe, got };
  };
  return { directory, machine, offers, open };
}

/** A program of the host, and what it has read. */
function program(path: string): { socket: Socket; read: () => string; closed: () => boolean } {
  const socket = connect({ path, allowHalfOpen: true });
  let text = '';
  let closed = false;
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  socket.on('error', () => {});
  socket.on('end', () => (closed = true));
  onTestFinished(() => void socket.destroy());
  return { socket, read: () => text, closed: () => closed };
}

test('a program of the host reaches a socket of the guest, and the bytes behind its greeting are the guest’s', async () => {
  const { directory, offers, open } = sockets();
  const { socket, read, closed } = program(join(directory, 'vsock'));
  socket.write('CONN');
  socket.write('ECT 1000\nhello');
  await expect.poll(() => offers.length, PATIENTLY).toBe(1);
  expect(offers[0]!.vsp.offer).toMatchObject({ interfaceId: serviceOfPort(1000), userDefined: Uint8Array.of(1) });
  expect(read()).toBe('');

  const { pipe, got } = open(offers[0]!.vsp);
  await expect.poll(() => got.text, PATIENTLY).toBe('hello');
  pipe.write(Buffer.from('and back'));
  await expect.poll(read, PATIENTLY).toBe('OK 1000\nand back');

  socket.end();
  await expect.poll(() => got.ended, PATIENTLY).toBe(true);
  pipe.end();
  await expect.poll(closed, PATIENTLY).toBe(true);
  await expect.poll(() => offers.length, PATIENTLY).toBe(0);
});

test('a program is told that nobody in the guest listens', async () => {
  const { directory, offers } = sockets();
  const { socket, read, closed } = program(join(directory, 'vsock'));
  socket.write('CONNECT 7\n');
  await expect.poll(() => offers.length, PATIENTLY).toBe(1);
  offers.shift()!.options.removed!();
  await expect.poll(closed, PATIENTLY).toBe(true);
  expect(read()).toBe('REFUSED nobody in the guest listens at 7\n');
});

test.each(['GET / HTTP/1.1\r\n', 'CONNECT\n', 'CONNECT 4294967295\n', 'CONNECT 1 2\n', 'x'.repeat(100), '\n'])(
  'a program that says %j is refused',
  async (greeting) => {
    const { directory, offers } = sockets();
    const { socket, read, closed } = program(join(directory, 'vsock'));
    socket.write(greeting);
    await expect.poll(closed, PATIENTLY).toBe(true);
    expect(read()).toBe('REFUSED say CONNECT and a port\n');
    expect(offers).toEqual([]);
  },
);

test('the guest reaches a program of the host that listens, and no other', async () => {
  const { directory, machine, offers, open } = sockets();
  const server = createServer((socket) => socket.pipe(socket)).listen(join(directory, 'vsock_2000'));
  onTestFinished(() => void server.close());
  const answers: boolean[] = [];
  const endpointId = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01';
  machine.connect({ endpointId, serviceId: serviceOfPort(2001), siloId: undefined }, (answer) => answers.push(answer));
  await expect.poll(() => answers, PATIENTLY).toEqual([false]);
  machine.connect({ endpointId, serviceId: serviceOfPort(2000), siloId: undefined }, (answer) => answers.push(answer));
  await expect.poll(() => answers, PATIENTLY).toEqual([false, true]);
  expect(offers[0]!.vsp.offer).toMatchObject({ instanceId: endpointId, userDefined: Uint8Array.of(0) });

  const { pipe, got } = open(offers[0]!.vsp);
  pipe.write(Buffer.from('echo'));
  pipe.end();
  await expect.poll(() => got, PATIENTLY).toEqual({ text: 'echo', ended: true });
});

test('only the user may enter, and nothing is left when the machine goes', () => {
  const { directory, machine } = sockets();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  machine.dispose(() => {});
  expect(existsSync(directory)).toBe(false);
});

test('a guest of a machine without a directory reaches nobody', () => {
  const world = recordedWorld(smallMemory());
  const machine = new MachineSockets({
    directory: undefined,
    world: () => world,
    attach: () => {},
    detach: () => {},
    wake: () => {},
  });
  const answers: boolean[] = [];
  const request = { endpointId: '', serviceId: serviceOfPort(1), siloId: undefined };
  machine.connect(request, (answer) => answers.push(answer));
  expect(answers).toEqual([false]);
  expect(machine.inspect()).toEqual({});
});

test('a directory too long for sockets is the user’s mistake', () => {
  const world = recordedWorld(smallMemory());
  const options = { world: () => world, attach: () => {}, detach: () => {}, wake: () => {} };
  expect(() => new MachineSockets({ ...options, directory: `/tmp/${'d'.repeat(90)}` })).toThrow(
    expect.objectContaining({ code: 'sockets-directory-unusable' }),
  );
});
