/** What tracing costs: the same reads and frames with a trace that nobody reads, and with one that is kept. */
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Machine } from 'ringlet';
import { type Bench, type BenchOptions, type BenchResult, compare, type Contender } from './bench.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = 64 * MIB;
/** So that rounds alternate evenly, though threads and the engine take their time to warm up. */
const LEAST_MILLISECONDS = 1000;
/** So many that starting counts little. */
const STEADY_FRAMES = 100_000;
const OFF = 'trace off';
const storage = fileURLToPath(new URL('./storage.guest.ts', import.meta.url));
const network = fileURLToPath(new URL('./network.guest.ts', import.meta.url));
const frames = fileURLToPath(new URL('./frames.guest.ts', import.meta.url));
const loop = fileURLToPath(new URL('./network.device.ts', import.meta.url));

/** `npm run bench -- trace`. */
export const trace: Bench = {
  name: 'trace',
  async run(options: BenchOptions): Promise<BenchResult[]> {
    const folder = mkdtempSync(join(tmpdir(), 'ringlet-bench-'));
    const file = join(folder, 'disk.raw');
    closeSync(openSync(file, 'w'));
    truncateSync(file, FILE_BYTES);
    const timing = { ...options, milliseconds: Math.max(options.milliseconds, LEAST_MILLISECONDS) };
    const both = (guest: string, words: (string | number)[], rest: object): Contender[] =>
      [false, true].map((on) => contender(on, guest, words, rest));
    const disks = [{ path: file, readOnly: true, format: 'raw' }];
    try {
      const rows = [
        await compare('4 KiB random, depth 1', both(storage, [4096, 1, 'ms', 'random'], { disks }), OFF, timing),
        await compare('4 KiB random, depth 32', both(storage, [4096, 32, 'ms', 'random'], { disks }), OFF, timing),
        await compare('1 MiB sequential, depth 4', both(storage, [MIB, 4, 'ms', 'sequential'], { disks }), OFF, timing),
        await compare('1514-byte frames, 32', both(network, [1514, 32, 'ms'], { devices: [loop] }), OFF, timing),
      ];
      const steady = [
        await compare('1514-byte frames, 64', [false, true].map(steadily), OFF, { ...timing, milliseconds: 0 }),
      ];
      return [
        { title: 'tracing, operations a second', baseline: OFF, rows, notes: ['reads and frames of other benchmarks'] },
        {
          title: 'tracing, operations in a second of processor time',
          baseline: OFF,
          rows: steady,
          notes: ['in lockstep: one thread, so that what else the host does counts little'],
        },
      ];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Frames there and back in a second of the process's own time. */
const steadily = (on: boolean): Contender => ({
  name: on ? 'trace on' : OFF,
  async measure() {
    const args = ['1514', '64', String(STEADY_FRAMES)];
    const machine = new Machine({ guest: frames, args, devices: [loop], harness: 'lockstep' });
    if (on) await machine.tracing.recorder.start();
    const before = process.cpuUsage();
    await machine.start();
    await machine.finished;
    const { user, system } = process.cpuUsage(before);
    await machine.dispose();
    return (STEADY_FRAMES * 1e6) / (user + system);
  },
});

const contender = (on: boolean, guest: string, words: (string | number)[], rest: object): Contender => ({
  name: on ? 'trace on' : OFF,
  async measure(milliseconds) {
    const args = words.map((word) => (word === 'ms' ? String(milliseconds) : String(word)));
    const machine = new Machine({ guest, args, ...rest });
    let printed = '';
    machine.console$.subscribe((text) => (printed += text));
    if (on) await machine.tracing.recorder.start();
    await machine.start();
    const result = await machine.finished;
    await machine.dispose();
    if (result.reason !== 'power-off') throw new Error(`the guest did not finish: ${JSON.stringify(result)}`);
    const { reads, frames, elapsed } = JSON.parse(printed) as { reads?: number; frames?: number; elapsed: number };
    return ((reads ?? frames ?? 0) * 1000) / elapsed;
  },
});
