/** Stock gdb on a replay: it can look at anything, and the replay is still what was recorded (skipped without gdb and gcc). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
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

/** Whatever a gdb, or something that is none, may send; it always comes to a stop at `exercise`. */
function packets(cpus: number): fc.Arbitrary<string> {
  const places = ['exercise', 'take', 'leave', 'counters', 'sums', 'from', 'to', 'interrupted', 'page_pml4'];
  const place = fc
    .tuple(fc.constantFrom(...places.map((name) => built.address(name))), fc.nat(600))
    .map(([address, offset]) => (address + BigInt(offset < 300 ? 0 : offset)).toString(16));
  const address = fc.oneof(
    { weight: 4, arbitrary: place },
    fc.bigInt(0n, 2n ** 64n - 1n).map((a) => a.toString(16)),
  );
  const thread = fc.integer({ min: 1, max: cpus });
  const size = fc.integer({ min: 1, max: 64 }).map((bytes) => bytes.toString(16));
  const monitor = fc
    .constantFrom(
      'info',
      'delete',
      'break msr 0x830 write',
      'break hypercall 0x46',
      'break packet x',
      'list',
      'physical 0',
      '%s',
    )
    .map((line) => `qRcmd,${Buffer.from(line).toString('hex')}`);
  return fc.oneof(
    { weight: 8, arbitrary: thread.map((each) => `vCont;s:${each}`) },
    { weight: 4, arbitrary: thread.map((each) => `vCont;s:${each};c`) },
    { weight: 3, arbitrary: fc.constant('vCont;c') },
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom('Z0', 'Z1', 'Z2', 'Z3', 'Z4', 'z0', 'z2'), address, size)
        .map((all) => all.join()),
    },
    { weight: 2, arbitrary: fc.tuple(address, size).map(([at, bytes]) => `m${at},${bytes}`) },
    { weight: 2, arbitrary: address.map((at) => `M${at},2:4142`) },
    fc.nat(80).map((number) => `P${number.toString(16)}=0102030405060708`),
    thread.map((each) => `Hg${each}`),
    thread.map((each) => `Hc${each}`),
    monitor,
    fc.string({
      unit: fc.constantFrom(...'?gGpPmMXHTZzvqQ!0123456789abcdef,;:=-\u0000\u00ff'.split('')),
      maxLength: 40,
    }),
  );
}

test.skipIf(!tools)(
  'whatever a debugger sends, a replay is what was recorded',
  async () => {
    const folder = temporaryFolder();
    const cpus = 2;
    const file = join(folder, 'run.rec');
    const { end } = await recorded(file, cpus);
    const run = async (sent: readonly string[]): Promise<void> => {
      const replay = await play({ replay: file, gdb: { path: join(folder, 'gdb.sock'), wait: true } });
      const line = new GdbLine(replay.machine.debugger.address!);
      await line.ask('?');
      const stops: string[] = [];
      for (const packet of sent) {
        if (!packet.startsWith('vCont;')) {
          await line.ask(packet);
          continue;
        }
        await line.ask(`Z0,${built.address('exercise').toString(16)},1`);
        const stop = await line.ask(packet);
        if (stop.startsWith('W')) break;
        stops.push(stop);
      }
      expect(stops.filter((stop) => !/^T0[25]thread:[12];/.test(stop))).toEqual([]);
      line.close();
      expect(await replay.machine.finished).toEqual({ reason: 'power-off', code: 0 });
      expect(replay.told()).toEqual([expect.objectContaining({ type: 'replayed', ...end })]);
      await replay.machine.dispose();
    };
    await fc.assert(fc.asyncProperty(fc.array(packets(cpus), { minLength: 100, maxLength: 200 }), run), {
      numRuns: Number(process.env['RINGLET_DEBUGGERS'] ?? 3),
      endOnFailure: true,
    });
  },
  LONG,
);
