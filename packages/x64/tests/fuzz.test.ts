/** A bounded run of the differential fuzzer; `fuzz/run.ts` runs long ones. */
import { expect, test } from 'vitest';
import { buildHarness, fuzz } from '../fuzz/run.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() & 0xffffff);

async function core(): Promise<string> {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  return buildCore();
}

test.skipIf(process.arch !== 'x64' || process.platform !== 'linux')(
  `random integer instructions do what the host's processor does (FUZZ_SEED=${seed})`,
  async () => {
    const harness = buildHarness();
    if (harness === undefined) return;

    const report = fuzz(harness, await core(), {
      seed,
      cases: 40_000,
      time: 20_000,
      sections: ['integer'],
      only: [],
      length: 5,
      failures: 3,
      mxcsr: false,
    });

    expect(report.failures.map(({ text }) => text)).toEqual([]);
    expect(report.instructions).toBeGreaterThan(100_000);
  },
  120_000,
);
