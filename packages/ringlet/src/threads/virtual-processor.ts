/** The thread of one virtual processor of a TypeScript guest: its processor, driven by its doorbell. */
import { parentPort, workerData } from 'node:worker_threads';
import { GuestKernel, type GuestModule, ParavirtualProcessor } from '@ringlet/child-partition';
import { TraceWriter } from '@ringlet/microkernel';
import { HostClock } from '../host/clock.ts';
import { attach } from '../machine/system.ts';
import { ConsoleOutput } from './console-output.ts';
import type { FromVirtualProcessor, ParavirtualStart, ToVirtualProcessor, VirtualProcessorStart } from './messages.ts';
import { loopOfProcessor } from './processor-loop.ts';

/** Interrupts taken before the guest's continuations get their time, at most. */
const BUDGET = 256;

/** Starts the guest on this thread's virtual processor. Called once, by the bundle that the thread runs. */
export function startVirtualProcessor(guest: GuestModule): void {
  const start = workerData as VirtualProcessorStart;
  const port = parentPort!;
  const tell = (message: FromVirtualProcessor) => port.postMessage(message);
  const console = new ConsoleOutput((bytes) => tell({ type: 'console', bytes }));
  const clock = new HostClock(start.system.epoch);
  const trace = new TraceWriter(clock, start.trace);
  port.on('message', (message: ToVirtualProcessor) => {
    if (message.type === 'trace') trace.plug(message.ring);
    else console.taken(message.bytes);
  });

  const kernel = attach(start.system, start.node, { output: (_, byte) => console.put(byte), trace });
  const vp = kernel.vp(start.partition, start.vp);
  const { cpus: vpCount } = start;
  const { memoryBytes, args } = start.guest as ParavirtualStart;
  const runtime = new GuestKernel({ vp, memoryBytes, vpCount, args });
  const processor = new ParavirtualProcessor(runtime, guest);
  // A promise of the guest's that nobody awaits: its failure is the guest's, not the thread's.
  process.on('unhandledRejection', (error) => runtime.crash(error));

  const work = {
    poll(stayAwake: boolean): boolean {
      processor.stayAwake = stayAwake;
      const exit = processor.run(BUDGET);
      console.flush();
      if (exit.reason === 'halt') return processor.pending;
      if (exit.reason === 'budget') return true;
      loop.stop();
      tell({ type: 'exit', exit });
      return false;
    },
    peek: () => processor.peek(),
  };
  const loop = loopOfProcessor(start, vp, clock, work);
  // A failure of the loop is a failure of ours: it ends the thread with its stack, and the machine with it.
  void loop.run().then(() => tell({ type: 'stopped' }));
}
