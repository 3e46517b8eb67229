/** A bounded run of the differential fuzzer; `npm run fuzz:x64` runs long ones. */
import { expect, test } from 'vitest';
import { fuzz } from '../fuzz/fuzz.ts';
import { buildHarness } from '../fuzz/harness.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() & 0xffffff);

async function core(): Promise<string> {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  return buildCore();
}

test.skipIf(process.arch !== 'x64' || process.platform !== 'linux')(
  `random programs of 64, 32 and 16 bits do what the host's processor does (FUZZ_SEED=${seed})`,
  async () => {
    const harness = buildHarness();
    if (harness === undefined) return;

    const report = fuzz(harness, await core(), {
      seed,
      cases: 40_000,
      time: 20_000,
      bits: [64, 32, 16],
      sections: ['integer', 'system'],
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
