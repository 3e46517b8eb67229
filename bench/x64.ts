/**
 * The x86-64 processor: the same program natively, in QEMU TCG and in Ringlet, the same kernel and initial RAM disk in the
 * latter two; how fast instructions go by, how much memory a processor takes, and what an idle machine costs.
 */
import { readFileSync, rmSync } from 'node:fs';
import { TSC_FREQUENCY } from '@ringlet/microkernel';
import type { VpInspection } from '@ringlet/x64';
import { type Bench, type BenchOptions, type BenchResult, type Row, summarise } from './bench.ts';
import {
  type Files,
  prepareFiles,
  type RingletMachine,
  runNative,
  runQemu,
  runRinglet,
  startRinglet,
  type WorkloadRun,
} from './x64-machines.ts';

const NATIVE = 'native';
const QEMU = 'QEMU TCG';
const RINGLET = 'Ringlet';
/** A boot and all workloads take so long that fewer rounds must do. */
const MOST_ROUNDS = 3;
const IDLE_SECONDS = 30;
const SETTLING_SECONDS = 5;
const MOST_BOOT_SECONDS = 300;
const CPUS = [1, 4];
const MIB = 1024 * 1024;
/** More than a processor's tables in the node come to: TLBs, jump cache, its part of what all of them share. */
const TABLE_BYTES = 4 * MIB;

/** `npm run bench -- x64`. */
export const x64: Bench = {
  name: 'x64',
  async run({ rounds }: BenchOptions): Promise<BenchResult[]> {
    let files: Files;
    try {
      files = await prepareFiles();
    } catch (cause) {
      const missing = `left out: needs gcc, cpio, qemu-system-x86 and \`ringlet pull debian\` (${String(cause)})`;
      return [{ title: 'x64', baseline: QEMU, rows: [], notes: [missing] }];
    }
    try {
      const quick = rounds < 5;
      const { workloads, speed, notes } = await measureWorkloads(files, quick ? 1 : Math.min(rounds, MOST_ROUNDS));
      const standing = [];
      for (const cpus of CPUS) standing.push(...(await measureStanding(files, cpus, quick ? 10 : IDLE_SECONDS)));
      return [
        { title: 'x64, seconds', baseline: QEMU, rows: workloads, notes },
        { title: 'x64, the processor', baseline: RINGLET, rows: [...speed, ...standing], notes: [] },
      ];
    } finally {
      rmSync(files.folder, { recursive: true, force: true });
    }
  },
};

/** Counters of the one processor when the program came to a mark. */
type Marks = Map<string, VpInspection>;

async function measureWorkloads(
  files: Files,
  rounds: number,
): Promise<{ workloads: Row[]; speed: Row[]; notes: string[] }> {
  const runs: Record<string, WorkloadRun[]> = { [NATIVE]: [], [QEMU]: [], [RINGLET]: [] };
  const marks: Marks[] = [];
  for (let round = 0; round < rounds; round++) {
    runs[NATIVE]!.push(await runNative(files));
    runs[QEMU]!.push(await runQemu(files));
    const { run, seen } = await ringletRun(files);
    runs[RINGLET]!.push(run);
    marks.push(seen);
  }
  const names = [...runs[RINGLET]![0]!.workloads.keys()];
  const row = (workload: string, of: (run: WorkloadRun) => number, contenders: readonly string[]): Row =>
    summarise(
      workload,
      contenders.map((contender) => [contender, runs[contender]!.map(of)]),
      QEMU,
      's',
    );
  const seconds = (name: string) => (run: WorkloadRun) => run.workloads.get(name)!.seconds;
  const different = names.filter(
    (name) =>
      new Set(Object.values(runs).flatMap((all) => all.map((run) => run.workloads.get(name)?.check))).size !== 1,
  );
  return {
    workloads: [
      row('start to /init', ({ ready }) => ready, [QEMU, RINGLET]),
      ...names.map((name) => row(name, seconds(name), [NATIVE, QEMU, RINGLET])),
    ],
    speed: speedRows(runs[RINGLET]!, marks),
    notes: [
      `${rounds} rounds in turns; Debian's cloud kernel, one processor; times are the host's`,
      ...(different.length > 0 ? [`WRONG RESULTS: ${different.join(', ')} differ between the contenders`] : []),
    ],
  };
}

