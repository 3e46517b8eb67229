/**
 * Differential fuzzing of instructions against the host's processor.
 *
 *     npx tsx packages/x64/fuzz/run.ts [--minutes N] [--cases N] [--seed N] [--sections integer,sse] [--only add,sub]
 *         [--length N] [--keep-going] [--mxcsr]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import { compileCore } from '../src/core-loader.ts';
import { CASE_SIZE, makeCase, type Case } from './cases.ts';
import { Subject } from './compare.ts';
import { CODE, fuzzRows } from './generate.ts';

const here = dirname(fileURLToPath(import.meta.url));
const BATCH = 4096;
/** SIGVTALRM: the case does not end by itself. */
const ENDLESS = 26;

/** What to run. */
export interface FuzzOptions {
  readonly seed: number;
  readonly cases: number;
  /** Time limit, milliseconds. */
  readonly time: number;
  readonly sections: readonly string[];
  readonly only: readonly string[];
  readonly length: number;
  /** Reports this many differences before it stops. */
  readonly failures: number;
  readonly mxcsr: boolean;
}

/** What came out. */
export interface FuzzReport {
  cases: number;
  instructions: number;
  failures: { seed: number; text: string; mnemonic: string }[];
  /** Failures by mnemonic. */
  dirty: Map<string, number>;
}

/** Builds the harness. @returns its path, or undefined where there is no compiler or another processor */
export function buildHarness(): string | undefined {
  if (process.arch !== 'x64' || process.platform !== 'linux') return undefined;
  const directory = join(here, '..', 'wasm');
  mkdirSync(directory, { recursive: true });
  const source = join(here, 'harness.c');
  const target = join(directory, 'fuzz-harness');
  if (existsSync(target) && statSync(target).mtimeMs > statSync(source).mtimeMs) return target;
  // Another run may be using the old one.
  const { status } = spawnSync('gcc', ['-O2', '-o', `${target}.${process.pid}`, source]);
  if (status !== 0) return undefined;
  renameSync(`${target}.${process.pid}`, target);
  return target;
}

/** Fuzzes until something limits it. */
export function fuzz(harness: string, core: string, options: FuzzOptions): FuzzReport {
  const rows = fuzzRows(options.sections, options.only);
  const subject = new Subject(compileCore(readFileSync(core)));
  subject.compareMxcsr = options.mxcsr;
  const report: FuzzReport = { cases: 0, instructions: 0, failures: [], dirty: new Map() };
  const end = Date.now() + options.time;
  const input = new ArrayBuffer(BATCH * CASE_SIZE);
  let seed = options.seed;
  while (report.cases < options.cases && Date.now() < end && report.failures.length < options.failures) {
    const made: Case[] = [];
    const count = Math.min(BATCH, options.cases - report.cases);
    for (let i = 0; i < count; i++)
      made.push(makeCase(seed++, rows, new DataView(input, i * CASE_SIZE, CASE_SIZE), options.length));
    const { stdout } = spawnSync(harness, {
      input: new Uint8Array(input, 0, count * CASE_SIZE),
      maxBuffer: 1 << 30,
      timeout: 60_000,
    });
    const done = Math.floor(stdout.length / CASE_SIZE);
    for (let i = 0; i < done; i++) {
      const expected = new DataView(stdout.buffer, stdout.byteOffset + i * CASE_SIZE, CASE_SIZE);
      if (expected.getUint32(144, true) === ENDLESS) continue;
      const difference = subject.check(
        new DataView(input, i * CASE_SIZE, CASE_SIZE),
        expected,
        made[i]!.undefinedFlags,
      );
      if (difference !== '') note(report, made[i]!, difference, options.failures);
    }
    report.cases += done;
    if (done < count) {
      note(report, made[done]!, 'the harness died', options.failures);
      report.cases++;
      break;
    }
  }
  report.instructions = subject.instructions;
  return report;
}

function note(report: FuzzReport, failed: Case, difference: string, limit: number): void {
  for (const name of new Set(failed.instructions.filter((i) => i.undefined !== '-').map((i) => `${i.row.mnemonic}`)))
    report.dirty.set(name, (report.dirty.get(name) ?? 0) + 1);
  if (report.failures.length >= limit) return;
  report.failures.push({
    seed: failed.seed,
    mnemonic: failed.instructions[0]?.row.mnemonic ?? '',
    text: `seed ${failed.seed}: ${difference}\n${disassemble(failed.code)}`,
  });
}

/** Lists code, one instruction a line. */
export function disassemble(code: readonly number[]): string {
  const decoder = new Decoder(64, Uint8Array.from(code), DecoderOptions.None);
  decoder.ip = BigInt(CODE);
  const formatter = new Formatter(FormatterSyntax.Intel);
  const lines: string[] = [];
  while (decoder.canDecode) {
    const start = decoder.position;
    const instruction = decoder.decode();
    const bytes = code.slice(start, decoder.position).map((byte) => byte.toString(16).padStart(2, '0'));
    lines.push(`    ${bytes.join(' ').padEnd(36)} ${formatter.format(instruction)}`);
    instruction.free();
  }
  formatter.free();
  decoder.free();
  return lines.join('\n');
}

function main(): void {
  const argument = (name: string, fallback: string): string => {
    const index = process.argv.indexOf(`--${name}`);
    return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
  };
  const list = (name: string): string[] =>
    argument(name, '')
      .split(',')
      .filter((word) => word !== '');
  const harness = buildHarness();
  if (harness === undefined) throw new Error('the fuzzer needs gcc and an x86-64 Linux host');
  const seed = Number(argument('seed', String(Date.now() & 0xffffff)));
  const minutes = Number(argument('minutes', '0'));
  console.log(`seed ${seed}`);
  const started = Date.now();
  const report = fuzz(harness, argument('core', join(here, '..', 'wasm', 'core.wasm')), {
    seed,
    cases: Number(argument('cases', minutes > 0 ? 'Infinity' : '100000')),
    time: minutes > 0 ? minutes * 60_000 : Infinity,
    sections: list('sections'),
    only: list('only'),
    length: Number(argument('length', '5')),
    failures: process.argv.includes('--keep-going') ? Infinity : Number(argument('failures', '5')),
    mxcsr: process.argv.includes('--mxcsr'),
  });
  for (const { text } of report.failures.slice(0, Number(argument('show', '10')))) console.log(text);
  const dirty = [...report.dirty].sort((a, b) => b[1] - a[1]).slice(0, 60);
  if (dirty.length > 0) console.log(dirty.map(([name, count]) => `${name} ${count}`).join(', '));
  console.log(
    `${report.cases} cases, ${report.instructions} instructions, ${report.failures.length} differences, ${((Date.now() - started) / 1000).toFixed(1)} s`,
  );
  if (report.failures.length > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
