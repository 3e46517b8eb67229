/**
 * The threaded harness: a worker for each virtual processor, one for the machine's devices, doorbells in shared memory.
 *
 *     caller's thread ──── manages ────┬──► device thread: VMBus, VSPs, disks     (a virtual processor of the root)
 *                                      └──► a thread for each virtual processor of the guest
 */
import { Worker } from 'node:worker_threads';
import type { Exit } from '@ringlet/microkernel';
import type { DeviceHostEvent, DeviceHostRequests } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import type { DebuggedPartition } from '@ringlet/x64';
import { bundle, siblingModule } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';
import type { Harness, HarnessListener, RestartTime } from '../machine/harness.ts';
import type { MachineParts } from '../machine/parts.ts';
import type { System } from '../machine/system.ts';
import { ThreadTrace } from './thread-trace.ts';
import { AwakeThreads } from './awake-threads.ts';
import type { GuestThreads, PreparedGuest } from './guest-threads.ts';
import type {
  DeviceThreadStart,
  FromDeviceThread,
  FromVirtualProcessor,
  ToDeviceThread,
  ToVirtualProcessor,
  VirtualProcessorStart,
} from './messages.ts';
import { receiveError } from './posted-error.ts';
import { TypeScriptGuest } from './typescript-guest.ts';
import { X64Guest } from './x64-guest.ts';

/** Worker threads that crash are reported; so many characters of a stack are enough to find the place. */
const MOST_STACK = 4000;
/** How long devices may take until they are on the bus, for who does not want them any more. */
const MOST_STARTING_MS = 5_000;
/** How long a device thread may take to close its files. Then it is ended as a power cut would end it. */
const MOST_DISPOSAL_MS = 15_000;
/** How long a processor may take to stop between two instructions. One that runs a TypeScript guest's endless loop never does. */
const MOST_STOPPING_MS = 2_000;
/** How long devices may take, at a reset, until none of them touches the guest's memory: a slow disk's last request. */
const MOST_RESET_MS = 60_000;
const DEVICE_HOLDS_ON = 'a device does not let go of the memory of the guest';

/** The thread of a virtual processor. */
interface Processor {
  readonly worker: Worker;
  /** Makes it stop between two instructions. */
  readonly stop: () => void;
  /** Settles when it has, or has ended. */
  readonly stopped: Promise<unknown>;
}

