import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { LINE_BYTES } from './serial-port.ts';
import { testPlatform } from './platform-fixture.ts';

const BYTES = 100_000;

/** Reads the serial port as a VP on another thread does, and posts how many bytes were not the ones that were typed. */
const READER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { Platform } from './platform.ts';
  const nothing = () => {};
  const callbacks = { output: () => true, interrupt: () => false, debugOutput: nothing, powerOff: nothing, reset: nothing, exit: nothing };
  const { ports } = new Platform({ state: workerData.state, clock: { now: () => 0 }, wallClock: () => 0, ...callbacks });
  const typed = new Int32Array(workerData.typed);
  let wrong = 0;
  for (let n = 0; n < ${BYTES}; ) {
    const seen = Atomics.load(typed, 0);
    if ((ports.read(0x3fd, 1) & 1) === 0) {
      Atomics.wait(typed, 0, seen);
      continue;
    }
    if (ports.read(0x3f8, 1) !== n % 251) wrong++;
    ports.write(0x70, n, 1);
    n++;
  }
  parentPort.postMessage(wrong);
`;

test('what one thread types, a VP on another reads, each byte once and in order', async () => {
  const { platform, state } = testPlatform();
  platform.ports.write(0x3fa, 1, 1);
  const typed = new Int32Array(new SharedArrayBuffer(4));
  const built = buildSync({
    stdin: { contents: READER, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    conditions: ['@ringlet/source'],
  });
  const reader = new Worker(built.outputFiles[0]!.text, { eval: true, workerData: { state, typed: typed.buffer } });
  const wrong = new Promise<number>((resolve, reject) => {
    reader.once('message', resolve);
    reader.once('error', reject);
  });

  for (let n = 0; n < BYTES;) {
    const rest = Uint8Array.from({ length: Math.min(LINE_BYTES, BYTES - n) }, (_, k) => (n + k) % 251);
    const taken = platform.serial.receive(rest);
    n += taken;
    Atomics.add(typed, 0, 1);
    Atomics.notify(typed, 0);
    // A full line: the reader gets a turn.
    if (taken === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  expect(await wrong).toBe(0);
  await reader.terminate();
});
