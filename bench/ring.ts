/** Rings: one way and request with answer, beside the same in C, a MessagePort and a Unix socket. */
import { availableParallelism } from 'node:os';
import { type Bench, type BenchOptions, type BenchResult, compare, type Contender, type Row } from './bench.ts';
import { cRig, portRig, type Rig, ringRig, socketRig } from './ring-contenders.ts';
import type { RingJob } from './ring-job.ts';

const SIZES = [64, 512, 4096, 65536];
const DEPTHS = [1, 32, 256];

const size = (bytes: number): string => (bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`);

/** Starts the rigs, measures, and stops them, whatever happens. */
async function withRigs<T>(make: (() => Promise<Rig | undefined>)[], use: (rigs: Rig[]) => Promise<T>): Promise<T> {
  const rigs: Rig[] = [];
  try {
    for (const start of make) {
      const rig = await start();
      if (rig !== undefined) rigs.push(rig);
    }
    return await use(rigs);
  } finally {
    for (const rig of rigs) await rig.stop();
  }
}

const contender = (name: string, rig: Rig, job: Omit<RingJob, 'milliseconds'>): Contender => ({
  name,
  measure: (milliseconds) => rig.run({ ...job, milliseconds }),
});

/** `npm run bench -- ring`. */
export const ring: Bench = {
  name: 'ring',
  async run(options: BenchOptions): Promise<BenchResult[]> {
    const c = await cRig();
    const notes = [`${availableParallelism()} processors, one for each end; both spin for 20 µs before they sleep`];
    if (c === undefined) notes.push('no gcc here: nothing to compare with in C');
    const baseline = c === undefined ? 'MessagePort' : 'C';
    return withRigs([async () => c, ringRig, portRig, socketRig], async (rigs) => {
      const [ours, port, socket] = rigs.slice(-3) as [Rig, Rig, Rig];
      const beside = (job: Omit<RingJob, 'milliseconds'>): Contender[] => [
        ...(c === undefined ? [] : [contender('C', c, job)]),
        contender('ring', ours, job),
      ];
      const copied: Row[] = [];
      const inPlace: Row[] = [];
      const requests: Row[] = [];
      for (const bytes of SIZES) {
        const job = { kind: 'one-way', bytes, depth: 1, observed: false } as const;
        const others = [
          contender('MessagePort', port, { ...job, copy: true }),
          contender('socket', socket, { ...job, copy: true }),
        ];
        copied.push(await compare(size(bytes), [...beside({ ...job, copy: true }), ...others], baseline, options));
        inPlace.push(await compare(size(bytes), beside({ ...job, copy: false }), baseline, options));
      }
      for (const bytes of SIZES) {
        for (const depth of DEPTHS) {
          const job = { kind: 'request', bytes, depth, copy: false, observed: false } as const;
          const others = [contender('MessagePort', port, job), contender('socket', socket, job)];
          requests.push(
            await compare(`${size(bytes)}, depth ${depth}`, [...beside(job), ...others], baseline, options),
          );
        }
      }
      return [
        { title: 'ring, one way, payload copied in and out', baseline, rows: copied, notes },
        { title: 'ring, one way, payload copied in and read in place', baseline, rows: inPlace, notes },
        { title: 'ring, request and answer', baseline, rows: requests, notes },
      ];
    });
  },
};

/** `npm run bench -- rxjs`: what it costs that somebody observes the batches of a channel. */
export const rxjs: Bench = {
  name: 'rxjs',
  run: (options) =>
    withRigs([ringRig], async ([rig]) => {
      const rows: Row[] = [];
      const cases: [string, Omit<RingJob, 'milliseconds' | 'observed'>][] = [
        ['one way, 64 B', { kind: 'one-way', bytes: 64, depth: 1, copy: false }],
        ['one way, 4 KiB', { kind: 'one-way', bytes: 4096, depth: 1, copy: false }],
        ['request, 64 B, depth 32', { kind: 'request', bytes: 64, depth: 32, copy: false }],
        ['request, 4 KiB, depth 32', { kind: 'request', bytes: 4096, depth: 32, copy: false }],
      ];
      for (const [name, job] of cases) {
        const both = [false, true].map((observed) =>
          contender(observed ? 'batches$ observed' : 'nobody observes', rig!, { ...job, observed }),
        );
        rows.push(await compare(name, both, 'nobody observes', options));
      }
      return [{ title: 'rxjs on the packet path', baseline: 'nobody observes', rows, notes: [] }];
    }),
};
