/**
 * Two real threads on one channel: full and empty rings, requests and answers, real sleeps without time-outs. A lost
 * wake-up here is a run that never ends, which the test's own time limit reports.
 */
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { fixtureBytes, guestMemory } from './ring-fixture.ts';
import type { StressPlan, StressReport } from './stress-end.ts';

// Less than a second on an idle machine. A lost wake-up takes for ever.
vi.setConfig({ testTimeout: 30_000 });

let code = '';
const workers: Worker[] = [];

beforeAll(async () => {
  const contents = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { stressEnd } from './stress-end.ts';
    parentPort.postMessage(stressEnd(workerData));`;
  const stdin = { contents, resolveDir: new URL('.', import.meta.url).pathname, loader: 'ts' } as const;
  const options = { bundle: true, write: false, format: 'cjs', platform: 'node', target: 'node20' } as const;
  const { outputFiles } = await build({ ...options, stdin, conditions: ['@ringlet/source'] });
  code = outputFiles[0]!.text;
});

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

function runEnd(plan: StressPlan): Promise<StressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData: plan });
    workers.push(worker);
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const shapes = [
  { name: 'rings of two pages', ringPages: 3, scattered: false, packets: 12_000, longest: 700 },
  { name: 'rings of sixteen scattered pages', ringPages: 17, scattered: true, packets: 12_000, longest: 2500 },
];

for (const { name, ...shape } of shapes) {
  test(`two threads lose no wake-up and no byte on ${name}`, async () => {
    const buffer = new SharedArrayBuffer(fixtureBytes(2 * shape.ringPages, shape.scattered));
    guestMemory({ pages: 2 * shape.ringPages, scattered: shape.scattered, buffer });
    const bells = new Int32Array(new SharedArrayBuffer(4 * 4));
    const plan = (end: 0 | 1): StressPlan => ({ ...shape, buffer, bells, end, seed: 20_260 });

    const reports = await Promise.all([runEnd(plan(0)), runEnd(plan(1))]);

    for (const report of reports) {
      expect(report.wrong).toBeUndefined();
      expect(report.received).toBe(shape.packets);
    }
    expect(reports[1].answered).toBe(shape.packets / 4);
    expect(reports[0].sleeps + reports[1].sleeps).toBeGreaterThan(0);
  });
}
