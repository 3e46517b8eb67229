import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { apicMachine, msr, Reg, type ApicMachine } from './apic-fixture.ts';

const INTERRUPTS = 20_000;
const FIRST = 0x40;
const VECTORS = 0x80;
const START_UPS = 5_000;

/**
 * VP `me` on a thread of its own. It sends the other VP interrupts, each vector again only once the other counted it,
 * and takes its own; it sleeps on its doorbell when it has nothing to do. In the end every interrupt was taken once.
 */
const PEER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Microkernel } from '../microkernel.ts';
  const { state, buffer, partition, shared, me } = workerData;
  const kernel = new Microkernel({ state, clock: { now: () => 0 } });
  kernel.attachNode({ id: 0, buffer });
  const vp = kernel.vp(partition, me);
  const { words, counter, sleeping } = vp.doorbell;
  const taken = new Int32Array(shared);
  const mine = me * ${VECTORS};
  const others = (1 - me) * ${VECTORS};
  const sent = new Int32Array(${VECTORS});
  const start = 2 * ${VECTORS};
  Atomics.add(taken, start, 1);
  while (Atomics.load(taken, start) < 2);
  let [left, received, wrong] = [${INTERRUPTS}, 0, 0];
  const take = () => {
    let any = false;
    for (let vector = vp.takeInterrupt(); vector >= 0; vector = vp.takeInterrupt()) {
      if (vector < ${FIRST} || vector >= ${FIRST + VECTORS}) wrong++;
      Atomics.add(taken, mine + vector - ${FIRST}, 1);
      // The sender may sleep until this one is counted.
      Atomics.add(words, peerDoorbell.counter, 1);
      Atomics.notify(words, peerDoorbell.counter);
      vp.writeMsr(0x80b, 0n);
      received++;
      any = true;
    }
    return any;
  };
  const peerDoorbell = kernel.vp(partition, 1 - me).doorbell;
  while (left > 0 || received < ${INTERRUPTS}) {
    const seen = Atomics.load(words, counter);
    let any = take();
    for (let n = 0; n < ${VECTORS} && left > 0; n++) {
      if (sent[n] !== Atomics.load(taken, others + n)) continue;
      sent[n]++;
      left--;
      vp.writeMsr(0x830, (BigInt(1 - me) << 32n) | BigInt(${FIRST} + n));
      any = true;
    }
    if (any) continue;
    Atomics.store(words, sleeping, 1);
    if (!vp.interruptPending && Atomics.wait(words, counter, seen, 10_000) === 'timed-out') wrong += 1_000_000;
    Atomics.store(words, sleeping, 0);
  }
  parentPort.postMessage({ received, wrong, pending: vp.interruptPending });
`;

/** VP 1 starts whenever it is told to, and notes at which vector; VP 0 sends INIT and then two start-up commands. */
const STARTER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Microkernel } from '../microkernel.ts';
  const { state, buffer, partition, shared, me } = workerData;
  const kernel = new Microkernel({ state, clock: { now: () => 0 } });
  kernel.attachNode({ id: 0, buffer });
  const vp = kernel.vp(partition, me);
  const [STARTED, GATE] = [0, 1];
  const word = new Int32Array(shared);
  Atomics.add(word, GATE, 1);
  while (Atomics.load(word, GATE) < 2);
  const { words, counter, sleeping } = vp.doorbell;
  const wrong = [];
  let [inits, spins] = [0, 0];
  for (let round = 1; round <= ${START_UPS}; round++) {
    if (me === 0) {
      const send = (low) => void vp.writeMsr(0x830, (1n << 32n) | BigInt(low));
      send(0x4500);
      // Sweeps over the moment at which the other thread takes it.
      for (let pause = round % 200; pause > 0; pause--) Atomics.load(word, STARTED);
      send(0x4600 | (round & 0xff));
      send(0x4600 | ((round + 1) & 0xff));
      while (Atomics.load(word, STARTED) !== round) Atomics.wait(word, STARTED, round - 1);
      // A late one, for a processor that runs.
      send(0x4600 | ((round + 2) & 0xff));
      continue;
    }
    while (Atomics.load(word, STARTED) !== round) {
      const seen = Atomics.load(words, counter);
      const state = vp.startup.state;
      if (state === 'init') {
        vp.startup.acceptInit();
        inits++;
      }
      else if (state === 'sipi') {
        const vector = vp.startup.acceptSipi();
        if (vector < 0) continue;
        if (vector !== (round & 0xff)) wrong.push([round, vector]);
        Atomics.store(word, STARTED, round);
        Atomics.notify(word, STARTED);
      } else if (spins++ % 4096 === 0) {
        // Seldom: a thread that spins is there to take an INIT while the start-up command is on its way.
        Atomics.store(words, sleeping, 1);
        if (!vp.interruptPending) Atomics.wait(words, counter, seen);
        Atomics.store(words, sleeping, 0);
      }
    }
  }
  parentPort.postMessage({ wrong, inits, state: vp.startup.state });
`;

/** Runs `code`, bundled with the sources it imports, as VPs 0 and 1 on two threads. */
function both<T>(code: string, it: ApicMachine, sharedBytes: number): Promise<T[]> {
  const built = buildSync({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    conditions: ['@ringlet/source'],
  });
  const shared = new SharedArrayBuffer(sharedBytes);
  const world = { state: it.state, buffer: it.buffer, partition: it.partition, shared };
  const run = (me: number): Promise<T> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(built.outputFiles[0]!.text, { eval: true, workerData: { ...world, me } });
      worker.once('message', (answer: T) => {
        resolve(answer);
        void worker.terminate();
      });
      worker.once('error', reject);
    });
  return Promise.all([run(0), run(1)]);
}

test('two threads that send each other interrupts, and sleep between, lose none and see none twice', async () => {
  const it = apicMachine(2, 'x2apic');

  const answers = await both<object>(PEER, it, (2 * VECTORS + 1) * 4);

  expect(answers).toEqual([0, 1].map(() => ({ received: INTERRUPTS, wrong: 0, pending: false })));
  expect(it.vps.map((vp) => vp.readMsr(msr(Reg.Ppr)))).toEqual([0n, 0n]);
});

test('a VP that is started again and again from another thread takes each INIT once and starts at the first vector sent', async () => {
  const it = apicMachine(2, 'x2apic');

  const [, started] = await both<object>(STARTER, it, 8);

  expect(started).toEqual({ wrong: [], inits: START_UPS, state: 'running' });
});
