/** One x86-64 virtual processor of a machine: it runs, and the machine's platform answers its ports and device memory. */
import { CpuidModel, type CrashReport, type Exit, type Vp } from '@ringlet/microkernel';
import type { EntryState, Platform, PortWidth } from '@ringlet/root-partition';
import { instantiateCore, X64Processor } from '@ringlet/x64';
import type { SharedMemory } from '../host/memory.ts';
import { X64_FEATURES } from './x64-features.ts';

/** Lines of a kernel's log that are shown when it reports a panic. */
const PANIC_LINES = 30;

/** What a virtual processor is made of. */
export interface X64VpOptions {
  readonly vp: Vp;
  /** Processors of the machine. */
  readonly cpus: number;
  /** The core, compiled, and the node that it runs on. */
  readonly module: object;
  readonly memory: SharedMemory;
  /** Address of the processor's area in the node. */
  readonly area: number;
  /** Where it starts; without one it waits to be started. */
  readonly entry?: EntryState | undefined;
  readonly platform: Pick<Platform, 'ports' | 'memory'>;
  readonly ending: Ending;
}

/** How a machine ended, as soon as it did: the first reason counts. */
export class Ending {
  #exit: Exit | undefined;

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The machine ends. */
  now(exit: Exit): void {
    this.#exit ??= exit;
  }

  /** The machine starts again. */
  undo(): void {
    this.#exit = undefined;
  }
}

/** A virtual processor and its way to the platform. */
export class X64Vp {
  readonly #processor: X64Processor;
  readonly #platform: X64VpOptions['platform'];
  readonly #ending: Ending;
  #held = false;

  constructor({ vp, cpus, module, memory, area, entry, platform, ending }: X64VpOptions) {
    this.#platform = platform;
    this.#ending = ending;
    this.#processor = new X64Processor({
      core: instantiateCore(module, memory),
      buffer: memory.buffer,
      area,
      vp,
      cpuid: new CpuidModel({ features: X64_FEATURES, vps: cpus }),
    });
    if (entry) this.#processor.enter(entry);
  }

  /** A debugger held it the last time it was to run. */
  get held(): boolean {
    return this.#held;
  }

  /** Between two runs: whether a debugger holds it, which is told so. */
  standsStill(): boolean {
    return this.#processor.standsStill();
  }

  /** Guest instructions since power-up. */
  get instructions(): bigint {
    return this.#processor.instructions;
  }

  /** Between two runs: brings all that is known of it into its area. */
  settle(): void {
    this.#processor.settle();
  }

  /**
   * Runs until there is nothing to do, the budget is spent, or the machine ended.
   *
   * @param budget - instructions, over all exits: a guest that polls a port must not keep the thread from everything else
   * @returns whether there is more to run
   */
  run(budget: bigint): boolean {
    // What a debugger has interrupted goes on, whatever is left of the budget.
    let again = this.#held;
    this.#held = false;
    const { ports, memory } = this.#platform;
    const until = this.#processor.instructions + budget;
    while (!this.#ending.exit) {
      const left = Number(until - this.#processor.instructions);
      if (left <= 0 && !again) return true;
      again = false;
      const exit = this.#processor.run(left);
      switch (exit.reason) {
        case 'budget':
          return true;
        case 'halt':
          return false;
        case 'held':
          this.#held = true;
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
          this.#ending.now({ reason: 'reset' });
          break;
        default:
          this.#ending.now(exit);
      }
    }
    return false;
  }
}

/** What a kernel wrote to the crash registers, for people. */
export function panicOf({ parameters, message }: CrashReport): Exit {
  if (message) {
    const lines = new TextDecoder().decode(message).trimEnd().split('\n');
    return { reason: 'crash', message: `the kernel panicked:\n${lines.slice(-PANIC_LINES).join('\n')}` };
  }
  const values = parameters.map((value) => `0x${value.toString(16)}`).join(' ');
  return { reason: 'crash', message: `the guest reported a crash: ${values}` };
}
