/**
 * The contenders of the ring benchmark: our rings between two workers, the same rings in C between two threads, a
 * MessagePort between two workers, and a Unix socket between two processes.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { RingMemory } from '@ringlet/vmbus';
import { createMemory } from '../packages/ringlet/src/host/memory.ts';
import { fixtureBytes, guestMemory, pageRun } from '../packages/vmbus/src/ring/ring-fixture.ts';
import { bundle } from './bundle.ts';
import { dataPages, LAYOUT, type RingJob, type RingThreadData } from './ring-job.ts';

/** Something that can be made to run jobs, one after the other. */
export interface Rig {
  /** @returns operations a second */
  run(job: RingJob): Promise<number>;
  stop(): Promise<void>;
}

/** Puts a thread on one processor, where the host has a tool for that: two ends that share one measure its scheduler. */
const pin = (thread: number, processor: number): void => {
  if (availableParallelism() > 1) spawnSync('taskset', ['-cp', String(processor), String(thread)], { stdio: 'ignore' });
};

/** Each worker says first which thread it is. */
async function pinned(workers: readonly Worker[]): Promise<void> {
  const threads = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number));
  for (const [end, thread] of threads.entries()) pin(thread, end);
}

type Reply = { operations: number; seconds: number };
const rate = ({ operations, seconds }: Reply): number => operations / seconds;

/** Our rings: two workers on one shared WebAssembly memory. */
export async function ringRig(): Promise<Rig> {
  const memory = createMemory(fixtureBytes(LAYOUT.pages));
  const guest = guestMemory({ pages: LAYOUT.pages, buffer: memory.buffer });
  const bells = new Int32Array(new SharedArrayBuffer(4 * 128));
  const code = await bundle('./ring-thread.ts');
  const workers = ([0, 1] as const).map((end) => {
    const workerData: RingThreadData = { memory, bells, end };
    return new Worker(code, { eval: true, workerData });
  });
  await pinned(workers);
  const all = (message: RingJob | 'go'): Promise<unknown[]> => {
    const replies = Promise.all(workers.map((worker) => once(worker, 'message')));
    for (const worker of workers) worker.postMessage(message);
    return replies;
  };
  return {
    async run(job) {
      bells.fill(0);
      for (const page of [0, LAYOUT.ringPages]) {
        RingMemory.map(guest, pageRun(page, 1 + dataPages(job.bytes)))!.initialize();
      }
      await all(job);
      const [, [reply]] = (await all('go')) as [unknown, [Reply]];
      return rate(reply);
    },
    stop: async () => void (await Promise.all(workers.map((worker) => worker.terminate()))),
  };
}

/** The same in C; undefined where there is no compiler. */
export async function cRig(): Promise<Rig | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'ring-bench-'));
  const program = join(folder, 'ring');
  const source = new URL('./ring.c', import.meta.url).pathname;
  const compiled = spawnSync('gcc', ['-O2', '-pthread', source, '-o', program], { encoding: 'utf8' });
  if (compiled.error !== undefined) {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  if (compiled.status !== 0) throw new Error(`gcc failed: ${compiled.stderr}`);
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  return {
    async run({ kind, bytes, depth, copy, milliseconds }) {
      const reply = once(lines, 'line');
      child.stdin.write(`${kind} ${bytes} ${depth} ${Number(copy)} ${milliseconds}\n`);
      const [operations, seconds] = ((await reply)[0] as string).split(' ').map(Number) as [number, number];
      return rate({ operations, seconds });
    },
    async stop() {
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

/** A MessagePort between two workers; payloads are copied by it. */
export async function portRig(): Promise<Rig> {
  const code = await bundle('./port-thread.ts');
  const { port1, port2 } = new MessageChannel();
  const ports = [port1, port2] as const;
  const workers = ports.map(
    (port, end) => new Worker(code, { eval: true, workerData: { port, end }, transferList: [port] }),
  );
  await pinned(workers);
  return {
    async run(job) {
      const reply = once(workers[1]!, 'message');
      workers[0]!.postMessage(job);
      workers[1]!.postMessage(job);
      return rate((await reply)[0] as Reply);
    },
    stop: async () => void (await Promise.all(workers.map((worker) => worker.terminate()))),
  };
}

/** A Unix socket between two processes, with frames of the job's fixed size. */
export async function socketRig(): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'ring-bench-'));
  const path = join(folder, 'socket');
  const script = join(folder, 'socket-process.cjs');
  writeFileSync(script, await bundle('./socket-process.ts'));
  const start = (end: number): ChildProcess =>
    spawn(process.execPath, [script, path, String(end)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const processes = [start(0)];
  await once(processes[0]!, 'message');
  processes.push(start(1));
  await once(processes[1]!, 'message');
  for (const [end, { pid }] of processes.entries()) pin(pid!, end);
  return {
    async run(job) {
      const ready = once(processes[0]!, 'message');
      processes[0]!.send(job);
      await ready;
      const reply = once(processes[1]!, 'message');
      processes[1]!.send(job);
      return rate((await reply)[0] as Reply);
    },
    async stop() {
      const exits = processes.map((child) => once(child, 'exit'));
      for (const child of processes) child.kill();
      await Promise.all(exits);
      rmSync(folder, { recursive: true });
    },
  };
}
