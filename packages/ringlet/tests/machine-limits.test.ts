/** Limits of a machine's devices, under a virtual clock: what comes out is exact, however busy the host is. */
import { createDisk } from '@ringlet/root-partition';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixture, run, temporaryFolder } from './machines.ts';

test.each([
  [{ iops: 500 }, 500],
  [{ bandwidth: 1_000_000 }, 1_000_000 / 4096],
  [{ iops: 2000, bandwidth: 100 * 4096 }, 100],
])('a disk with %o answers %i reads of 4 KiB a second, within a tenth', async (limits, expected) => {
  const path = join(temporaryFolder(), 'disk.raw');
  createDisk(path, { format: 'raw', size: 1024 * 1024 });

  const { console } = await run({
    guest: fixture('rated-reads.ts'),
    disks: [{ path, readOnly: true, ...limits }],
    harness: 'lockstep',
  });

  const [, reads, milliseconds] = /^(\d+) reads in ([\d.]+) ms/.exec(console())!;
  const rate = (Number(reads) * 1000) / Number(milliseconds);
  expect(rate).toBeGreaterThan(expected * 0.9);
  expect(rate).toBeLessThan(expected * 1.1);
});
