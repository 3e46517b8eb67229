/** Images that qemu-img made: a guest reads from them, through the whole machine, what qemu-img says is in them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, ftruncateSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ringlet } from './launcher.ts';
import { example, temporaryFolder } from './machines.ts';

const MIB = 1024 * 1024;
const hasQemuImg = spawnSync('qemu-img', ['--version']).status === 0;
if (!hasQemuImg)
  process.stdout.write('no qemu-img on this host: what it makes is not read (apt-get install qemu-utils)\n');
/** Long by choice: RINGLET_LARGE_DISKS=1. */
const large = process.env['RINGLET_LARGE_DISKS'] !== undefined;

/** qemu-img's driver and options. It rounds the size of a VHD up to whole cylinders unless it is forced not to. */
const FORMATS = {
  raw: ['raw'],
  'VHD, fixed': ['vpc', '-o', 'subformat=fixed,force_size=on'],
  'VHD, fixed, whole cylinders': ['vpc', '-o', 'subformat=fixed'],
  'VHD, dynamic': ['vpc', '-o', 'subformat=dynamic'],
  'VHDX, fixed': ['vhdx', '-o', 'subformat=fixed'],
  'VHDX, dynamic': ['vhdx', '-o', 'subformat=dynamic'],
} as const;
type Format = keyof typeof FORMATS;
const formats = Object.keys(FORMATS) as Format[];

interface Image {
  readonly path: string;
  readonly format: Format;
}

/** A raw file with something at its beginning, at its end and here and there, and holes between. */
function rawFile(path: string, bytes: number): string {
  const file = openSync(path, 'w');
  ftruncateSync(file, bytes);
  const piece = Math.min(bytes, 64 * 1024);
  const places = [
    0,
    bytes - piece,
    ...Array.from({ length: 6 }, (_, i) => Math.floor((bytes - piece) * ((i + 1) / 7.3))),
  ];
  for (const place of places) writeSync(file, randomBytes(piece), 0, piece, place);
  closeSync(file);
  return path;
}

/** Makes an image of `bytes` bytes. */
function image(folder: string, format: Format, bytes: number): Image {
  const raw = rawFile(join(folder, 'source.raw'), bytes);
  const path = join(folder, `${format.replaceAll(/\W+/g, '-')}-${bytes}.img`);
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', ...FORMATS[format], raw, path]);
  rmSync(raw);
  return { path, format };
}

/** The SHA-256 of what qemu-img reads from an image. Told the format: it takes a fixed VHD for a raw image otherwise. */
async function hashByQemuImg({ path, format }: Image): Promise<string> {
  const raw = `${path}.raw`;
  execFileSync('qemu-img', ['convert', '-f', FORMATS[format][0], '-O', 'raw', path, raw]);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(raw, { highWaterMark: MIB })) hash.update(chunk as Buffer);
  rmSync(raw);
  return hash.digest('hex');
}

test.skipIf(!hasQemuImg).each(formats)(
  'ringlet run examples/disk-sha256.ts prints the hash of a %s image',
  async (format) => {
    const folder = temporaryFolder();
    const made = image(folder, format, 5 * MIB + 3 * 512);
    const { status, stdout } = await ringlet(folder, 'run', 'examples/disk-sha256.ts', '--disk', made.path);
    expect(status).toBe(0);
    expect(stdout).toContain(`sha256 ${await hashByQemuImg(made)}\n`);
  },
);

test.skipIf(!hasQemuImg)('images of every format and of odd sizes are read by as many machines at once', async () => {
  const folder = temporaryFolder();
  const sizes = [512, MIB - 512, 33 * MIB + 512];
  const images = formats.flatMap((format) => sizes.map((size) => image(folder, format, size)));
  const machines = images.map(({ path }, i) => [
    `m${i}`,
    { guest: example('disk-sha256.ts'), memory: '16M', disks: [{ path }] },
  ]);
  const file = join(folder, 'machines.yaml');
  writeFileSync(file, JSON.stringify({ machines: Object.fromEntries(machines) as object }));

  const { status, stdout } = await ringlet(folder, 'run', file);

  expect(status).toBe(0);
  const printed = images.map((_, i) => new RegExp(`^m${i} +\\| sha256 ([0-9a-f]{64})$`, 'm').exec(stdout)?.[1]);
  expect(printed).toEqual(await Promise.all(images.map((each) => hashByQemuImg(each))));
});

test.skipIf(!hasQemuImg || !large).each(formats)(
  'a %s image of 2 GiB',
  async (format) => {
    const folder = temporaryFolder();
    const made = image(folder, format, 2048 * MIB);
    const { status, stdout } = await ringlet(folder, 'run', 'examples/disk-sha256.ts', '--disk', made.path);
    expect(status).toBe(0);
    expect(stdout).toContain(`sha256 ${await hashByQemuImg(made)}\n`);
  },
  600_000,
);
