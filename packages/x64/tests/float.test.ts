/** A bounded comparison of every x87, MMX and SSE form with the host's processor; `fuzz/float/run.ts` runs long ones. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Subject } from '../fuzz/compare.ts';
import { FLOAT_ROWS } from '../fuzz/float/cases.ts';
import { FLAVORS, compareForm } from '../fuzz/float/run.ts';
import { buildHarness } from '../fuzz/harness.ts';
import { compileCore } from '../src/core-loader.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() & 0xffffff);
const harness = buildHarness();
let subject: Subject;

beforeAll(async () => {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  subject = new Subject(compileCore(readFileSync(await buildCore())));
  subject.compareMxcsr = true;
}, 120_000);

/** The kinds of rows, for one test each. */
const SECTIONS: readonly (readonly [string, readonly string[]])[] = [
  ['x87 (but for the last places of transcendental results)', ['x87']],
  ['MMX', ['mmx']],
  ['SSE', ['sse', 'system']],
  ['SSSE3 and SSE4', ['sse4']],
];

describe.skipIf(harness === undefined)(`floating point on registers full of special values (FUZZ_SEED=${seed})`, () => {
  test.each(SECTIONS)(
    'every form of %s does what the host does',
    (_, sections) => {
      const rows = FLOAT_ROWS.filter((row) => sections.includes(row.section));
      const failures: string[] = [];
      let cases = 0;
      for (const row of rows) {
        for (const flavor of FLAVORS) {
          if (flavor.empty && row.section !== 'x87') continue;
          const report = compareForm(harness!, subject, row, seed, 60, flavor);
          failures.push(...report.failures.map((text) => `${row.text}: ${text}`));
          cases += report.cases;
        }
      }

      expect(failures.slice(0, 3)).toEqual([]);
      expect(cases).toBeGreaterThan(rows.length * 100);
    },
    120_000,
  );
});
