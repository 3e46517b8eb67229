/** `npm run fuzz:x64`: the differential fuzzer as a command. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { buildHarness } from './harness.ts';
import type { Bits } from './place.ts';

const HELP = `Compares the processor with the host's, on random programs in user mode.

    npm run fuzz:x64 -- [options]

    --minutes N        how long; 1 unless --cases is given
    --cases N          how many programs
    --seed N           seed of the first program; each next one has the next number
    --bits 64,32,16    code sizes
    --sections LIST    sections of the table: integer,x87,mmx,sse,sse4,system (integer)
    --only LIST        mnemonics
    --length N         most instructions of a program (5)
    --failures N       differences after which it stops (5)
    --mxcsr            compares the exception flags of MXCSR too
    --core FILE        another build of the core

    npm run fuzz:x64 -- --minutes 30
    npm run fuzz:x64 -- --seed 4711 --cases 1       once more what differed

Exit code: 0 no difference, 1 differences, 2 cannot run here.`;

const list = (text: string | undefined): string[] => (text ?? '').split(',').filter((word) => word !== '');

function main(): number {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      minutes: { type: 'string' },
      cases: { type: 'string' },
      seed: { type: 'string' },
      bits: { type: 'string', default: '64,32,16' },
      sections: { type: 'string', default: 'integer' },
      only: { type: 'string' },
      length: { type: 'string', default: '5' },
      failures: { type: 'string', default: '5' },
      mxcsr: { type: 'boolean', default: false },
      core: { type: 'string' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const harness = buildHarness();
  if (harness === undefined) {
    console.error('the fuzzer needs gcc and an x86-64 Linux host');
    return 2;
  }
  const seed = Number(values.seed ?? Date.now() & 0xffffff);
  const minutes = Number(values.minutes ?? (values.cases === undefined ? 1 : 0));
  console.log(`seed ${seed}`);
  const started = Date.now();
  const seconds = (): string => ((Date.now() - started) / 1000).toFixed(0);
  let said = started;
  const report = fuzz(harness, values.core ?? join(dirname(fileURLToPath(import.meta.url)), '../wasm/core.wasm'), {
    seed,
    cases: Number(values.cases ?? Infinity),
    time: minutes > 0 ? minutes * 60_000 : Infinity,
    bits: list(values.bits).map((word) => Number(word) as Bits),
    sections: list(values.sections),
    only: list(values.only),
    length: Number(values.length),
    failures: Number(values.failures),
    mxcsr: values.mxcsr,
    progress: ({ cases, instructions, failures }) => {
      if (Date.now() - said < 30_000) return;
      said = Date.now();
      console.log(`${seconds()} s: ${cases} programs, ${instructions} instructions, ${failures.length} differences`);
    },
  });
  for (const { text } of report.failures) console.log(text);
  const dirty = [...report.dirty].sort((a, b) => b[1] - a[1]);
  if (dirty.length > 0) console.log(`in programs with: ${dirty.map(([name, times]) => `${name} ${times}`).join(', ')}`);
  const { cases, instructions, failures } = report;
  console.log(`${cases} programs, ${instructions} instructions, ${failures.length} differences, ${seconds()} s`);
  return failures.length > 0 ? 1 : 0;
}

process.exitCode = main();
