/** The thread of one x86-64 virtual processor: its processor, its view of the platform's ports, driven by its doorbell. */
import { parentPort, workerData } from 'node:worker_threads';
import { CpuidModel, type CrashReport, type Exit } from '@ringlet/microkernel';
import { Platform, type PortWidth } from '@ringlet/root-partition';
import { instantiateCore, X64Processor } from '@ringlet/x64';
import { HostClock } from '../host/clock.ts';
import { attach } from '../machine/system.ts';
import { X64_FEATURES } from '../machine/x64-features.ts';
import { ConsoleOutput } from './console-output.ts';
import type { FromVirtualProcessor, ToVirtualProcessor, VirtualProcessorStart, X64Start } from './messages.ts';
import { loopOfProcessor } from './processor-loop.ts';

/** Instructions between two looks at everything else: about 2 ms. */
const BUDGET = 250_000n;
/** Lines of a kernel's log that are shown when it reports a panic. */
const PANIC_LINES = 30;

/** Starts this thread's virtual processor. Called once, by the bundle that the thread runs. */
export function startX64VirtualProcessor(): void {
  const start = workerData as VirtualProcessorStart;
  const { module, area, platform: platformState, entry } = start.guest as X64Start;
  const port = parentPort!;
  const tell = (message: FromVirtualProcessor) => port.postMessage(message);
  const console = new ConsoleOutput((bytes) => tell({ type: 'console', bytes }));
  port.on('message', (message: ToVirtualProcessor) => {
    console.taken(message.bytes);
    if (!console.full) platform.serial.resume();
  });

  let ended: Exit | undefined;
  const kernel = attach(start.system, start.node, {
    crashed: (_, report) => (ended ??= { reason: 'crash', message: panicOf(report) }),
    apicEoi: (_, vector) => platform.ioApic.endOfInterrupt(vector),
  });
  const vp = kernel.vp(start.partition, start.vp);
  const clock = new HostClock(start.system.epoch);
  const platform = new Platform({
    state: platformState,
    clock,
    wallClock: () => Date.now(),
    output: (byte) => console.put(byte) && !console.full,
    // This port cannot make its guest wait: what nobody takes for too long is lost.
    debugOutput: (byte) => void console.put(byte),
    interrupt: (message, destination) => kernel.requestInterrupt(start.partition, message, destination),
    powerOff: () => (ended ??= { reason: 'power-off', code: 0 }),
    reset: () => (ended ??= { reason: 'reset' }),
    exit: (code) => (ended ??= { reason: 'power-off', code }),
    heldByRts: true,
  });
  const { ports, memory } = platform;
  const processor = new X64Processor({
    core: instantiateCore(module, start.node.memory),
    buffer: start.node.memory.buffer,
    area,
    vp,
    cpuid: new CpuidModel({ features: X64_FEATURES, vps: start.cpus }),
  });
  if (entry) processor.enter(entry);

  /** Runs until there is nothing to do or the budget is spent. @returns whether there is more */
  const run = (): boolean => {
    // One budget spans all exits, or a guest that polls a port would keep this thread from everything else.
    const until = processor.instructions + BUDGET;
    while (!ended) {
      const left = Number(until - processor.instructions);
      if (left <= 0) return true;
      const exit = processor.run(left);
      switch (exit.reason) {
        case 'budget':
          return true;
        case 'halt':
          return false;
        case 'io-port':
          if (exit.write) ports.write(exit.port, exit.value, exit.width as PortWidth);
          else exit.value = ports.read(exit.port, exit.width as PortWidth);
          break;
        case 'gpa':
          if (exit.write) memory.write(exit.gpa, exit.value);
          else exit.value = memory.read(exit.gpa);
          break;
        case 'triple-fault':
          ended = { reason: 'reset' };
          break;
        default:
          ended = exit;
      }
    }
    return false;
  };
  const work = {
    poll(): boolean {
      const more = run();
      console.flush();
      if (!ended) return more;
      loop.stop();
      tell({ type: 'exit', exit: ended });
      return false;
    },
    // Device memory and rings are the guest's own affair: whatever comes for it rings.
    peek: () => false,
  };
  const loop = loopOfProcessor(start, vp, clock, work);
  // A failure of the loop is a failure of ours: it ends the thread with its stack, and the machine with it.
  void loop.run();
}

/** What a kernel wrote to the crash registers, for people. */
function panicOf({ parameters, message }: CrashReport): string {
  if (message) {
    const lines = new TextDecoder().decode(message).trimEnd().split('\n');
    return `the kernel panicked:\n${lines.slice(-PANIC_LINES).join('\n')}`;
  }
  return `the guest reported a crash: ${parameters.map((value) => `0x${value.toString(16)}`).join(' ')}`;
}
