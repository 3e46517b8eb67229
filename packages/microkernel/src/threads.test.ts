import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { machine } from './machine-fixture.ts';

const CYCLES = 150;

/** A thread that, together with others, makes and unmakes partitions with VPs and pages, and reports what went wrong. */
const BUILDER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Microkernel } from './microkernel.ts';
  const { state, buffer, gate, me } = workerData;
  const kernel = new Microkernel({ state, clock: { now: () => 0 } });
  const node = kernel.attachNode({ id: 0, buffer });
  const start = new Int32Array(gate);
  Atomics.add(start, 0, 1);
  while (Atomics.load(start, 0) < 2);
  const wrong = [];
  const ids = [];
  const check = (ok, what) => void (ok || wrong.push(what));
  for (let cycle = 0; cycle < ${CYCLES}; cycle++) {
    const id = kernel.createPartition({ node: 0, gpaPages: 16, privileges: 0x300000a7en });
    ids.push(id);
    check(id > 2, 'no partition: ' + id);
    check(kernel.initializePartition(id) === 0, 'not initialized');
    const page = kernel.allocatePages(0, 5);
    check(page >= 0, 'no pages');
    check(kernel.mapGpaPages(id, 0, page, 5, 7) === 0, 'not mapped');
    for (const index of [0, 1, 2]) check(kernel.createVp(id, index) === 0, 'no VP');
    const { memory } = kernel.vp(id, 0);
    check(memory.bytes[memory.locate(0x1000, 1, 7)] === 0, 'a dirty page');
    memory.fill(0, me, 5 * 4096);
    kernel.assertInterrupt(id, 1, 0x40 + me);
    check(kernel.vp(id, 1).takeInterrupt() === 0x40 + me, 'a lost interrupt');
    const seen = new Uint8Array(5 * 4096);
    memory.read(0, seen);
    check(seen.every((byte) => byte === me), 'a page with two owners');
    check(kernel.finalizePartition(id) === 0, 'not finalized');
    kernel.freePages(0, page, 5);
    check(kernel.deletePartition(id) === 0, 'not deleted');
  }
  parentPort.postMessage({ wrong, ids });
`;

/** Runs `code`, bundled with the sources it imports, on a thread of its own until it posts its answer. */
function run<T>(code: string, workerData: unknown): Promise<T> {
  const built = buildSync({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    conditions: ['@ringlet/source'],
  });
  return new Promise((resolve, reject) => {
    const worker = new Worker(built.outputFiles[0]!.text, { eval: true, workerData });
    worker.once('message', (answer: T) => {
      resolve(answer);
      void worker.terminate();
    });
    worker.once('error', reject);
  });
}

test('two threads that make and unmake partitions at once never share an id, a page or a VP', async () => {
  const { kernel, state, node } = machine();
  const before = { ...kernel.inspect(), pages: kernel.freePageCount(0) };
  const world = { state, buffer: node.buffer, gate: new SharedArrayBuffer(4) };

  const answers = await Promise.all(
    [1, 2].map((me) => run<{ wrong: string[]; ids: number[] }>(BUILDER, { ...world, me })),
  );

  expect(answers.map(({ wrong }) => wrong)).toEqual([[], []]);
  expect(new Set(answers.flatMap(({ ids }) => ids)).size).toBe(2 * CYCLES);
  expect({ ...kernel.inspect(), pages: kernel.freePageCount(0) }).toEqual(before);
});
