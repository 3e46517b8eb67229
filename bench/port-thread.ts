/** One thread of the MessagePort contender: end 0 counts or answers, end 1 sends or asks and keeps the time. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { RingJob } from './ring-job.ts';
import { threadId } from './thread-id.ts';

/** Messages in flight one way, and how many are acknowledged at once: a port has no back-pressure of its own. */
const WINDOW = 512;
const ACKNOWLEDGED = 64;

const { port, end } = workerData as { port: MessagePort; end: 0 | 1 };
let job: RingJob | undefined;
let payload = new Uint8Array(0);
let received = 0;
let sent = 0;
let acknowledged = 0;
let began = 0;
let finished = true;
let sum = 0;

const take = (bytes: Uint8Array): void => {
  sum = (sum + bytes[0]! + bytes[bytes.length - 1]!) | 0;
};

port.on('message', (message: Uint8Array | number) => {
  if (end === 0) {
    if (typeof message === 'number') return port.postMessage(-1);
    take(message);
    if (job!.kind === 'request') port.postMessage(payload);
    else if (++received % ACKNOWLEDGED === 0) port.postMessage(ACKNOWLEDGED);
    return;
  }
  if (message === -1) return finish();
  if (typeof message === 'number') acknowledged += message;
  else {
    take(message);
    acknowledged++;
  }
  pump();
});

function pump(): void {
  if (finished) return;
  if (performance.now() - began >= job!.milliseconds) {
    finished = true;
    // Answered after everything before it: nothing of this round is left in the port.
    port.postMessage(0);
    return;
  }
  const window = job!.kind === 'one-way' ? WINDOW : job!.depth;
  while (sent - acknowledged < window) {
    port.postMessage(payload);
    sent++;
  }
}

function finish(): void {
  const operations = job!.kind === 'one-way' ? sent : acknowledged;
  parentPort!.postMessage({ operations, seconds: (performance.now() - began) / 1e3 });
}

parentPort!.on('message', (next: RingJob) => {
  job = next;
  payload = new Uint8Array(next.bytes);
  received = sent = acknowledged = 0;
  if (end === 0) return;
  began = performance.now();
  finished = false;
  pump();
});

parentPort!.postMessage(threadId());
