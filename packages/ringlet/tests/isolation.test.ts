/** What machines of one process share, and what they do not. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDisk } from '@ringlet/root-partition';
import { expect, test } from 'vitest';
import { hashOfDisk } from '../src/tour/hash-of-disk.ts';
import { example, fixture, guestWith, moduleWith, start, temporaryFolder, watch, type Watched } from './machines.ts';

const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const ZEROS = sha256(new Uint8Array(MIB));

function newImage(): string {
  const path = join(temporaryFolder(), 'disk.vhdx');
  createDisk(path, { format: 'vhdx', size: 4 * MIB });
  return path;
}

/** The SHA-256 of what {@link Watched} has written to its disk, by its own account. */
const patternOf = ({ console }: Watched): string => /done ([0-9a-f]{64})/.exec(console())![1]!;

const qemuImg = spawnSync('qemu-img', ['--version']).status === 0;

test('a guest finds nothing of another in the memory that it reaches, and reaches nothing beyond its own', async () => {
  const disks = [{ path: newImage() }];
  const words = ['the-left-secret;', 'the-right-secret'];
  const guests = await Promise.all(
    [words, words.toReversed()].map((args) => start({ guest: fixture('look-around.ts'), args, disks })),
  );
  await Promise.all(guests.map(({ printed }) => printed('filled')));
  await Promise.all(guests.map(({ machine }) => machine.shutdown({ timeoutMs: 30_000 })));

  for (const { machine, console } of guests) {
    expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(console()).toMatch(/^filled\npages 2048, own all, found 0, beyond 0, disk says -?[1-9]\d*\n$/);
  }
});

test('machines that start from one image see none of each other’s writes, nor does the image', async () => {
  const image = newImage();
  const before = sha256(readFileSync(image));
  const workers = await Promise.all(
    ['3', '5', '7'].map((seed) =>
      start({ guest: fixture('disk-worker.ts'), args: [ZEROS, seed], disks: [{ path: image }] }),
    ),
  );
  await Promise.all(workers.map(({ printed }) => printed('done')));
  expect(new Set(workers.map(patternOf)).size).toBe(3);
  // Each reads its own pattern once more, now that all have written.
  await Promise.all(workers.map(({ machine }) => machine.shutdown({ timeoutMs: 30_000 })));
  for (const { machine } of workers) expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  expect(sha256(readFileSync(image))).toBe(before);
});

test('an image that one machine keeps its writes in is nobody else’s until that machine is gone', async () => {
  const image = newImage();
  const options = { guest: fixture('disk-worker.ts'), args: [ZEROS, '9'] };
  const owner = await start({ ...options, disks: [{ path: image, keep: true }] });
  await owner.printed('done');

  for (const disk of [{ keep: true }, {}, { readOnly: true }]) {
    const { machine, states } = watch({ ...options, disks: [{ path: image, ...disk }] });
    await expect(machine.start()).rejects.toMatchObject({
      name: 'UserError',
      code: 'disk-locked',
      message: expect.stringContaining(`${image} is being written by process ${process.pid}`),
      hint: expect.stringContaining('stop that machine first'),
    });
    expect(states.at(-1)).toBe('failed');
  }

  const pattern = patternOf(owner);
  await owner.machine.dispose();
  expect(existsSync(`${image}.lock`)).toBe(false);
  // What was flushed before the plug was pulled is there, and the image can be had again.
  const next = await start({ ...options, args: [pattern, '11'], disks: [{ path: image, keep: true }] });
  await next.printed('done');
  await next.machine.shutdown({ timeoutMs: 30_000 });
  expect(await next.machine.finished).toEqual({ reason: 'power-off', code: 0 });
});

test('many machines read one image at the same time', async () => {
  const image = newImage();
  const readers = await Promise.all(
    [1, 2, 3, 4].map(() =>
      start({ guest: example('disk-sha256.ts'), memory: 16 * MIB, disks: [{ path: image, readOnly: true }] }),
    ),
  );
  const expected = await hashOfDisk(image, createHash('sha256'));
  for (const { machine, console } of readers) {
    expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(console()).toContain(`sha256 ${expected}`);
  }
});

test('what is written to a kept disk is in the image afterwards', async () => {
  const image = newImage();
  const worker = await start({
    guest: fixture('disk-worker.ts'),
    args: [ZEROS, '13'],
    disks: [{ path: image, keep: true }],
  });
  await worker.printed('done');
  await worker.machine.shutdown({ timeoutMs: 30_000 });
  expect(await worker.machine.finished).toEqual({ reason: 'power-off', code: 0 });

  const raw = join(temporaryFolder(), 'disk.raw');
  if (qemuImg) {
    execFileSync('qemu-img', ['check', '-q', image]);
    execFileSync('qemu-img', ['convert', '-O', 'raw', image, raw]);
  } else {
    process.stdout.write('no qemu-img here: the image is read back by our own reader alone\n');
    createDisk(raw, { format: 'raw', size: 4 * MIB });
  }
  const content = new Uint8Array(4 * MIB);
  content.set(patternBytes(13));
  expect(patternOf(worker)).toBe(sha256(content.subarray(0, MIB)));
  expect(await hashOfDisk(image, createHash('sha256'))).toBe(sha256(content));
  if (qemuImg) content.set(readFileSync(raw));
  expect(sha256(content.subarray(0, MIB))).toBe(patternOf(worker));
});

test.each([
  ['throws in its constructor', 'export default class { constructor() { throw new Error("not today"); } }'],
  ['throws when it is loaded', 'throw new Error("at load"); export default class {}'],
])('a machine that does not start because a device %s leaves no lock on its disks', async (_what, source) => {
  const image = newImage();
  const { machine } = watch({
    guest: example('hello.ts'),
    devices: [moduleWith(source)],
    disks: [{ path: image, keep: true }],
  });
  await expect(machine.start()).rejects.toMatchObject({ code: 'device-invalid' });
  expect(existsSync(`${image}.lock`)).toBe(false);
});

test('a machine that is disposed of while it starts leaves no lock on its disks', async () => {
  const image = newImage();
  for (const delay of [0, 20, 60, 120]) {
    const { machine } = watch({ guest: example('hello.ts'), disks: [{ path: image, keep: true }] });
    const starting = machine.start().catch(() => {});
    await new Promise((later) => setTimeout(later, delay));
    await machine.dispose();
    await starting;
    expect(existsSync(`${image}.lock`)).toBe(false);
  }
});

test('a machine whose device thread fails leaves no lock on its disks', async () => {
  const image = newImage();
  const device = moduleWith(`
    export default class {
      offer = {
        name: 'broken',
        interfaceId: '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10',
        instanceId: '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01',
      };
      packet() { process.exit(1); }
    }
  `);
  const { machine } = await start({
    guest: example('echo.guest.ts'),
    devices: [device],
    disks: [{ path: image, keep: true }],
  });
  expect(await machine.finished).toMatchObject({ reason: 'crash' });
  await machine.dispose();
  const next = await start({ guest: guestWith(''), disks: [{ path: image, keep: true }] });
  expect(await next.machine.finished).toEqual({ reason: 'power-off', code: 0 });
});

/** What `disk-worker.ts` writes. */
function patternBytes(seed: number): Uint8Array {
  return Uint8Array.from({ length: MIB }, (_, i) => (i * seed) ^ (i >> 8));
}
