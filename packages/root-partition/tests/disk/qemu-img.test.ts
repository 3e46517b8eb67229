/**
 * Disk images against QEMU's tools, in both directions: what they make reads the same here, and what is made and
 * written here passes their checks and reads the same there. Skips when qemu-img or qemu-io is not installed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDisk, type CreateDiskOptions } from '../../src/backends/disk/create-disk.ts';
import type { Disk } from '../../src/backends/disk/disk.ts';
import { openDisk } from '../../src/backends/disk/open-disk.ts';
import { DiskUser, pattern } from './support/disk-user.ts';
import { type Contents, seeded, SimulatedFile } from './support/simulated-file.ts';
import { vhdxContents, vhdxDisk } from './support/vhdx-lab.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const missing = ['qemu-img', 'qemu-io'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const why = missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not installed)` : '';
const qemu = (...args: string[]): string => execFileSync('qemu-img', args, { encoding: 'utf8', stdio: 'pipe' });

let directory = '';
/** Memory where there is some: these images are large and sparse, and nobody needs them to be durable. */
const room = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
beforeAll(() => void (directory = mkdtempSync(join(room, 'ringlet-qemu-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (name: string): string => join(directory, name);

/** Positions in a disk of `size` bytes where data is put: both ends, and all over. */
function spots(size: number): number[] {
  const last = size - 64 * 1024;
  return [0, 7 * 512, 3 * MIB - 1024, 10 * MIB + 4096, size / 2, size * 0.77, last]
    .map((position) => Math.max(0, Math.min(last, Math.floor(position / 4096) * 4096)))
    .toSorted((a, b) => a - b);
}

/** A sparse raw file with data at {@link spots}. */
function patterned(name: string, size: number): string {
  const fd = openSync(at(name), 'w');
  ftruncateSync(fd, size);
  for (const [index, position] of spots(size).entries()) {
    const data = pattern(index + 1, Math.min(64 * 1024, size - position));
    writeSync(fd, data, 0, data.length, position);
  }
  closeSync(fd);
  return at(name);
}

/** SHA-256 of a whole disk, read in large pieces. */
async function hashOf(disk: Disk): Promise<string> {
  const hash = createHash('sha256');
  const user = new DiskUser(disk);
  const step = (8 * MIB) / disk.sectorSize;
  for (let sector = 0; sector < disk.sectorCount; sector += step) {
    hash.update(await user.read(sector, Math.min(step, disk.sectorCount - sector), 3));
  }
  await user.close();
  return hash.digest('hex');
}

/** SHA-256 of what QEMU reads in an image. */
function hashByQemu(path: string, format: string): string {
  const raw = `${path}.raw`;
  qemu('convert', '-f', format, '-O', 'raw', path, raw);
  const hash = createHash('sha256');
  const fd = openSync(raw, 'r');
  const piece = new Uint8Array(8 * MIB);
  for (let count = 1; count > 0;) {
    count = readSync(fd, piece);
    hash.update(piece.subarray(0, count));
  }
  closeSync(fd);
  rmSync(raw);
  return hash.digest('hex');
}

describe.skipIf(missing.length > 0)(`images that qemu-img made${why}`, () => {
  const made: [string, string, string, number][] = [
    ['raw', 'raw', '', 300 * MIB],
    ['raw of an odd size', 'raw', '', 5 * MIB + 512],
    ['VHD dynamic', 'vpc', 'subformat=dynamic', 300 * MIB],
    ['VHD dynamic of 2 GiB', 'vpc', 'subformat=dynamic', 2 * GIB],
    ['VHD dynamic of a forced size', 'vpc', 'subformat=dynamic,force_size=on', 100 * MIB + 512],
    ['VHD fixed', 'vpc', 'subformat=fixed', 64 * MIB],
    ['VHD fixed of a forced size', 'vpc', 'subformat=fixed,force_size=on', 40 * MIB + 1024],
    ['VHDX dynamic', 'vhdx', 'subformat=dynamic', 300 * MIB],
    ['VHDX dynamic of 2 GiB', 'vhdx', 'subformat=dynamic', 2 * GIB],
    ['VHDX dynamic, blocks of 1 MiB', 'vhdx', 'subformat=dynamic,block_size=1M', 70 * MIB],
    ['VHDX dynamic, blocks of 256 MiB', 'vhdx', 'subformat=dynamic,block_size=256M', 600 * MIB],
    ['VHDX dynamic, a log of 4 MiB', 'vhdx', 'subformat=dynamic,log_size=4M', 40 * MIB],
    ['VHDX dynamic, zero blocks not marked', 'vhdx', 'subformat=dynamic,block_state_zero=off', 40 * MIB],
    ['VHDX fixed', 'vhdx', 'subformat=fixed', 96 * MIB],
  ];
  for (const [name, format, options, size] of made) {
    test(`${name}: reads the same here`, async () => {
      const raw = patterned('source.raw', size);
      const image = at(`made.${format}`);
      qemu('convert', '-f', 'raw', '-O', format, ...(options === '' ? [] : ['-o', options]), raw, image);

      // A fixed VHD has its footer at the end alone, where QEMU does not look for it.
      const expected = hashByQemu(image, format);
      const disk = openDisk(image);

      expect(await hashOf(disk)).toBe(expected);
      rmSync(image);
    });
  }

  test('a VHDX that QEMU goes on writing to keeps what both wrote', async () => {
    const image = at('turns.vhdx');
    qemu('create', '-f', 'vhdx', '-o', 'block_size=1M', image, '40M');
    const model = new Uint8Array(40 * MIB);
    for (let turn = 0; turn < 4; turn++) {
      const user = new DiskUser(openDisk(image, { keep: true }));
      const data = pattern(turn, 3 * MIB);
      await user.write(turn * 9000, data);
      model.set(data, turn * 9000 * 512);
      await user.close();
      const position = turn * 5 * MIB + 512;
      execFileSync('qemu-io', ['-f', 'vhdx', '-c', `write -P ${turn + 1} ${position} 1M`, image], { stdio: 'pipe' });
      model.fill(turn + 1, position, position + MIB);
    }
    expect(qemu('check', image)).toContain('No errors');
    writeFileSync(at('model.raw'), model);
    expect(qemu('compare', '-f', 'raw', '-F', 'vhdx', at('model.raw'), image)).toContain('identical');
    expect(await hashOf(openDisk(image))).toBe(createHash('sha256').update(model).digest('hex'));
  });
});

describe.skipIf(missing.length > 0)(`images made here${why}`, () => {
  const made: [string, string, CreateDiskOptions][] = [
    ['raw', 'raw', { format: 'raw', size: 50 * MIB }],
    ['VHD dynamic', 'vpc', { format: 'vhd', size: 100 * MIB + 512 }],
    ['VHD dynamic, blocks of 512 KiB', 'vpc', { format: 'vhd', size: 50 * MIB, blockSize: 512 * 1024 }],
    ['VHD dynamic of 200 GiB', 'vpc', { format: 'vhd', size: 200 * GIB }],
    ['VHD fixed', 'vpc', { format: 'vhd', size: 33 * MIB + 512, fixed: true }],
    ['VHDX dynamic', 'vhdx', { format: 'vhdx', size: 300 * MIB }],
    ['VHDX dynamic, blocks of 1 MiB', 'vhdx', { format: 'vhdx', size: 70 * MIB + 512, blockSize: MIB }],
    ['VHDX dynamic of 8 TiB', 'vhdx', { format: 'vhdx', size: 8192 * GIB }],
    ['VHDX fixed', 'vhdx', { format: 'vhdx', size: 70 * MIB, fixed: true }],
  ];
  for (const [name, format, options] of made) {
    test(`${name}: written here, QEMU finds no fault and reads the same`, async () => {
      const image = at(`ours.${format}`);
      createDisk(image, options);
      const size = options.size!;
      const user = new DiskUser(openDisk(image, { keep: true }));
      for (const [index, position] of spots(Math.min(size, 2 * GIB)).entries()) {
        await user.write(position / 512, pattern(index + 1, 64 * 1024), { runs: 1 + index });
      }
      await user.write(size / 512 - 1, pattern(99, 512));
      await user.writeZeroes(spots(Math.min(size, 2 * GIB))[3]! / 512, 3000);
      await user.close();

      const info = JSON.parse(qemu('info', '-f', format, '--output=json', image)) as Record<string, unknown>;
      expect(info['virtual-size']).toBe(size);
      expect(format === 'vhdx' ? qemu('check', '-f', format, image) : 'No errors: nothing to check').toContain(
        'No errors',
      );
      // qemu-img writes out every byte of a disk; for the large ones, what it reads at the places written must do.
      for (const [index, position] of [...spots(Math.min(size, 2 * GIB)).entries()].filter(([, spot]) => spot > 0)) {
        const data = await readBack(image, position);
        writeFileSync(at('piece'), data);
        const piece = at(`piece.${index}`);
        const skip = position / 4096;
        qemu(
          'dd',
          '-f',
          format,
          '-O',
          'raw',
          'bs=4096',
          `skip=${skip}`,
          `count=${skip + 16}`,
          `if=${image}`,
          `of=${piece}`,
        );
        expect(Buffer.compare(readBytes(piece), data)).toBe(0);
        rmSync(piece);
      }
      const small = size <= 300 * MIB;
      expect(small && (await hashOf(openDisk(image)))).toBe(small && hashByQemu(image, format));
      rmSync(image);
    });
  }

  test('a fixed VHD and a VHDX made from it by QEMU compare as identical', async () => {
    createDisk(at('fixed.vhd'), { format: 'vhd', size: 20 * MIB, fixed: true });
    const user = new DiskUser(openDisk(at('fixed.vhd'), { keep: true }));
    await user.write(100, pattern(1, MIB));
    await user.close();
    qemu('convert', '-f', 'vpc', '-O', 'vhdx', at('fixed.vhd'), at('converted.vhdx'));
    expect(qemu('compare', '-f', 'vpc', '-F', 'vhdx', at('fixed.vhd'), at('converted.vhdx'))).toContain('identical');
    expect(await hashOf(openDisk(at('converted.vhdx')))).toBe(await hashOf(openDisk(at('fixed.vhd'))));
  });
});

describe.skipIf(missing.length > 0)(`a VHDX that a crash left behind${why}`, () => {
  /** Puts contents into a file. */
  function store(contents: Contents, name: string): string {
    const fd = openSync(at(name), 'w');
    for (const { position, data } of contents.pages()) writeSync(fd, data, 0, data.length, position);
    ftruncateSync(fd, contents.size);
    closeSync(fd);
    return at(name);
  }

  test('is repaired by QEMU to the same disk that is read here, whenever the crash came', async () => {
    const file = new SimulatedFile(vhdxContents());
    const user = new DiskUser(vhdxDisk(file));
    for (let round = 0; round < 4; round++) {
      await user.write(round * 2500, pattern(round + 1, 300 * 512));
      if (round === 2) await user.unmap(0, 2048);
      await user.flush();
    }
    const random = seeded(3);
    let repaired = 0;
    for (let moment = 0; moment < file.events.length; moment += 2) {
      const path = store(file.crashedAfter(moment, random), 'crashed.vhdx');
      const here = await hashOf(openDisk(path));
      const check = spawnSync('qemu-img', ['check', '-f', 'vhdx', '-r', 'all', path], { encoding: 'utf8' });
      expect(`${check.status}: ${check.stderr}`).toMatch(/^0: /);
      if (check.stdout.includes('repaired')) repaired++;
      expect(hashByQemu(path, 'vhdx')).toBe(here);
      expect(await hashOf(openDisk(path))).toBe(here);
    }
    expect(repaired).toBeGreaterThan(3);
  });

  test('by QEMU is read here as QEMU reads it once repaired', async () => {
    const image = at('aborted.vhdx');
    qemu('create', '-f', 'vhdx', '-o', 'block_size=1M', image, '20M');
    // The log is still in use when qemu-io aborts itself.
    spawnSync('qemu-io', ['-f', 'vhdx', '-c', 'write -P 5 3M 2M', '-c', 'flush', '-c', 'abort', image]);
    const before = statSync(image).size;

    const here = await hashOf(openDisk(image));
    const kept = new DiskUser(openDisk(image, { keep: true }));
    const found = await kept.read((3 * MIB) / 512, 8);
    await kept.close();

    expect(statSync(image).size).toBe(before);
    expect(found.every((byte) => byte === 5)).toBe(true);
    spawnSync('qemu-img', ['check', '-r', 'all', image]);
    expect(hashByQemu(image, 'vhdx')).toBe(here);
  });
});

async function readBack(image: string, position: number): Promise<Uint8Array> {
  const user = new DiskUser(openDisk(image));
  const data = await user.read(position / user.disk.sectorSize, (64 * 1024) / user.disk.sectorSize);
  await user.close();
  return data;
}

function readBytes(path: string): Uint8Array {
  const fd = openSync(path, 'r');
  const data = new Uint8Array(statSync(path).size);
  readSync(fd, data);
  closeSync(fd);
  return data;
}
