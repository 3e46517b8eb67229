/**
 * Runs the benchmarks: `npm run bench [-- NAME…] [--quick]`. Prints tables of ratios and writes `bench/results/NAME.json`.
 *
 * A new benchmark is a file that exports a {@link Bench}, and its name in the list below.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import type { Bench } from './bench.ts';
import { format } from './bench.ts';
import { linux } from './linux.ts';
import { network } from './network.ts';
import { ring, rxjs } from './ring.ts';
import { storage } from './storage.ts';
import { trace } from './trace.ts';
import { x64 } from './x64.ts';

const benches: readonly Bench[] = [ring, rxjs, storage, network, trace, x64, linux];

const words = process.argv.slice(2);
const quick = words.includes('--quick');
const filters = words.filter((word) => !word.startsWith('--'));
const chosen = benches.filter(({ name }) => filters.length === 0 || filters.some((filter) => name.includes(filter)));
if (chosen.length === 0) {
  console.error(
    `no benchmark is called ${filters.join(' ')}; there are: ${benches.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

const options = quick ? { rounds: 3, milliseconds: 20 } : { rounds: 7, milliseconds: 60 };
const folder = new URL('./results/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const bench of chosen) {
  const results = await bench.run(options);
  for (const result of results) console.log(format(result));
  const machine = { processor: cpus()[0]?.model, processors: availableParallelism(), node: process.version };
  writeFileSync(new URL(`${bench.name}.json`, folder), `${JSON.stringify({ machine, options, results }, null, 2)}\n`);
}
