/**
 * Differential test of the floating-point and vector forms against the host's processor, form by form.
 *
 *     npx tsx packages/x64/fuzz/float/run.ts [--cases N] [--seed N] [--only add,sub] [--section sse] [--show N]
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCore } from '../../src/core-loader.ts';
import type { Row } from '../../src/isa/table.ts';
import { Subject } from '../compare.ts';
import { buildHarness, runOnHost } from '../harness.ts';
import { EXACT, TRANSCENDENTAL } from '../tolerance.ts';
import { CASE_SIZE, FLOAT_ROWS, makeFloatCase, type Flavor } from './cases.ts';
import { Random } from './random.ts';

const BATCH = 2048;

/** Result of one form. */
export interface FormReport {
  readonly row: Row;
  readonly cases: number;
  readonly failures: readonly string[];
  readonly failed: number;
  /** Transcendental results that are not the host's, but as near as manuals promise. */
  readonly near: number;
}

/** Compares `cases` cases of a form. */
export function compareForm(
  harness: string,
  subject: Subject,
  row: Row,
  seed: number,
  cases: number,
  flavor: Flavor,
): FormReport {
  const random = new Random(seed + row.id * 7919);
  const failures: string[] = [];
  let failed = 0;
  let near = 0;
  for (let done = 0; done < cases; done += BATCH) {
    const count = Math.min(BATCH, cases - done);
    const input = new ArrayBuffer(count * CASE_SIZE);
    const code: number[][] = [];
    for (let i = 0; i < count; i++)
      code.push(makeFloatCase(new DataView(input, i * CASE_SIZE, CASE_SIZE), row, random, flavor));
    const results = runOnHost(harness, new Uint8Array(input));
    if (results.length !== count) return { row, cases: done, failures: ['the harness died'], failed: 1, near };
    for (let i = 0; i < count; i++) {
      const expected = results[i]!;
      const difference = subject.check(new DataView(input, i * CASE_SIZE, CASE_SIZE), expected, EXACT);
      if (difference === '') continue;
      if (TRANSCENDENTAL.test(row.mnemonic) && lastPlaces(difference)) {
        near++;
        continue;
      }
      failed++;
      if (failures.length < 8)
        failures.push(`${describe(new DataView(input, i * CASE_SIZE, CASE_SIZE), code[i]!)}\n      ${difference}`);
    }
  }
  return { row, cases, failures, failed, near };
}

/** Whether a difference is one of up to two units in the last place and C1. */
function lastPlaces(difference: string): boolean {
  return difference.split('; ').every((part) => {
    const register = /^st\d (\w+):(\w+), host (\w+):(\w+)$/.exec(part);
    if (register !== null) {
      const value = (se: string, m: string): bigint =>
        (BigInt(`0x${se}`) << 63n) + (BigInt(`0x${m}`) & 0x7fffffffffffffffn);
      const distance = value(register[1]!, register[2]!) - value(register[3]!, register[4]!);
      return distance >= -2n && distance <= 2n;
    }
    const status = /^fpu status (\w+), host (\w+)$/.exec(part);
    return status !== null && (parseInt(status[1]!, 16) ^ parseInt(status[2]!, 16)) === 0x200;
  });
}

function describe(view: DataView, code: readonly number[]): string {
  const hex = (at: number, bytes: number): string =>
    Array.from({ length: bytes }, (_, i) =>
      view
        .getUint8(at + bytes - 1 - i)
        .toString(16)
        .padStart(2, '0'),
    ).join('');
  const registers = Array.from({ length: 16 }, (_, i) => `xmm${i}=${hex(256 + 160 + i * 16, 16)}`);
  return `[${code.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}] fcw ${hex(256, 2)} fsw ${hex(258, 2)} mxcsr ${hex(280, 4)} st0 ${hex(296, 2)}:${hex(288, 8)} st1 ${hex(312, 2)}:${hex(304, 8)}\n      ${registers.slice(0, 8).join(' ')}\n      ${registers.slice(8).join(' ')}`;
}

/** The four kinds of states. */
export const FLAVORS: readonly Flavor[] = [
  { unmasked: false, empty: false },
  { unmasked: true, empty: false },
  { unmasked: false, empty: true },
  { unmasked: true, empty: true },
];

function main(): void {
  const argument = (name: string, fallback: string): string => {
    const index = process.argv.indexOf(`--${name}`);
    return index < 0 ? fallback : (process.argv[index + 1] ?? fallback);
  };
  const harness = buildHarness();
  if (harness === undefined) throw new Error('the comparison needs gcc and an x86-64 Linux host');
  const seed = Number(argument('seed', '1'));
  const cases = Number(argument('cases', '1000'));
  const show = Number(argument('show', '1'));
  const only = argument('only', '')
    .split(',')
    .filter((word) => word !== '');
  const section = argument('section', '');
  const core = argument('core', join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'wasm', 'core.wasm'));
  const subject = new Subject(compileCore(readFileSync(core)));
  subject.compareMxcsr = true;
  const flavors = FLAVORS.slice(0, Number(argument('flavors', '4')));
  let clean = 0;
  let total = 0;
  const dirty: string[] = [];
  for (const row of FLOAT_ROWS) {
    if (only.length > 0 && !only.includes(row.mnemonic)) continue;
    if (section !== '' && row.section !== section) continue;
    let failed = 0;
    let near = 0;
    for (const flavor of flavors) {
      // Only the x87 has empty registers.
      if (flavor.empty && row.section !== 'x87' && row.section !== 'mmx') continue;
      const report = compareForm(harness, subject, row, seed, cases, flavor);
      for (const text of report.failures.slice(0, show)) console.log(`  ${row.text}: ${text}`);
      failed += report.failed;
      near += report.near;
      total += report.cases;
    }
    if (near > 0) console.log(`${row.mnemonic}: ${near} in the last places`);
    if (failed === 0) clean++;
    else dirty.push(`${row.handler} (${row.text.split('|').slice(0, 2).join('').trim()}): ${failed}`);
  }
  console.log(`seed ${seed}, ${total} cases, ${clean} forms clean, ${dirty.length} dirty`);
  for (const text of dirty) console.log(`  ${text}`);
  if (dirty.length > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
