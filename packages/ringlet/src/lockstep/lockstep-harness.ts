/**
 * The lockstep harness: the same machine in the caller's thread, under a virtual clock, in seeded order.
 *
 * A turn lets every participant (each virtual processor of the guest, and the device host) run once, in an order drawn
 * from the seed, and gives a guest's continuations their time after each. When a whole turn brought nothing, time jumps
 * to whatever is due next. Disks are read inline, so no host timing enters: the same inputs give the same trace.
 */
import { ParavirtualProcessor, GuestKernel, type GuestModule } from '@ringlet/child-partition';
import { type Exit, PAGE_SIZE, type Vp } from '@ringlet/microkernel';
import { DeviceHost, type DeviceHostRequests } from '@ringlet/root-partition';
import type { VspClass } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { bundle } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';
import type { Harness, HarnessListener } from '../machine/harness.ts';
import { type NodeAccess, ROOT_PARTITION, rootSynicPages, System } from '../machine/system.ts';
import type { MachineParts, TypeScriptGuestParts } from '../machine/parts.ts';
import { SeededRandom } from './random.ts';
import { Trace } from './trace.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What a participant's turn costs in virtual time: 1 µs. */
const TICKS_PER_TURN = 10;
/** Interrupts that a virtual processor takes in a turn, at most. */
const PROCESSOR_BUDGET = 64;
/** Bytes of console output that one turn can hold; a guest that prints more waits for its next. */
const MOST_PRINTED = 65_536;

/** Instances of guests' modules made so far. */
let instances = 0;

/** Somebody who takes turns. */
interface Participant {
  /** @returns whether it did anything. */
  run(): boolean;
}

/** A machine that can run in lockstep: its guest is TypeScript. */
export type LockstepParts = MachineParts & { readonly guest: TypeScriptGuestParts };

