/** A hundred machines in one process: they start, do I/O and stop, and nothing of them stays behind. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDisk } from '@ringlet/root-partition';
import { expect, test } from 'vitest';
import { ROOT, temporaryFolder } from './machines.ts';

const PROGRAM = fileURLToPath(new URL('./hundred-partitions.process.ts', import.meta.url));
const MIB = 1024 * 1024;
/** What a hundred machines, two threads each, take while they are alive, with room to spare. */
const FREE_FOR_ALL = 6 * 1024 * MIB;

interface Measurement {
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly sharedMiB: number;
  readonly threads: number;
  readonly files: number;
  readonly awake: number;
  readonly microkernel: { readonly partitionsInUse: number; readonly vpsInUse: number };
}

test('a hundred partitions start, do I/O and stop; memory, threads and files return to where they began', () => {
  const image = join(temporaryFolder(), 'shared.vhdx');
  createDisk(image, { format: 'vhdx', size: 16 * MIB });
  const zeros = createHash('sha256').update(new Uint8Array(MIB)).digest('hex');
  const together = freemem() > FREE_FOR_ALL;
  const node = ['--expose-gc', '--import', 'tsx', '--conditions=@ringlet/source'];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...node, PROGRAM, image, zeros, '100', together ? 'together' : 'apart'],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: MIB },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });

  const { seconds, before, most, after } = JSON.parse(stdout) as {
    seconds: number;
    before: Measurement;
    most?: Measurement;
    after: Measurement;
  };
  process.stdout.write(`100 partitions ${together ? 'at once' : '16 at a time'}, ${seconds.toFixed(1)} s: ${stdout}`);
  expect(after.microkernel).toEqual(before.microkernel);
  expect(after).toMatchObject({ threads: before.threads, files: before.files, awake: 0 });
  expect(after.heapMiB).toBeLessThanOrEqual(before.heapMiB + 8);
  expect(after.sharedMiB).toBeLessThanOrEqual(before.sharedMiB + 2);
  expect(most?.microkernel.partitionsInUse ?? 101).toBe(101);
  // The C library keeps a part of what two hundred threads had allocated; what must not stay is a part of each machine.
  const peakMiB = most ? most.rssMiB - before.rssMiB : 600;
  expect(after.rssMiB - before.rssMiB).toBeLessThan(peakMiB / 4);
}, 180_000);
