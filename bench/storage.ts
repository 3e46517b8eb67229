/** Disk reads through storvsc and storvsp, beside `fs.readSync` on the same cached file and, where it is installed, fio. */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Machine } from 'ringlet';
import { type Bench, type BenchOptions, type BenchResult, compare, type Contender } from './bench.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const FILE_BYTES = 256 * MIB;
/** fio takes no shorter run; so that rounds alternate evenly, neither do the others. */
const LEAST_MILLISECONDS = 1000;

const run = promisify(execFile);
const guest = fileURLToPath(new URL('./storage.guest.ts', import.meta.url));

interface Job {
  readonly bytes: number;
  readonly depth: number;
  readonly order: 'random' | 'sequential';
}

/** `npm run bench -- storage`. */
export const storage: Bench = {
  name: 'storage',
  async run(options: BenchOptions): Promise<BenchResult[]> {
    const folder = mkdtempSync(join(tmpdir(), 'ringlet-bench-'));
    const file = join(folder, 'disk.raw');
    try {
      fill(file);
      const fio = await run('fio', ['--version']).then(
        () => true,
        () => false,
      );
      const baseline = fio ? 'fio psync' : 'fs.readSync';
      const timing = { ...options, milliseconds: Math.max(options.milliseconds, LEAST_MILLISECONDS) };
      const contenders = ({ bytes, order }: Omit<Job, 'depth'>, depths: readonly number[]): Contender[] => [
        ...(fio ? [fioContender(file, { bytes, order, depth: 1 })] : []),
        readSyncContender(file, { bytes, order, depth: 1 }),
        ...depths.map((depth) => storvscContender(file, { bytes, order, depth })),
      ];
      const rows = [
        await compare('4 KiB random', contenders({ bytes: 4 * KIB, order: 'random' }, [1, 32]), baseline, timing),
        await compare('1 MiB sequential', contenders({ bytes: MIB, order: 'sequential' }, [1, 4]), baseline, timing),
      ];
      const notes = [`a raw image of ${FILE_BYTES / MIB} MiB in the host's page cache, read-only, no overlay`];
      if (!fio) notes.push('fio is not installed: ratios are to fs.readSync');
      return [{ title: 'storage, reads a second', baseline, rows, notes }];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function fill(file: string): void {
  const chunk = randomFillSync(Buffer.alloc(MIB));
  const fd = openSync(file, 'w');
  for (let at = 0; at < FILE_BYTES; at += MIB) writeSync(fd, chunk);
  closeSync(fd);
}

const fioContender = (file: string, { bytes, order }: Job): Contender => ({
  name: 'fio psync',
  async measure(milliseconds) {
    const { stdout } = await run('fio', [
      '--name=read',
      `--filename=${file}`,
      `--rw=${order === 'random' ? 'randread' : 'read'}`,
      `--bs=${bytes}`,
      '--ioengine=psync',
      '--invalidate=0',
      '--time_based',
      `--runtime=${milliseconds}ms`,
      '--output-format=json',
    ]);
    const { jobs } = JSON.parse(stdout) as { jobs: [{ read: { iops: number } }] };
    return jobs[0].read.iops;
  },
});

const readSyncContender = (file: string, { bytes, order }: Job): Contender => ({
  name: 'fs.readSync',
  measure(milliseconds) {
    const fd = openSync(file, 'r');
    const target = new Uint8Array(new SharedArrayBuffer(bytes));
    const places = FILE_BYTES / bytes;
    const began = performance.now();
    let reads = 0;
    for (let place = 0; performance.now() - began < milliseconds;) {
      for (let i = 0; i < 16; i++, reads++) {
        place = order === 'random' ? Math.floor(Math.random() * places) : (place + 1) % places;
        readSync(fd, target, 0, bytes, place * bytes);
      }
    }
    const figure = (reads * 1000) / (performance.now() - began);
    closeSync(fd);
    return Promise.resolve(figure);
  },
});

const storvscContender = (file: string, { bytes, depth, order }: Job): Contender => ({
  name: `storvsc, depth ${depth}`,
  async measure(milliseconds) {
    const machine = new Machine({
      guest,
      args: [String(bytes), String(depth), String(milliseconds), order],
      disks: [{ path: file, readOnly: true, format: 'raw' }],
    });
    let printed = '';
    machine.console$.subscribe((text) => (printed += text));
    await machine.start();
    const result = await machine.finished;
    await machine.dispose();
    if (result.reason !== 'power-off') throw new Error(`the guest did not finish: ${JSON.stringify(result)}`);
    const { reads, elapsed } = JSON.parse(printed) as { reads: number; elapsed: number };
    return (reads * 1000) / elapsed;
  },
});
