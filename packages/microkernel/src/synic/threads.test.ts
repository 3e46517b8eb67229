import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { Rig, SINT } from './synic-fixture.ts';

const MESSAGES = 4000;
const SIGNALS = 20_000;
const FLAGS = 100;
const SENDERS = 2;

/**
 * One sender. Its flags are FLAGS of its own; before it signals one, it adds 1 to that flag's tally. Its messages carry
 * who sent them and a running number.
 */
const SENDER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Rig } from './synic-fixture.ts';
  const { buffers, tallies, me } = workerData;
  const rig = new Rig(buffers);
  const tally = new Int32Array(tallies);
  const payload = new Uint32Array([me, 0]);
  const bytes = new Uint8Array(payload.buffer);
  const statuses = new Set();
  let signals = 0;
  let full = 0;
  for (let sent = 0; sent < ${MESSAGES} || signals < ${SIGNALS};) {
    if (sent < ${MESSAGES}) {
      payload[1] = sent;
      const status = rig.ports.postMessage(2, 1, 1, bytes);
      statuses.add(status);
      if (status === 0) sent++;
      else if (signals >= ${SIGNALS}) Atomics.wait(tally, ${SENDERS * FLAGS}, 0, 1);
    }
    for (let i = 0; i < 7 && signals < ${SIGNALS}; i++, signals++) {
      const flag = me * ${FLAGS} + signals % ${FLAGS};
      Atomics.add(tally, flag, 1);
      statuses.add(rig.ports.signalEvent(2, 2, flag));
    }
  }
  parentPort.postMessage([...statuses]);
`;

/** The VP: sleeps on its doorbell, settles, takes flags and messages. Gives up when nothing rings for two seconds. */
const RECEIVER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Guest, Rig } from './synic-fixture.ts';
  const { buffers, tallies } = workerData;
  const rig = new Rig(buffers);
  const guest = new Guest(rig, 1, 0);
  const tally = new Int32Array(tallies);
  const numbers = Array.from({ length: ${SENDERS} }, () => []);
  let signals = 0;
  let messages = 0;
  let silent = false;
  while (!silent && (messages < ${SENDERS * MESSAGES} || signals < ${SENDERS * SIGNALS})) {
    const seen = rig.rings(1, 0);
    guest.synic.settle();
    let idle = true;
    for (const flag of guest.takeFlags()) {
      signals += Atomics.exchange(tally, flag, 0);
      idle = false;
    }
    while (guest.type() !== 0) {
      const [sender, number] = new Uint32Array(Uint8Array.from(guest.take()).buffer);
      numbers[sender].push(number);
      messages++;
      idle = false;
    }
    if (idle) silent = !rig.sleep(1, 0, seen, 2000);
  }
  parentPort.postMessage({ numbers, signals, silent });
`;

function bundle(contents: string): string {
  const result = buildSync({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    conditions: ['@ringlet/source'],
  });
  return result.outputFiles[0]!.text;
}

function run<T>(code: string, workerData: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData });
    worker.once('message', (answer: T) => {
      resolve(answer);
      void worker.terminate();
    });
    worker.once('error', reject);
  });
}

test('two threads that post and signal at one VP on a third: every message arrives once and in order, no signal is lost', async () => {
  const rig = new Rig();
  rig.ports.createPort(1, 1, { kind: 'message', sint: SINT, vp: 0 });
  rig.ports.createPort(1, 2, { kind: 'event', sint: SINT, vp: 0, flag: 0, flagCount: SENDERS * FLAGS });
  rig.ports.connectPort(2, 1, 1, 1);
  rig.ports.connectPort(2, 2, 1, 2);
  const tallies = new SharedArrayBuffer((SENDERS * FLAGS + 1) * 4);
  const world = { buffers: rig.buffers, tallies };
  const sender = bundle(SENDER);

  const { Guest } = await import('./synic-fixture.ts');
  new Guest(rig, 1, 0).listen();
  const [received, ...statuses] = await Promise.all([
    run<{ numbers: number[][]; signals: number; silent: boolean }>(bundle(RECEIVER), world),
    ...Array.from({ length: SENDERS }, (_, me) => run<number[]>(sender, { ...world, me })),
  ]);

  const inOrder = Array.from({ length: MESSAGES }, (_, i) => i);
  expect(received.silent).toBe(false);
  expect(received.signals).toBe(SENDERS * SIGNALS);
  expect(received.numbers).toEqual([inOrder, inOrder]);
  // Success, and INSUFFICIENT_BUFFERS whenever the senders were faster than the VP.
  expect(statuses.flat().every((status) => status === 0 || status === 0x13)).toBe(true);
});

test('two threads that create the same ports at once: each port exists once', async () => {
  const rig = new Rig();
  const code = bundle(`
    import { parentPort, workerData } from 'node:worker_threads';
    import { Rig } from './synic-fixture.ts';
    const rig = new Rig(workerData.buffers);
    const gate = new Int32Array(workerData.gate);
    Atomics.add(gate, 0, 1);
    while (Atomics.load(gate, 0) < 2);
    const created = [];
    for (let id = 1; id <= 2000; id++) {
      if (rig.ports.createPort(1, id, { kind: 'message', sint: 2, vp: 0 }) === 0) created.push(id);
    }
    parentPort.postMessage(created);
  `);
  const world = { buffers: rig.buffers, gate: new SharedArrayBuffer(4) };

  const [first, second] = await Promise.all([run<number[]>(code, world), run<number[]>(code, world)]);

  const both = first.filter((id) => second.includes(id));
  expect(both).toEqual([]);
  const listed = Object.keys(rig.ports.inspect(1)['ports'] as object).length;
  expect(listed).toBe(first.length + second.length);
});
