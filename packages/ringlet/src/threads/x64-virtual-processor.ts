/** The thread of one x86-64 virtual processor: its processor, its view of the platform's ports, driven by its doorbell. */
import { parentPort, workerData } from 'node:worker_threads';
import { TraceWriter } from '@ringlet/microkernel';
import { Platform } from '@ringlet/root-partition';
import { HostClock } from '../host/clock.ts';
import { attach } from '../machine/system.ts';
import { Ending, panicOf, X64Vp } from '../machine/x64-vp.ts';
import { ConsoleOutput } from './console-output.ts';
import type { FromVirtualProcessor, ToVirtualProcessor, VirtualProcessorStart, X64Start } from './messages.ts';
import { loopOfProcessor } from './processor-loop.ts';

/** Instructions between two looks at everything else: about 2 ms. */
const BUDGET = 250_000n;

/** Starts this thread's virtual processor. Called once, by the bundle that the thread runs. */
export function startX64VirtualProcessor(): void {
  const start = workerData as VirtualProcessorStart;
  const { module, area, platform: platformState, entry } = start.guest as X64Start;
  const port = parentPort!;
  const tell = (message: FromVirtualProcessor) => port.postMessage(message);
  const console = new ConsoleOutput((bytes) => tell({ type: 'console', bytes }));
  const clock = new HostClock(start.system.epoch);
  const trace = new TraceWriter(clock, start.trace);
  port.on('message', (message: ToVirtualProcessor) => {
    if (message.type === 'trace') return trace.plug(message.ring);
    console.taken(message.bytes);
    if (!console.full) platform.serial.resume();
  });

  const ending = new Ending();
  const kernel = attach(start.system, start.node, {
    trace,
    crashed: (_, report) => ending.now(panicOf(report)),
    apicEoi: (_, vector) => platform.ioApic.endOfInterrupt(vector),
  });
  const vp = kernel.vp(start.partition, start.vp);
  const platform = new Platform({
    state: platformState,
    clock,
    wallClock: () => Date.now(),
    output: (byte) => console.put(byte) && !console.full,
    // This port cannot make its guest wait: what nobody takes for too long is lost.
    debugOutput: (byte) => void console.put(byte),
    interrupt: (message, destination) => kernel.requestInterrupt(start.partition, message, destination),
    powerOff: () => ending.now({ reason: 'power-off', code: 0 }),
    reset: () => ending.now({ reason: 'reset' }),
    exit: (code) => ending.now({ reason: 'power-off', code }),
    heldByRts: true,
  });
  const { memory } = start.node;
  const processor = new X64Vp({ vp, cpus: start.cpus, module, memory, area, entry, platform, ending });
  const work = {
    poll(): boolean {
      const more = processor.run(BUDGET);
      console.flush();
      if (!ending.exit) return more;
      loop.stop();
      tell({ type: 'exit', exit: ending.exit });
      return false;
    },
    // Device memory and rings are the guest's own affair: whatever comes for it rings.
    peek: () => false,
    get held() {
      return processor.held;
    },
  };
  const loop = loopOfProcessor(start, vp, clock, work);
  // A failure of the loop is a failure of ours: it ends the thread with its stack, and the machine with it.
  void loop.run().then(() => tell({ type: 'stopped' }));
}
