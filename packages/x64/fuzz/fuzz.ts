/** Differential fuzzing: random programs on the core and on the host's processor, differences minimised. */
import { readFileSync } from 'node:fs';
import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import { compileCore } from '../src/core-loader.ts';
import { CASE_SIZE, makeCase, type Case } from './cases.ts';
import { Subject } from './compare.ts';
import { fuzzRows } from './generate.ts';
import { ENDLESS, runOnHost } from './harness.ts';
import { minimise } from './minimise.ts';
import { TRANSCENDENTAL } from './tolerance.ts';
import { type Bits, type Place, PLACES } from './place.ts';

const BATCH = 4096;

/** What to run. */
export interface FuzzOptions {
  /** Seed of the first case; each next one has the next number. */
  readonly seed: number;
  readonly cases: number;
  /** Time limit, milliseconds. */
  readonly time: number;
  /** Code sizes; cases take turns. */
  readonly bits: readonly Bits[];
  readonly sections: readonly string[];
  readonly only: readonly string[];
  /** Most instructions of a case. */
  readonly length: number;
  /** Differences after which it stops. */
  readonly failures: number;
  /** Whether the sticky exception flags of MXCSR are compared. */
  readonly mxcsr: boolean;
  /** Told after each batch. */
  readonly progress?: (report: FuzzReport) => void;
}

/** What came out. */
export interface FuzzReport {
  cases: number;
  instructions: number;
  failures: { seed: number; text: string; mnemonic: string }[];
  /** Failures by mnemonic. */
  dirty: Map<string, number>;
}

/** Fuzzes until something limits it. */
export function fuzz(harness: string, core: string, options: FuzzOptions): FuzzReport {
  const programs = options.bits.map((bits) => ({
    place: PLACES[bits],
    // Those are compared, to two units in the last place, in `float/`.
    rows: fuzzRows(options.sections, options.only, bits).filter(({ mnemonic }) => !TRANSCENDENTAL.test(mnemonic)),
  }));
  const subject = new Subject(compileCore(readFileSync(core)));
  subject.compareMxcsr = options.mxcsr;
  const report: FuzzReport = { cases: 0, instructions: 0, failures: [], dirty: new Map() };
  const end = Date.now() + options.time;
  const input = new Uint8Array(BATCH * CASE_SIZE);
  const bytesOf = (i: number): Uint8Array => input.subarray(i * CASE_SIZE, (i + 1) * CASE_SIZE);
  const viewOf = (i: number): DataView => new DataView(input.buffer, i * CASE_SIZE, CASE_SIZE);
  let seed = options.seed;
  while (report.cases < options.cases && Date.now() < end && report.failures.length < options.failures) {
    const count = Math.min(BATCH, options.cases - report.cases);
    const made = Array.from({ length: count }, (_, i): Case => {
      const { rows, place } = programs[seed % programs.length]!;
      return makeCase(seed++, rows, viewOf(i), options.length, place);
    });
    const results = runOnHost(harness, input.subarray(0, count * CASE_SIZE));
    results.forEach((expected, i) => {
      if (expected.getUint32(144, true) === ENDLESS) return;
      const seen = subject.check(viewOf(i), expected, made[i]!.tolerance);
      if (seen === '') return;
      tally(report, made[i]!);
      if (report.failures.length >= options.failures) return;
      const { code, difference, state } = minimise(harness, subject, made[i]!, bytesOf(i).slice());
      note(
        report,
        made[i]!,
        `${difference || `once only: ${seen}`}\n${disassemble(code, made[i]!.place)}\n    with ${state}`,
      );
    });
    report.cases += results.length;
    report.instructions = subject.instructions;
    options.progress?.(report);
    if (results.length < count) {
      const killer = made[results.length]!;
      tally(report, killer);
      note(report, killer, `the harness died\n${disassemble(killer.code, killer.place)}`);
      report.cases++;
      break;
    }
  }
  return report;
}

function tally(report: FuzzReport, failed: Case): void {
  for (const name of new Set(failed.instructions.filter((i) => i.undefined !== '-').map((i) => i.row.mnemonic)))
    report.dirty.set(name, (report.dirty.get(name) ?? 0) + 1);
}

function note(report: FuzzReport, failed: Case, text: string): void {
  const mnemonic = failed.instructions[0]?.row.mnemonic ?? '';
  report.failures.push({
    seed: failed.seed,
    mnemonic,
    text: `seed ${failed.seed}, ${failed.place.bits} bits: ${text}`,
  });
}

/** Lists code, one instruction a line. */
export function disassemble(code: readonly number[], { bits, code: ip }: Place): string {
  const decoder = new Decoder(bits, Uint8Array.from(code), DecoderOptions.None);
  decoder.ip = BigInt(ip);
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
