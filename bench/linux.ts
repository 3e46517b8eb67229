/**
 * Disks and network as Debian sees them: its own hv_storvsc and hv_netvsc under Ringlet, its own virtio drivers under QEMU
 * TCG; kernel, initial RAM disk, command line, root disk and programs are the same.
 */
import { rmSync } from 'node:fs';
import { type Bench, type BenchOptions, type BenchResult, type Row, summarise } from './bench.ts';
import { type LinuxFiles, prepareLinuxFiles } from './linux-files.ts';
import { type GuestWork, linuxInQemu, linuxInRinglet, type LinuxRun } from './linux-machines.ts';
import { installed, type PingpongPeer, startIperf, startPingpong } from './linux-peers.ts';

const QEMU = 'QEMU TCG, virtio';
const RINGLET = 'Ringlet, VMBus';
const TITLE = 'linux: disks and network';
/** A boot takes so long that fewer rounds must do. */
const MOST_ROUNDS = 3;
/** A guest's clock that is further off makes what fio and iperf3 say worthless. */
const CLOCK_TOLERANCE = 0.03;

/** A run, with the figure that the host's server took. */
type Run = LinuxRun & { readonly roundTrip: number };
type Runs = readonly (readonly [contender: string, runs: readonly Run[]])[];

/** `npm run bench -- linux`. */
export const linux: Bench = {
  name: 'linux',
  async run({ rounds }: BenchOptions): Promise<BenchResult[]> {
    let files: LinuxFiles;
    try {
      files = prepareLinuxFiles();
    } catch (cause) {
      const missing = `left out: needs cpio, tar and \`ringlet pull debian --disk\` (${String(cause)})`;
      return [{ title: TITLE, baseline: QEMU, rows: [], notes: [missing] }];
    }
    try {
      return [await measure(files, rounds < 5)];
    } finally {
      rmSync(files.folder, { recursive: true, force: true });
    }
  },
};

async function measure(files: LinuxFiles, quick: boolean): Promise<BenchResult> {
  const iperf = installed('iperf3') ? await startIperf() : undefined;
  const pingpong = files.pingpong === undefined ? undefined : await startPingpong(files.pingpong);
  const qemu = installed('qemu-system-x86_64');
  const rounds = quick ? 1 : MOST_ROUNDS;
  const work: GuestWork = {
    seconds: quick ? 3 : 8,
    ...(iperf && { iperfPort: iperf.port }),
    ...(pingpong && { pingpongPort: pingpong.port }),
  };
  const ours: Run[] = [];
  const theirs: Run[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      if (qemu) theirs.push(withRoundTrip(await linuxInQemu(files, work), pingpong));
      ours.push(withRoundTrip(await linuxInRinglet(files, work), pingpong));
    }
  } finally {
    iperf?.stop();
    pingpong?.stop();
  }
  const runs: Runs = [...(qemu ? [[QEMU, theirs] as const] : []), [RINGLET, ours]];
  return {
    title: TITLE,
    baseline: QEMU,
    rows: rowsOf(runs),
    notes: [
      `${rounds} ${rounds === 1 ? 'round' : 'rounds in turns'}, ${work.seconds} s each; one processor`,
      ...(qemu ? [] : ['nothing to compare with: needs qemu-system-x86']),
      ...(iperf ? [] : ['no throughput of the network: needs iperf3']),
      ...(pingpong ? [] : ['no latency of the network: needs gcc and libc6-dev']),
      ...missingIn(runs),
      ...clocksOf(runs),
    ],
  };
}

const withRoundTrip = (run: LinuxRun, pingpong: PingpongPeer | undefined): Run => ({
  ...run,
  roundTrip: run.said.has('pingpong') && pingpong ? pingpong.last() : NaN,
});

const KIB = 1024;
const FIGURES: readonly (readonly [workload: string, of: (run: Run) => number, unit?: string])[] = [
  ['boot to login:', ({ login }) => login, 's'],
  ['4 KiB random read, depth 1, operations', ({ said }) => number(said, 'random-1')],
  ['4 KiB random read, depth 32, operations', ({ said }) => number(said, 'random-32')],
  ['1 MiB sequential read, bytes', ({ said }) => number(said, 'sequential') * KIB],
  ['iperf3 to the host, bits', ({ said }) => number(said, 'to-host') * 1e6],
  ['iperf3 from the host, bits', ({ said }) => number(said, 'from-host') * 1e6],
  ['a byte there and back', ({ roundTrip }) => roundTrip * 1e6, 'µs'],
];

/** What the guest said under a name; not a number where it did not, or where its program printed an error. */
function number(said: ReadonlyMap<string, string>, name: string): number {
  const value = said.get(name);
  return value === undefined || value === '' ? NaN : Number(value);
}

/** Of the figures that all runs have. */
const rowsOf = (runs: Runs): Row[] =>
  FIGURES.filter((figure) => isComplete(figure, runs)).map(([workload, of, unit]) =>
    summarise(
      workload,
      runs.map(([contender, all]) => [contender, all.map(of)]),
      QEMU,
      unit,
    ),
  );

const isComplete = ([, of]: (typeof FIGURES)[number], runs: Runs): boolean =>
  runs.every(([, all]) => all.every((run) => Number.isFinite(of(run))));

function missingIn(runs: Runs): string[] {
  const names = FIGURES.filter((figure) => !isComplete(figure, runs)).map(([workload]) => workload);
  return names.length === 0 ? [] : [`not measured in every run: ${names.join('; ')}`];
}

function clocksOf(runs: Runs): string[] {
  return runs.flatMap(([contender, all]) =>
    all
      .filter(({ clock }) => !(Math.abs(clock - 1) < CLOCK_TOLERANCE))
      .map(({ clock }) => `WRONG CLOCK: ${clock.toFixed(3)} seconds a second in a run of ${contender}`),
  );
}