/** Runs one machine on threads of its own. */
export class ThreadedHarness implements Harness {
  readonly #system: System;
  readonly #machine: MachineParts;
  readonly #listener: HarnessListener;
  readonly trace: ThreadTrace;
  readonly #replies = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #guest: PreparedGuest | undefined;
  #rootVp: number | undefined;
  #deviceThread: Worker | undefined;
  #deviceThreadEnded: Promise<unknown> = Promise.resolve();
  #processors: Processor[] = [];
  #processorCode: URL | undefined;
  /** Processors are being stopped to be started again: what they say of their end is no news. */
  #restarting = false;
  #requests = 0;
  /** The device thread has put its devices on the bus, and answers requests. */
  #ready = false;
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(system: System, machine: MachineParts, listener: HarnessListener) {
    this.#system = system;
    this.#machine = machine;
    this.#listener = listener;
    this.trace = new ThreadTrace(system.access.epoch, machine.cpus, {
      devices: (on, ring) => (this.#ready ? this.request('trace', { on, ring }) : undefined),
      processors: () => this.#processors.map(({ worker }) => worker),
    });
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async #start(): Promise<void> {
    const { devices } = this.#machine;
    const guest = guestThreads(this.#machine);
    // Bundling is another process's work, and goes on while the kernel is unpacked here.
    const bundling = Promise.all([guest.code(), bundle('devices', deviceEntry(devices.map(({ file }) => file)))]);
    bundling.catch(() => {});
    this.#guest = await guest.prepare(this.#system);
    this.#giveUpIfStopped();
    const [processorCode, deviceCode] = await bundling;
    this.#giveUpIfStopped();
    this.#rootVp = this.#system.claimRootVp();
    await this.#startDevices(deviceCode);
    await this.trace.devicesReady();
    this.#giveUpIfStopped();
    this.#processorCode = processorCode;
    this.#startProcessors();
  }

  wantRestart(when: RestartTime): void {
    this.#listener.wanted(when !== 'never');
    if (when === 'now') this.#exit({ reason: 'reset' });
  }

  #startAgain(): void {
    this.#restarting = true;
    this.#starting = this.#restart().catch((error: unknown) => {
      this.#restarting = false;
      const why = error instanceof UserError ? error.message : error;
      this.#failed('the machine could not be started again', why);
    });
  }

  async #restart(): Promise<void> {
    await this.#stopProcessors();
    this.#giveUpIfStopped();
    const quiet = this.request('reset', {});
    if (!(await endedWithin(MOST_RESET_MS, quiet))) throw new UserError('reset-stuck', DEVICE_HOLDS_ON);
    await quiet;
    this.#giveUpIfStopped();
    this.#guest!.restart();
    this.#restarting = false;
    this.#startProcessors();
    this.#listener.restarted();
  }

  request<Name extends keyof DeviceHostRequests>(
    name: Name,
    parameters: Parameters<DeviceHostRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<DeviceHostRequests[Name]>>> {
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      if (!this.#deviceThread || !this.#ready) return reject(new Error('the machine is not running'));
      this.#replies.set(id, { resolve, reject });
      this.#deviceThread.postMessage({ id, name, parameters } as ToDeviceThread);
    });
  }

  inspect(): Record<string, unknown> {
    if (!this.#guest) return {};
    return { ...this.#system.inspectPartition(this.#guest.partition, this.#rootVp), ...this.#guest.inspect?.() };
  }

  debug(): DebuggedPartition | undefined {
    return this.#guest?.debug?.();
  }

  write(bytes: Uint8Array): void {
    this.#guest?.write(bytes);
  }

  get typedAhead(): number {
    return this.#guest?.typedAhead ?? 0;
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    // A start that is under way gives up at its next step, so that what it has opened is closed in order.
    const starting = this.#starting ?? Promise.resolve();
    if (!(await endedWithin(MOST_STARTING_MS, starting))) await this.#deviceThread?.terminate();
    await starting.catch(() => {});
    await Promise.all(this.#processors.map(({ worker }) => worker.terminate()));
    const deviceThread = this.#deviceThread;
    if (deviceThread) {
      await this.#disposeDevices();
      await deviceThread.terminate();
      this.#deviceThreadGone('the machine was stopped');
    }
    this.#guest?.dispose();
    if (this.#rootVp !== undefined) this.#system.releaseRootVp(this.#rootVp);
    this.#rootVp = this.#guest = undefined;
    this.#processors = [];
  }

  /** Ends the processors' threads, each between two instructions, where it holds no lock. */
  async #stopProcessors(): Promise<void> {
    const processors = this.#processors;
    this.#processors = [];
    for (const { stop } of processors) stop();
    await endedWithin(MOST_STOPPING_MS, Promise.all(processors.map(({ stopped }) => stopped)));
    await Promise.all(processors.map(({ worker }) => worker.terminate()));
  }

  #giveUpIfStopped(): void {
    if (this.#stopped) throw new UserError('machine-stopped', 'the machine was turned off while it was starting');
  }

  /** Lets the devices finish what they have and close their files. Those that could not be made do so by themselves. */
  async #disposeDevices(): Promise<void> {
    await endedWithin(MOST_DISPOSAL_MS, this.#ready ? this.request('dispose', {}) : this.#deviceThreadEnded);
  }

  #deviceThreadGone(why: string): void {
    this.#deviceThread = undefined;
    this.#ready = false;
    const waiting = [...this.#replies.values()];
    this.#replies.clear();
    for (const { reject } of waiting) reject(new Error(why));
  }

  #startDevices(code: URL): Promise<void> {
    const { display } = this.#machine.description;
    const { vram, memory } = this.#guest!;
    const workerData: DeviceThreadStart = {
      system: this.#system.access,
      node: this.#guest!.node,
      awake: new SharedArrayBuffer(4),
      devices: this.#machine.devices,
      trace: this.trace.ring(0),
      description: {
        ...this.#machine.description,
        ...(display && { display: { ...display, ...(vram && { vram }) } }),
        memory,
        partition: this.#guest!.partition,
        rootVp: this.#rootVp!,
        memoryBytes: this.#machine.memoryBytes,
      },
    };
    const worker = this.#startThread('devices', code, workerData);
    this.#deviceThread = worker;
    this.#deviceThreadEnded = new Promise((ended) => worker.once('exit', ended));
    return new Promise((resolve, reject) => {
      worker.on('error', (error) => {
        reject(deviceNotLoaded(error));
        if (this.#ready) this.#failed('device thread', error);
      });
      worker.on('exit', () => {
        reject(new UserError('machine-stopped', 'the devices were stopped while they were starting'));
        if (this.#ready) this.#failed('device thread', new Error('ended unexpectedly'));
        this.#deviceThreadGone('the device thread has ended');
      });
      worker.on('message', (message: FromDeviceThread) => {
        switch (message.type) {
          case 'ready':
            this.#ready = true;
            return resolve();
          case 'failed':
            return reject(receiveError(message.error));
          case 'event':
            return this.#event(message.event);
          case 'reply': {
            const waiting = this.#replies.get(message.id);
            this.#replies.delete(message.id);
            return message.error
              ? waiting?.reject(receiveError(message.error))
              : waiting?.resolve(message.value as never);
          }
        }
      });
    });
  }

  #startProcessors(): void {
    for (let vp = 0; vp < this.#machine.cpus; vp++) this.#startProcessor(this.#processorCode!, vp);
  }

  #startProcessor(code: URL, vp: number): void {
    const { node, partition } = this.#guest!;
    const workerData: VirtualProcessorStart = {
      system: this.#system.access,
      node,
      awake: new SharedArrayBuffer(4),
      stop: new SharedArrayBuffer(4),
      partition,
      vp,
      cpus: this.#machine.cpus,
      trace: this.trace.ring(1 + vp),
      guest: this.#guest!.start(vp),
    };
    const worker = this.#startThread(`vp ${vp}`, code, workerData);
    const { words, counter } = this.#system.kernel.vp(partition, vp).doorbell;
    const processor: Processor = {
      worker,
      stop: () => {
        Atomics.store(new Int32Array(workerData.stop), 0, 1);
        Atomics.add(words, counter, 1);
        Atomics.notify(words, counter);
      },
      stopped: new Promise<void>((resolve) => {
        worker.once('exit', () => resolve());
        worker.on('message', ({ type }: FromVirtualProcessor) => type === 'stopped' && resolve());
      }),
    };
    this.#processors.push(processor);
    const current = (): boolean => this.#processors.includes(processor);
    const failed = (error: unknown): void => {
      if (current()) this.#failed(`virtual processor ${vp}`, error);
    };
    worker.on('error', failed);
    worker.on('exit', (code) => failed(new Error(`its thread ended with code ${code}`)));
    worker.on('message', (message: FromVirtualProcessor) => {
      if (message.type === 'stopped') return;
      if (message.type === 'exit') return current() ? this.#exit(message.exit) : undefined;
      this.#listener.console(message.bytes);
      worker.postMessage({ type: 'console-taken', bytes: message.bytes.length } satisfies ToVirtualProcessor);
    });
  }

  #startThread(name: string, code: URL, workerData: DeviceThreadStart | VirtualProcessorStart): Worker {
    const worker = new Worker(code, { workerData, name, execArgv: [] });
    const awake = new AwakeThreads(this.#system.access.awake, workerData.awake);
    worker.on('exit', () => awake.sleeps());
    return worker;
  }

  #event(event: DeviceHostEvent): void {
    const withPlaces = event.type === 'device-error';
    this.#listener.event(withPlaces ? { ...event, message: originalPositions(event.message) } : event);
  }

  #failed(what: string, thrown: unknown): void {
    this.#exit({ reason: 'crash', message: `${what}: ${describe(thrown).slice(0, MOST_STACK)}` });
  }

  #exit(exit: Exit): void {
    if (this.#stopped) return;
    if (exit.reason === 'reset' && (this.#restarting || this.#listener.reset(performance.now()))) {
      if (!this.#restarting) this.#startAgain();
      return;
    }
    this.#listener.exit(exit.reason === 'crash' ? { ...exit, message: originalPositions(exit.message) } : exit);
  }
}

/** Waits for `work`, however it ends, but not for long. @returns whether it has ended */
async function endedWithin(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, milliseconds, false)));
  const ended = work.then(
    () => true,
    () => true,
  );
  const result = await Promise.race([ended, late]);
  clearTimeout(timer);
  return result;
}

/** What ended a thread, as text: its own code may throw anything. */
function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

/** A device thread that does not get as far as making its devices: a device file throws when it is loaded. */
const deviceNotLoaded = (thrown: unknown): UserError =>
  new UserError('device-invalid', `the devices could not be loaded: ${originalPositions(describe(thrown))}`);

/** The kind of guest that a machine runs. */
const guestThreads = (machine: MachineParts): GuestThreads =>
  machine.guest.kind === 'x64' ? new X64Guest(machine, machine.guest) : new TypeScriptGuest(machine, machine.guest);

const deviceEntry = (devices: readonly string[]): string => `
  ${devices.map((file, i) => `import * as Device${i} from ${JSON.stringify(file)};`).join('\n')}
  import { startDeviceThread } from ${JSON.stringify(siblingModule('./device-thread', import.meta.url))};
  startDeviceThread([${devices.map((_, i) => `Device${i}.default`).join(', ')}]);
`;
