/** What every writable disk must do, whatever its format: random work against a plain buffer, through close and reopen. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiskUser, pattern, submit } from '../../../tests/disk/support/disk-user.ts';
import { createDisk, type CreateDiskOptions } from './create-disk.ts';
import { type Disk, DiskOperation, DiskStatus } from './disk.ts';
import { openDisk, type OpenDiskOptions } from './open-disk.ts';
import { createMemoryDisk } from './raw-disk.ts';

const MIB = 1024 * 1024;
const RUNS = Number(process.env['RINGLET_FUZZ_SECONDS'] ?? 0) > 0 ? 200 : 6;
let directory = '';
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'ringlet-formats-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const FORMATS: { name: string; create: CreateDiskOptions; open: OpenDiskOptions }[] = [
  { name: 'raw', create: { format: 'raw', size: 3 * MIB }, open: { keep: true } },
  { name: 'raw, sectors of 4096', create: { format: 'raw', size: 3 * MIB }, open: { keep: true, sectorSize: 4096 } },
  { name: 'VHD fixed', create: { format: 'vhd', size: 3 * MIB, fixed: true }, open: { keep: true } },
  { name: 'VHD dynamic', create: { format: 'vhd', size: 3 * MIB, blockSize: 65536 }, open: { keep: true } },
  { name: 'VHDX fixed', create: { format: 'vhdx', size: 3 * MIB, fixed: true, blockSize: MIB }, open: { keep: true } },
  { name: 'VHDX dynamic', create: { format: 'vhdx', size: 3 * MIB + 512, blockSize: MIB }, open: { keep: true } },
  {
    name: 'VHDX dynamic, sectors of 4096',
    create: { format: 'vhdx', size: 3 * MIB, blockSize: MIB, sectorSize: 4096 },
    open: { keep: true },
  },
];

/** Something done to a disk. Positions are fractions of it. */
type Work =
  | { do: 'write'; at: number; length: number; seed: number; runs: number; through: boolean }
  | { do: 'read'; at: number; length: number; runs: number }
  | { do: 'zero'; at: number; length: number }
  | { do: 'unmap'; at: number; length: number }
  | { do: 'flush' }
  | { do: 'reopen' };

const at = fc.double({ min: 0, max: 0.999, noNaN: true });
const length = fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 4000 }));
const runs = fc.constantFrom(1, 2, 7, 19);
const work: fc.Arbitrary<Work> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      at,
      length,
      seed: fc.nat(999),
      runs,
      through: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), at, length, runs }) },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.record({ do: fc.constant('zero' as const), at, length }),
      fc.record({ do: fc.constant('unmap' as const), at, length }),
    ),
  },
  { weight: 2, arbitrary: fc.constantFrom<Work>({ do: 'flush' }, { do: 'reopen' }) },
);

/** What is left when work is done: the disk, opened again at times, and what was not as it should be. */
interface Outcome {
  disk: Disk;
  wrong: string[];
}

/** Does `jobs` to the disk and to a buffer. */
async function doAll(
  disk: Disk,
  jobs: readonly Work[],
  model: Uint8Array,
  reopen: (disk: Disk) => Promise<Disk>,
): Promise<Outcome> {
  const wrong: string[] = [];
  for (const job of jobs) {
    const user = new DiskUser(disk);
    if (job.do === 'flush') await user.flush();
    else if (job.do === 'reopen') disk = await reopen(disk);
    else {
      const sector = Math.floor(job.at * disk.sectorCount);
      const count = Math.min(job.length, disk.sectorCount - sector);
      const part = model.subarray(sector * disk.sectorSize, (sector + count) * disk.sectorSize);
      if (job.do === 'write') {
        part.set(pattern(job.seed, part.length));
        await user.write(sector, part.slice(), { runs: job.runs, forceUnitAccess: job.through });
      } else if (job.do === 'zero') {
        part.fill(0);
        await user.writeZeroes(sector, count);
      } else if (job.do === 'read') {
        if (Buffer.compare(await user.read(sector, count, job.runs), part) !== 0) wrong.push(JSON.stringify(job));
      } else {
        await user.unmap(sector, count);
        if (!acceptUnmapped(part, await user.read(sector, count), disk.sectorSize)) wrong.push(JSON.stringify(job));
      }
    }
  }
  return { disk, wrong };
}

/** Unmap is a hint: each sector is as it was, or zeroes. Takes over which. @returns whether all are one of the two. */
function acceptUnmapped(model: Uint8Array, now: Uint8Array, sectorSize: number): boolean {
  for (let at = 0; at < now.length; at += sectorSize) {
    const sector = now.subarray(at, at + sectorSize);
    const before = model.subarray(at, at + sectorSize);
    if (sector.every((byte) => byte === 0)) before.fill(0);
    else if (Buffer.compare(sector, before) !== 0) return false;
  }
  return true;
}

const wholeDisk = (disk: Disk): Promise<Uint8Array> => new DiskUser(disk).read(0, disk.sectorCount);