async function ringletRun(files: Files): Promise<{ run: WorkloadRun; seen: Marks }> {
  const seen: Marks = new Map();
  const asked: Promise<unknown>[] = [];
  const run = await runRinglet(files, (mark, machine) => {
    asked.push(
      counters(machine).then(
        ([vp]) => seen.set(mark, vp!),
        () => {}, // The machine is gone after the last mark.
      ),
    );
  });
  await Promise.all(asked);
  return { run, seen };
}

const counters = async (machine: RingletMachine): Promise<VpInspection[]> =>
  (await machine.inspect('processors')) as VpInspection[];

function speedRows(runs: readonly WorkloadRun[], marks: readonly Marks[]): Row[] {
  const row = (workload: string, unit: string, samples: readonly number[]): Row =>
    summarise(workload, [[RINGLET, samples]], '', unit);
  const between = (seen: Marks, from: string, to: string): number => {
    const [a, b] = [seen.get(from)!.slice, seen.get(to)!.slice];
    return (b.instructions - a.instructions) / ((b.tsc - a.tsc) / Number(TSC_FREQUENCY)) / 1e6;
  };
  const boots = marks.map((seen) => seen.get('ready')!.instructions / 1e6);
  return [
    row('instructions to /init', 'M', boots),
    row(
      'start to /init',
      'MIPS',
      boots.map((millions, i) => millions / runs[i]!.ready),
    ),
    row(
      'integer',
      'MIPS',
      marks.map((seen) => between(seen, 'begin integer', 'end integer')),
    ),
    row(
      'sha256',
      'MIPS',
      marks.map((seen) => between(seen, 'begin sha256', 'end sha256')),
    ),
  ];
}

/** A machine that has booted to its shell and has nothing to do: its memory, and the processor time it takes. */
async function measureStanding(files: Files, cpus: number, seconds: number): Promise<Row[]> {
  const machine = startRinglet(files, {
    initrd: files.imageInitrd,
    words: ['console=ttyS0', 'cryptomgr.notests'],
    cpus,
  });
  try {
    await printed(machine, '~ #');
    await sleep(SETTLING_SECONDS);
    const before = processorSeconds(machine.process.pid!);
    const began = performance.now();
    await sleep(seconds);
    const used = processorSeconds(machine.process.pid!) - before;
    const load = used / ((performance.now() - began) / 1000);
    const memory = (await residentBesidesRam(machine)) / MIB / cpus;
    const of = `${cpus} processor${cpus > 1 ? 's' : ''}`;
    return [
      summarise(`idle, ${of}`, [[RINGLET, [load * 100]]], '', '% of a host processor'),
      summarise(`memory besides RAM, ${of}`, [[RINGLET, [memory]]], '', 'MiB a processor'),
    ];
  } finally {
    await machine.stop();
  }
}

function printed(machine: RingletMachine, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = '';
    const late = setTimeout(() => reject(new Error(`no "${text}": ${all.slice(-400)}`)), MOST_BOOT_SECONDS * 1000);
    machine.process.stdout!.on('data', (chunk: Buffer) => {
      all += chunk.toString();
      if (!all.includes(text)) return;
      clearTimeout(late);
      resolve();
    });
  });
}

/** User and system time of a process so far. */
function processorSeconds(pid: number): number {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ').slice(11, 13);
  const CLOCK_TICKS = 100;
  return (Number(user) + Number(system)) / CLOCK_TICKS;
}

/** Resident memory without the guest's RAM: everything outside the node, and of the node what its processors use. */
async function residentBesidesRam(machine: RingletMachine): Promise<number> {
  const { pid } = machine.process;
  let besides = 0;
  for (const { arenaBytes } of await counters(machine)) besides += arenaBytes + TABLE_BYTES;
  for (const mapping of readFileSync(`/proc/${pid}/smaps`, 'latin1').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const kib = (name: string) => Number(new RegExp(`^${name}: +([0-9]+) kB`, 'm').exec(mapping)?.[1] ?? 0);
    const [size, resident] = [kib('Size') * 1024, kib('Rss') * 1024];
    if (size < machine.memoryBytes) besides += resident;
  }
  return besides;
}

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
