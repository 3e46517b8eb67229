/** Viewers of a machine's screen: what they see, what they do, and what they may not do. */
import { statSync } from 'node:fs';
import { request } from 'node:http';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machine } from 'ringlet';
import { expect, test } from 'vitest';
import { vncResponse } from '../src/viewer/rfb/handshake.ts';
import { PATIENTLY } from './machines.ts';
import { painting } from './painting-machine.ts';
import { RfbClient } from './rfb-client.ts';

const [WIDTH, HEIGHT] = [640, 480];
const SIZE = { width: WIDTH, height: HEIGHT };
const [BLACK, PAPER] = ['202020', 'f8f4e8'];

/** A viewer at a socket of its own. */
async function viewer(machine: Machine): Promise<{ client: RfbClient; path: string }> {
  const path = join(await mkdtemp(join(tmpdir(), 'ringlet-view-')), 'vnc');
  const { vnc } = await machine.viewers.open({ vnc: path });
  expect(vnc).toEqual({ address: path });
  return { client: new RfbClient(path), path };
}

const pixelAt = (data: Buffer, index: number): string =>
  data
    .readUInt32LE(index * 4)
    .toString(16)
    .padStart(6, '0');

test('a viewer sees the picture and what changes of it, and its hands reach the guest', async () => {
  const { machine } = await painting(SIZE);
  const { client, path } = await viewer(machine);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await client.enter();
  expect([client.width, client.height, client.name]).toEqual([WIDTH, HEIGHT, machine.name]);
  client.encodings(0, -223);
  const [all] = await client.update(false);
  expect(all).toMatchObject({ x: 0, y: 0, width: WIDTH, height: HEIGHT, encoding: 0 });
  const { pixels } = await machine.display.screenshot();
  const shown = Buffer.alloc(pixels.length);
  for (let i = 0; i < pixels.length; i += 4) shown.set([pixels[i + 2]!, pixels[i + 1]!, pixels[i]!], i);
  expect(all!.data.equals(shown)).toBe(true);

  // Drags from 100, 100 to 300, 200.
  const pointer = (buttons: number, x: number, y: number): void =>
    client.send([5, buttons, x >> 8, x & 0xff, y >> 8, y & 0xff]);
  pointer(0, 100, 100);
  pointer(1, 100, 100);
  pointer(1, 300, 200);
  pointer(0, 300, 200);
  let drawn: string | undefined;
  while (drawn !== BLACK) {
    for (const { x, y, width, height, data } of await client.update(true)) {
      const inside = x <= 200 && 200 < x + width && y <= 150 && 150 < y + height;
      if (inside) drawn = pixelAt(data, (150 - y) * width + 200 - x);
    }
  }

  // Clears it by the key c: by its symbol first, then by its scan code as QEMU's viewers send it.
  const key = (down: number): void => client.send([4, down, 0, 0, 0, 0, 0, 0x63]);
  key(1);
  key(0);
  const colour = async (): Promise<string> => {
    const [part] = await client.update(false, 200, 150, 1, 1);
    return pixelAt(part!.data, 0);
  };
  await expect.poll(colour, PATIENTLY).toBe(PAPER);
  client.encodings(0, -258);
  expect(await client.update(true)).toMatchObject([{ encoding: -258 }]);
  const escape = (down: number): void => client.send([255, 0, 0, down, 0, 0, 0xff, 0x1b, 0, 0, 0, 1]);
  escape(1);
  escape(0);
  await expect(machine.finished).resolves.toEqual({ reason: 'power-off', code: 0 });
  await expect.poll(() => client.ended, PATIENTLY).toBe(true);
});

test('other pixels, too: 16 bits, the upper byte first', async () => {
  const { machine } = await painting(SIZE);
  const { client } = await viewer(machine);
  await client.enter();
  client.send([0, 0, 0, 0, 16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0]);
  client.bytesPerPixel = 2;
  const [part] = await client.update(false, 400, 300, 1, 1);
  // f8f4e8 in 5, 6 and 5 bits.
  expect(part!.data.readUInt16BE()).toBe((30 << 11) | (60 << 5) | 28);
  await machine.dispose();
});

test('nonsense ends a viewer and nothing else', async () => {
  const { machine } = await painting(SIZE);
  const { client: good, path } = await viewer(machine);
  await good.enter();
  const nonsense: readonly (readonly number[])[] = [
    [7],
    [255, 1, 0, 0],
    [0, 0, 0, 0, 24, 24, 0, 1],
    [0, 0, 0, 0, 32, 24, 0, 0, ...Array<number>(12).fill(255)],
    [0, 0, 0, 0, 8, 8, 0, 1, 0, 255, 0, 255, 0, 255, 30, 30, 30, 0, 0, 0],
    Array<number>(1024).fill(9),
  ];
  for (const bytes of nonsense) {
    const bad = new RfbClient(path);
    await bad.enter();
    bad.send(bytes, Buffer.alloc(64));
    await expect.poll(() => bad.ended, PATIENTLY).toBe(true);
  }
  const stranger = new RfbClient(path);
  stranger.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await expect.poll(() => stranger.ended, PATIENTLY).toBe(true);
  // Parts beside the screen are no error, and show nothing.
  const edge = (await good.update(false, WIDTH - 1, HEIGHT - 1, 100, 100))[0];
  expect(edge).toMatchObject({ width: 1, height: 1 });
  good.close();
  await machine.dispose();
});

test('at a port a password is asked for, on the page a token, and closing shuts them', async () => {
  const { machine } = await painting(SIZE);
  const free = await machine.viewers.open();
  const port = Number(new URL(free.url).port);
  await expect(machine.viewers.open({ port: port === 1 ? 2 : 1 })).rejects.toMatchObject({ code: 'view-elsewhere' });
  await expect(machine.viewers.open({ vnc: String(port) })).rejects.toMatchObject({ code: 'view-address-refused' });

  const status = (path: string, headers = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on('error', reject)
        .end();
    });
  const { pathname, search } = new URL(free.url);
  expect(await status(pathname + search)).toBe(200);
  expect(await status('/')).toBe(403);
  expect(await status(`${pathname}${search}x`)).toBe(403);
  expect(await status(pathname + search, { host: `attacker.example:${port}` })).toBe(403);
  expect(await status('/novnc/core/rfb.js')).toBe(200);
  expect(await status('/novnc/../package.json')).toBe(404);
  expect(await status('/novnc/%2e%2e/%2e%2e/ws/index.js')).toBe(404);
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  expect(await status('/screen', { ...upgrade, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' })).toBe(403);

  await machine.viewers.close();
  await expect(status('/')).rejects.toThrow('ECONNREFUSED');
  const { vnc } = await machine.viewers.open({ vnc: String(port) });
  expect(vnc).toMatchObject({ address: `127.0.0.1:${port}`, password: expect.stringMatching(/^\w{8}$/) });
  const enter = async (password: string): Promise<number> => {
    const client = new RfbClient(port);
    client.send(await client.read(12));
    expect([...(await client.read(2))]).toEqual([1, 2]);
    client.send([2]);
    client.send(vncResponse(password, await client.read(16)));
    const result = (await client.read(4)).readUInt32BE();
    client.close();
    return result;
  };
  expect(await enter(vnc!.password!)).toBe(0);
  expect(await enter('wrong')).toBe(1);
  await machine.dispose();
});