/** Runs one machine deterministically. */
export class LockstepHarness implements Harness {
  readonly #parts: LockstepParts;
  readonly #listener: HarnessListener;
  readonly #random: SeededRandom;
  readonly #clock = new VirtualClock();
  readonly #trace = new Trace();
  readonly #participants: Participant[] = [];
  /** The guest's virtual processors, and the root's that serves it. */
  readonly #processors: Vp[] = [];
  readonly #printed: number[] = [];
  #system: System | undefined;
  #node: NodeAccess | undefined;
  #partition = 0;
  #rootVp = 0;
  #devices: DeviceHost | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(parts: LockstepParts, options: { seed: number }, listener: HarnessListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#random = new SeededRandom(options.seed);
  }

  async start(): Promise<void> {
    const { guest, devices, memoryBytes, cpus, description } = this.#parts;
    const code = await bundle('lockstep', entry(guest.module, devices));
    // A machine has an instance of its own: what a module remembers is not carried over from the machine before.
    const loaded = (await import(`${code.href}?${++instances}`)) as {
      guest: GuestModule;
      devices: { file: string; Device: VspClass }[];
    };

    if (this.#stopped) throw new UserError('machine-stopped', 'the machine was turned off while it was starting');
    const pages = Math.ceil(memoryBytes / PAGE_SIZE);
    this.#system = new System({
      clock: this.#clock,
      output: (_, byte) => this.#print(byte),
    });
    const { kernel } = this.#system;
    this.#node = this.#system.createNode(pages);
    this.#partition = this.#system.createPartition(
      this.#node,
      { gpaPages: pages, ram: [{ start: 0, bytes: pages * PAGE_SIZE }] },
      this.#parts,
    );
    this.#rootVp = this.#system.claimRootVp();
    this.#devices = new DeviceHost({
      kernel,
      clock: this.#clock,
      synicPages: rootSynicPages(this.#rootVp),
      description: { ...description, partition: this.#partition, rootVp: this.#rootVp, memoryBytes },
      devices: loaded.devices,
      virtualTime: true,
      report: (event) => this.#listener.event(event),
      wake: () => this.#wake?.(),
    });
    this.#participants.push({ run: () => this.#devices!.poll() });
    this.#processors.push(kernel.vp(ROOT_PARTITION, this.#rootVp));
    for (let index = 0; index < cpus; index++) this.#addProcessor(index, loaded.guest);
    this.#running = this.#run().catch((error: Error) => this.#ended({ reason: 'crash', message: error.stack! }));
  }

  async request<Name extends keyof DeviceHostRequests>(
    name: Name,
    parameters: Parameters<DeviceHostRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<DeviceHostRequests[Name]>>> {
    if (!this.#devices || this.#stopped) throw new Error('the machine is not running');
    const answer = this.#devices.request(name, parameters);
    this.#wake?.();
    return answer;
  }

  /** A TypeScript guest has no console input. */
  write(): void {}

  inspect(): Record<string, unknown> {
    return {
      lockstep: { time: this.#clock.now() / 10_000, ...this.#trace.inspect() },
      ...(this.#system && this.#partition ? this.#system.inspectPartition(this.#partition) : {}),
    };
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
    await this.#devices?.request('dispose', {});
    if (!this.#system || !this.#node) return;
    this.#system.deletePartition(this.#partition);
    this.#system.releaseRootVp(this.#rootVp);
    this.#system.releaseNode(this.#node);
  }

  #addProcessor(index: number, module: GuestModule): void {
    const vp = this.#system!.kernel.vp(this.#partition, index);
    const { memoryBytes, cpus, guest } = this.#parts;
    const { args } = guest;
    const processor = new ParavirtualProcessor(new GuestKernel({ vp, memoryBytes, vpCount: cpus, args }), module);
    this.#processors.push(vp);
    let ended = false;
    this.#participants.push({
      run: () => {
        if (ended) return false;
        const worked = vp.interruptPending || processor.pending;
        const exit = processor.run(PROCESSOR_BUDGET);
        if (exit.reason !== 'halt' && exit.reason !== 'budget') {
          ended = true;
          this.#ended(exit);
        }
        return worked || exit.reason !== 'halt';
      },
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      let worked = false;
      const rung = this.#rung();
      const order = this.#random.shuffle(this.#participants.map((_, i) => i));
      for (const index of order) {
        if (this.#stopped) return;
        const did = this.#participants[index]!.run();
        // What was resolved runs to its next wait before anybody else does.
        await new Promise((settled) => setImmediate(settled));
        this.#flush();
        this.#trace.step(index, this.#clock.now(), did ? 1 : 0);
        this.#clock.advance(TICKS_PER_TURN);
        worked ||= did;
      }
      if (!worked && this.#rung() === rung) await this.#idle();
    }
  }

  /** How often doorbells were rung: a turn that rang one left work for the next. */
  #rung(): number {
    return this.#processors.reduce((sum, { doorbell }) => sum + Atomics.load(doorbell.words, doorbell.counter), 0);
  }

  /** Jumps to the next deadline; without one, waits until the outside wants something. */
  async #idle(): Promise<void> {
    const due = Math.min(this.#devices!.nextDue(), ...this.#processors.map((vp) => vp.nextDeadline()));
    if (due !== Infinity) return this.#clock.advanceTo(due);
    if (this.#stopped) return;
    await new Promise<void>((wake) => (this.#wake = wake));
    this.#wake = undefined;
  }

  #print(byte: number): boolean {
    if (this.#printed.length >= MOST_PRINTED) return false;
    this.#printed.push(byte);
    return true;
  }

  /** Hands on what was printed in this turn. */
  #flush(): void {
    if (this.#printed.length === 0) return;
    const bytes = Uint8Array.from(this.#printed);
    this.#printed.length = 0;
    this.#trace.bytes(bytes);
    this.#listener.console(bytes);
  }

  /** Reported once the turn is over: whoever hears of it may stop the machine, and that waits for the turn. */
  #ended(exit: Exit): void {
    setImmediate(() => {
      this.#flush();
      if (this.#stopped) return;
      this.#listener.exit(exit.reason === 'crash' ? { ...exit, message: originalPositions(exit.message) } : exit);
    });
  }
}

const entry = (guest: string, devices: readonly string[]): string => `
  export * as guest from ${JSON.stringify(guest)};
  ${devices.map((file, i) => `import * as Device${i} from ${JSON.stringify(file)};`).join('\n')}
  export const devices = [${devices.map((file, i) => `{ file: ${JSON.stringify(file)}, Device: Device${i}.default }`).join(', ')}];
`;
