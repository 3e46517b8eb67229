/**
 * The threaded harness: a worker for each virtual processor, one for the machine's devices, doorbells in shared memory.
 *
 *     caller's thread ──── manages ────┬──► device thread: VMBus, VSPs, disks     (a virtual processor of the root)
 *                                      └──► a thread for each virtual processor of the guest
 */
import { Worker } from 'node:worker_threads';
import { type Exit, PAGE_SIZE } from '@ringlet/microkernel';
import type { DeviceHostEvent, DeviceHostRequests } from '@ringlet/root-partition';
import { bundle, siblingModule } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';
import type { Harness, HarnessListener } from '../machine/harness.ts';
import type { MachineParts } from '../machine/parts.ts';
import { GUEST_PRIVILEGES, type NodeAccess, type System } from '../machine/system.ts';
import type {
  DeviceThreadStart,
  FromDeviceThread,
  FromVirtualProcessor,
  ToDeviceThread,
  ToVirtualProcessor,
  VirtualProcessorStart,
} from './messages.ts';
import { receiveError } from './posted-error.ts';

/** Worker threads that crash are reported; so many characters of a stack are enough to find the place. */
const MOST_STACK = 4000;

/** Runs one machine on threads of its own. */
export class ThreadedHarness implements Harness {
  readonly #system: System;
  readonly #machine: MachineParts;
  readonly #listener: HarnessListener;
  readonly #replies = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #node: NodeAccess | undefined;
  #partition: number | undefined;
  #rootVp: number | undefined;
  #deviceThread: Worker | undefined;
  #processors: Worker[] = [];
  #requests = 0;
  #stopping = false;

  constructor(system: System, machine: MachineParts, listener: HarnessListener) {
    this.#system = system;
    this.#machine = machine;
    this.#listener = listener;
  }

  async start(): Promise<void> {
    const { guest, cpus, memoryBytes, devices } = this.#machine;
    const [processorCode, deviceCode] = await Promise.all([
      bundle('guest', processorEntry(guest)),
      bundle('devices', deviceEntry(devices)),
    ]);
    const pages = Math.ceil(memoryBytes / PAGE_SIZE);
    this.#node = this.#system.createNode(pages);
    this.#partition = this.#system.createPartition(this.#node, pages, GUEST_PRIVILEGES, cpus);
    this.#rootVp = this.#system.claimRootVp();
    await this.#startDevices(deviceCode);
    for (let vp = 0; vp < cpus; vp++) this.#startProcessor(processorCode, vp);
  }

  request<Name extends keyof DeviceHostRequests>(
    name: Name,
    parameters: Parameters<DeviceHostRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<DeviceHostRequests[Name]>>> {
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      if (!this.#deviceThread) return reject(new Error('the machine is not running'));
      this.#replies.set(id, { resolve, reject });
      this.#deviceThread.postMessage({ id, name, parameters } as ToDeviceThread);
    });
  }

  inspect(): Record<string, unknown> {
    return this.#partition === undefined ? {} : this.#system.inspectPartition(this.#partition);
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await Promise.all(this.#processors.map((worker) => worker.terminate()));
    if (this.#deviceThread) {
      await this.request('dispose', {}).catch(() => {});
      await this.#deviceThread.terminate();
      this.#deviceThread = undefined;
      for (const { reject } of this.#replies.values()) reject(new Error('the machine was stopped'));
    }
    if (this.#partition !== undefined) this.#system.deletePartition(this.#partition);
    if (this.#rootVp !== undefined) this.#system.releaseRootVp(this.#rootVp);
    if (this.#node) this.#system.releaseNode(this.#node);
    this.#partition = this.#rootVp = this.#node = undefined;
    this.#processors = [];
  }

  #startDevices(code: URL): Promise<void> {
    const workerData: DeviceThreadStart = {
      system: this.#system.access,
      node: this.#node!,
      description: {
        ...this.#machine.description,
        partition: this.#partition!,
        rootVp: this.#rootVp!,
        memoryBytes: this.#machine.memoryBytes,
      },
    };
    const worker = new Worker(code, { workerData, name: 'devices', execArgv: [] });
    this.#deviceThread = worker;
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        reject(error);
        this.#failed('device thread', error);
      };
      worker.on('error', failed);
      worker.on('exit', () => failed(new Error('ended unexpectedly')));
      worker.on('message', (message: FromDeviceThread) => {
        switch (message.type) {
          case 'ready':
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

  #startProcessor(code: URL, vp: number): void {
    const { cpus, memoryBytes, args } = this.#machine;
    const workerData: VirtualProcessorStart = {
      system: this.#system.access,
      node: this.#node!,
      partition: this.#partition!,
      vp,
      cpus,
      memoryBytes,
      args,
    };
    const worker = new Worker(code, { workerData, name: `vp ${vp}`, execArgv: [] });
    this.#processors.push(worker);
    worker.on('error', (error) => this.#failed(`virtual processor ${vp}`, error));
    worker.on('exit', (code) =>
      this.#failed(`virtual processor ${vp}`, new Error(`its thread ended with code ${code}`)),
    );
    worker.on('message', (message: FromVirtualProcessor) => {
      if (message.type === 'exit') return this.#exit(message.exit);
      this.#listener.console(message.bytes);
      worker.postMessage({ type: 'console-taken', bytes: message.bytes.length } satisfies ToVirtualProcessor);
    });
  }

  #event(event: DeviceHostEvent): void {
    const withPlaces = event.type === 'device-error';
    this.#listener.event(withPlaces ? { ...event, message: originalPositions(event.message) } : event);
  }

  #failed(what: string, error: Error): void {
    this.#exit({ reason: 'crash', message: `${what}: ${(error.stack ?? error.message).slice(0, MOST_STACK)}` });
  }

  #exit(exit: Exit): void {
    if (this.#stopping) return;
    this.#listener.exit(exit.reason === 'crash' ? { ...exit, message: originalPositions(exit.message) } : exit);
  }
}

const processorEntry = (guest: string): string => `
  import * as guest from ${JSON.stringify(guest)};
  import { startVirtualProcessor } from ${JSON.stringify(siblingModule('./virtual-processor', import.meta.url))};
  startVirtualProcessor(guest);
`;

const deviceEntry = (devices: readonly string[]): string => `
  ${devices.map((file, i) => `import Device${i} from ${JSON.stringify(file)};`).join('\n')}
  import { startDeviceThread } from ${JSON.stringify(siblingModule('./device-thread', import.meta.url))};
  startDeviceThread([${devices.map((file, i) => `{ file: ${JSON.stringify(file)}, Device: Device${i} }`).join(', ')}]);
`;