describe('a kept disk holds what was written, through close and reopen', () => {
  for (const { name, create, open } of FORMATS) {
    test(`${name}`, async () => {
      let made = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(work, { minLength: 1, maxLength: 12 }), async (jobs) => {
          const path = join(directory, `${name}-${made++}.img`);
          createDisk(path, create);
          const model = new Uint8Array(create.size!);
          const reopen = async (disk: Disk): Promise<Disk> => {
            await new DiskUser(disk).close();
            return openDisk(path, open);
          };

          const done = await doAll(openDisk(path, open), jobs, model, reopen);
          const disk = await reopen(done.disk);

          expect(done.wrong).toEqual([]);
          expect(disk.sectorCount * disk.sectorSize).toBe(model.length);
          expect(Buffer.compare(await wholeDisk(disk), model)).toBe(0);
          await new DiskUser(disk).close();
          rmSync(path);
        }),
        { numRuns: RUNS },
      );
    });
  }

  test('memory, while it is open', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(work, { minLength: 1, maxLength: 12 }), async (jobs) => {
        const model = new Uint8Array(3 * MIB);
        const { disk, wrong } = await doAll(createMemoryDisk({ size: 3 * MIB }), jobs, model, async (same) => same);
        expect(wrong).toEqual([]);
        expect(Buffer.compare(await wholeDisk(disk), model)).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('an overlay reads like a disk and leaves its base alone', () => {
  for (const overlay of ['file', 'memory'] as const) {
    test(`in ${overlay}`, async () => {
      const path = join(directory, `base-${overlay}.img`);
      createDisk(path, { format: 'vhdx', size: 3 * MIB, blockSize: MIB });
      const original = pattern(5, 3 * MIB);
      const base = new DiskUser(openDisk(path, { keep: true }));
      await base.write(0, original);
      await base.close();

      await fc.assert(
        fc.asyncProperty(fc.array(work, { minLength: 1, maxLength: 12 }), async (jobs) => {
          const model = original.slice();
          const { disk, wrong } = await doAll(openDisk(path, { overlay }), jobs, model, async (same) => same);
          expect(wrong).toEqual([]);
          expect(Buffer.compare(await wholeDisk(disk), model)).toBe(0);
          await new DiskUser(disk).close();
        }),
        { numRuns: RUNS },
      );

      const after = new DiskUser(openDisk(path, { readOnly: true }));
      expect(Buffer.compare(await wholeDisk(after.disk), original)).toBe(0);
      await after.close();
    });
  }
});

test('a chain of three differencing disks reads each sector from the newest that has it', async () => {
  const paths = ['root', 'middle', 'leaf'].map((name) => join(directory, `${name}.vhdx`));
  const model = new Uint8Array(4 * MIB);
  for (const [index, path] of paths.entries()) {
    createDisk(
      path,
      index === 0
        ? { format: 'vhdx', size: model.length, blockSize: MIB }
        : { format: 'vhdx', parent: paths[index - 1]!, blockSize: MIB },
    );
    const user = new DiskUser(openDisk(path, { keep: true }));
    for (let i = 0; i < 30; i++) {
      const sector = (i * 263 + index * 97) % (user.disk.sectorCount - 64);
      const data = pattern(index * 100 + i, 512 * (1 + (i % 40)));
      await user.write(sector, data);
      model.set(data, sector * 512);
    }
    await user.writeZeroes(2048 * index, 2048);
    model.fill(0, 2048 * index * 512, 2048 * (index + 1) * 512);
    expect(Buffer.compare(await wholeDisk(user.disk), model)).toBe(0);
    await user.close();
  }

  const leaf = new DiskUser(openDisk(paths[2]!));
  expect(leaf.disk.kind).toBe('vhdx differencing+overlay');
  expect(Buffer.compare(await wholeDisk(leaf.disk), model)).toBe(0);
  await leaf.close();
});

describe('requests that a disk refuses', () => {
  test('beyond its end, written to when read-only, and after it was closed', async () => {
    const path = join(directory, 'refuses.img');
    createDisk(path, { format: 'raw', size: MIB });
    const disk = openDisk(path, { readOnly: true });

    expect(await submit(disk, DiskOperation.Read, 2047, 2, new Uint8Array(1024))).toBe(DiskStatus.OutOfRange);
    expect(await submit(disk, DiskOperation.Read, -1, 1, new Uint8Array(512))).toBe(DiskStatus.OutOfRange);
    expect(await submit(disk, DiskOperation.Write, 0, 1, new Uint8Array(512))).toBe(DiskStatus.ReadOnly);
    expect(await submit(disk, DiskOperation.WriteZeroes, 0, 1)).toBe(DiskStatus.ReadOnly);
    expect(await submit(disk, DiskOperation.Flush, 0, 0)).toBe(DiskStatus.Ok);
    await new DiskUser(disk).close();
    expect(await submit(disk, DiskOperation.Read, 0, 1, new Uint8Array(512))).toBe(DiskStatus.Closed);
    expect(await submit(disk, DiskOperation.Flush, 0, 0)).toBe(DiskStatus.Closed);
  });
});

describe('a disk that grows', () => {
  for (const create of [
    { format: 'raw', size: MIB },
    { format: 'vhdx', size: MIB + MIB / 2, blockSize: MIB },
  ] as const) {
    test(`${create.format} keeps its data, and the new sectors are zeroes`, async () => {
      const path = join(directory, `grows.${create.format}`);
      createDisk(path, create);
      const user = new DiskUser(openDisk(path, { keep: true }));
      const data = pattern(3, create.size);
      await user.write(0, data);
      let told = 0;
      user.disk.onResize(() => told++);

      const status = await new Promise((resolve) => user.disk.resize!((5 * MIB) / 512, resolve));

      expect(status).toBe(DiskStatus.Ok);
      expect(told).toBe(1);
      await user.write((4 * MIB) / 512, pattern(4, 512));
      await user.close();
      const after = new DiskUser(openDisk(path, { readOnly: true }));
      const expected = new Uint8Array(5 * MIB);
      expected.set(data);
      expected.set(pattern(4, 512), 4 * MIB);
      expect(Buffer.compare(await wholeDisk(after.disk), expected)).toBe(0);
      await after.close();
    });
  }
});
