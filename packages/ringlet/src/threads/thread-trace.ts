/** The trace of a machine on threads: a ring for its device thread and for each virtual processor, made when first wanted. */
import type { Worker } from 'node:worker_threads';
import { createTraceRing, switchTraceRing } from '@ringlet/microkernel';
import { HostClock, monotonicNanoseconds } from '../host/clock.ts';
import type { TraceSource } from '../machine/harness.ts';
import type { ToVirtualProcessor } from './messages.ts';

const NANOSECONDS_PER_MILLISECOND = 1e6;

/** How the threads of a machine are reached. */
export interface TracedThreads {
  /** Asks the device thread, which tells whose its channels are; `undefined` when there is none that could be asked. */
  devices(on: boolean, ring: SharedArrayBuffer): Promise<void> | undefined;
  processors(): readonly Worker[];
}

/** Rings by thread: 0 the device thread, 1 + n virtual processor n. */
export class ThreadTrace implements TraceSource {
  readonly epochMs: number;
  readonly #clock: HostClock;
  readonly #cpus: number;
  readonly #threads: TracedThreads;
  #rings: readonly SharedArrayBuffer[] | undefined;
  #on = false;

  constructor(epoch: bigint, cpus: number, threads: TracedThreads) {
    this.epochMs = Date.now() - Number(monotonicNanoseconds() - epoch) / NANOSECONDS_PER_MILLISECOND;
    this.#clock = new HostClock(epoch);
    this.#cpus = cpus;
    this.#threads = threads;
  }

  now(): number {
    return this.#clock.now();
  }

  /** The ring that a thread is started with; none while nobody has asked for a trace. */
  ring(thread: number): SharedArrayBuffer | undefined {
    return this.#rings?.[thread];
  }

  /** The device thread answers now: what was asked for while it started, it learns. */
  async devicesReady(): Promise<void> {
    if (this.#rings !== undefined) await this.#threads.devices(this.#on, this.#rings[0]!);
  }

  async switch(on: boolean): Promise<readonly SharedArrayBuffer[]> {
    this.#on = on;
    this.#rings ??= Array.from({ length: 1 + this.#cpus }, () => createTraceRing());
    const [devices, ...processors] = this.#rings;
    for (const [vp, worker] of this.#threads.processors().entries()) {
      worker.postMessage({ type: 'trace', ring: processors[vp]! } satisfies ToVirtualProcessor);
    }
    for (const ring of processors) switchTraceRing(ring, on);
    const asked = this.#threads.devices(on, devices!);
    if (asked === undefined) switchTraceRing(devices!, on);
    else await asked;
    return this.#rings;
  }
}
