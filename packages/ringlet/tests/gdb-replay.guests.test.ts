/** Stock gdb on a replay: it can look at anything, and the replay is still what was recorded (skipped without gdb and gcc). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine, type MachineEvent, type MachineOptions } from 'ringlet';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasProgram } from '../../x64/tests/test-kernels.ts';
import { buildDebuggedKernel, type DebuggedKernel, marked, runGdb } from './gdb-kernel.ts';
import { GdbLine } from './gdb-line.ts';
import { temporaryFolder } from './machines.ts';

const tools = ['gdb', 'gcc', 'objcopy', 'nm'].every(hasProgram);
const MIB = 1024 * 1024;
const LONG = 600_000;
const ROUNDS = 120;

let built: DebuggedKernel;

beforeAll(() => {
  if (!tools) return;
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-gdb-'));
  built = buildDebuggedKernel(folder, `-DEXERCISES=${ROUNDS}`);
  return () => rmSync(folder, { recursive: true });
});

interface Played {
  readonly machine: Machine;
  readonly console: () => string;
  readonly told: () => MachineEvent[];
}

async function play(options: MachineOptions): Promise<Played> {
  const machine = new Machine(options);
  onTestFinished(() => machine.dispose());
  let console = '';
  const told: MachineEvent[] = [];
  machine.console$.subscribe((text) => (console += text));
  machine.events$.subscribe((event) => {
    if (['recorded', 'replayed'].includes(event.type)) told.push(event);
  });
  await machine.start();
  return { machine, console: () => console, told: () => told };
}

/** Records a run that ends by itself. */
async function recorded(file: string, cpus: number): Promise<{ console: string; end: object }> {
  const { machine, console, told } = await play({
    kernel: built.kernel,
    memory: 32 * MIB,
    display: 'none',
    harness: 'lockstep',
    seed: 7,
    cpus,
    record: file,
  });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  const { step, time, state } = told()[0] as unknown as Record<string, unknown>;
  return { console: console(), end: { step, time, state } };
}

/** gdb's loop. */
const times = (count: number, ...commands: string[]): string[] => [
  'set $i = 0',
  `while $i < ${count}`,
  ...commands,
  'set $i = $i + 1',
  'end',
];

describe.skipIf(!tools).each([1, 3])('a replay on %i processors', (cpus) => {
  test(
    'stops, steps and is watched, and is what was recorded',
    async () => {
      const folder = temporaryFolder();
      const file = join(folder, 'run.rec');
      const { console, end } = await recorded(file, cpus);
      expect(console).toContain('done');

      const replay = await play({ replay: file, gdb: { path: join(folder, 'gdb.sock'), wait: true } });
      const output = await runGdb(folder, built.symbols, replay.machine.debugger.address!, [
        'break exercise',
        'continue',
        'delete',
        // Into strings, long blocks, ports, interrupts, other processors' turns.
        ...times(1500, 'stepi'),
        'printf "stepped %d\\n", $i',
        'break take',
        ...times(5, 'continue', 'stepi', 'stepi', 'finish'),
        'delete',
        'watch counters[0][0]',
        ...times(12, 'continue'),
        'delete',
        'rwatch from[0][50]',
        ...times(6, 'continue'),
        'delete',
        'monitor break msr 0x830 write',
        ...times(12, 'continue'),
        'monitor delete',
        'monitor break packet anything',
        ...(cpus === 1 ? [] : ['thread 2', ...times(200, 'stepi'), 'thread 3', ...times(200, 'stepi')]),
        'hbreak exercise if counters[0][0] % 9 == 0',
        ...times(4, 'continue', 'stepi 40'),
        'delete',
        'break leave',
        'continue',
        'printf "round %lu\\n", counters[0][0]',
        'delete',
        'detach',
      ]);

      expect(marked(output, 'stepped')).toEqual(['1500']);
      expect(marked(output, 'round')).toEqual([`${ROUNDS}`]);
      expect(output).toContain('is about to write');
      expect(output).toContain('must not notice');
      expect(await replay.machine.finished).toEqual({ reason: 'power-off', code: 0 });
      expect(replay.console()).toBe(console);
      expect(replay.told()).toEqual([expect.objectContaining({ type: 'replayed', ...end })]);
    },
    LONG,
  );
});

test.skipIf(!tools)(
  'a replay is not changed: not by a register, not by memory',
  async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'run.rec');
    const { end } = await recorded(file, 1);
    const replay = await play({ replay: file, gdb: { path: join(folder, 'gdb.sock'), wait: true } });
    const line = new GdbLine(replay.machine.debugger.address!);
    expect(await line.ask('?')).toMatch(/^T02/);

    const registers = await line.ask('g');
    const rip = await line.ask('p10');
    expect(await line.ask('P10=0000000000000000')).toBe('E1e');
    expect(await line.ask(`P10=${rip}`)).toBe('OK');
    expect(await line.ask(`G${registers}`)).toBe('OK');
    expect(await line.ask(`G${'11'.repeat(registers.length / 2)}`)).toBe('E1e');
    expect(await line.ask('M100000,4:11223344')).toBe('E1e');
    expect(await line.ask('X100000,1:a')).toBe('E1e');
    await line.ask('qSupported:error-message+');
    expect(await line.ask('M100000,4:11223344')).toBe('E.a run that is recorded or replayed cannot be changed');

    // To its end, with a debugger that goes away by its line.
    line.close();
    expect(await replay.machine.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(replay.told()).toEqual([expect.objectContaining({ type: 'replayed', ...end })]);
  },
  LONG,
);
