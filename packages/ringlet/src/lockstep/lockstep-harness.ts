/**
 * The lockstep harness: the same machine in the caller's thread, under a virtual clock, in seeded order.
 *
 * A turn lets every participant (each virtual processor of the guest, and the device host) run once, in an order drawn
 * from the seed, and gives a guest's continuations their time after each. When a whole turn brought nothing, time jumps
 * to whatever is due next. Disks are read inline, so no host timing enters: the same inputs give the same trace.
 */
import type { GuestModule } from '@ringlet/child-partition';
import type { Exit, Vp } from '@ringlet/microkernel';
import { DeviceHost, type DeviceHostRequests } from '@ringlet/root-partition';
import type { VspClass } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { bundle } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';
import type { Harness, HarnessListener } from '../machine/harness.ts';
import type { MachineParts } from '../machine/parts.ts';
import { ROOT_PARTITION, rootSynicPages, System } from '../machine/system.ts';
import { type LockstepGuest, type LockstepWorld, type Participant, TICKS_PER_TURN } from './participant.ts';
import { SeededRandom } from './random.ts';
import { Trace } from './trace.ts';
import { prepareTypeScriptGuest } from './typescript-guest.ts';
import { VirtualClock } from './virtual-clock.ts';
import { prepareX64Guest, X64Callbacks } from './x64-guest.ts';

/** Bytes of console output that one turn can hold; a guest that prints more waits for its next. */
const MOST_PRINTED = 65_536;

/** Instances of guests' modules made so far. */
let instances = 0;

/** Runs one machine deterministically. */
export class LockstepHarness implements Harness {
  readonly #parts: MachineParts;
  readonly #seed: number;
  readonly #listener: HarnessListener;
  readonly #random: SeededRandom;
  readonly #clock = new VirtualClock();
  readonly #trace = new Trace();
  readonly #participants: Participant[] = [];
  /** The guest's virtual processors, and the root's that serves it. */
  readonly #processors: Vp[] = [];
  readonly #printed: number[] = [];
  #system: System | undefined;
  #guest: LockstepGuest | undefined;
  #rootVp = 0;
  #devices: DeviceHost | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;

  constructor(parts: MachineParts, options: { seed: number }, listener: HarnessListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#seed = options.seed;
    this.#random = new SeededRandom(options.seed);
  }

  async start(): Promise<void> {
    const { guest, devices, memoryBytes, description } = this.#parts;
    const code = await bundle('lockstep', entry(guest.kind === 'typescript' ? guest.module : undefined, devices));
    // A machine has an instance of its own: what a module remembers is not carried over from the machine before.
    const loaded = (await import(`${code.href}?${++instances}`)) as {
      guest?: GuestModule;
      devices: { file: string; Device: VspClass }[];
    };

    const callbacks = new X64Callbacks();
    const { crashed, apicEoi } = callbacks;
    this.#system = new System({
      clock: this.#clock,
      output: (_, byte) => this.#print(byte),
      ...(guest.kind === 'x64' && { crashed, apicEoi }),
    });
    const world: LockstepWorld = {
      clock: this.#clock,
      // A byte that filled it was taken all the same: the port only has to wait then.
      print: (byte) => this.#print(byte) && this.#printed.length < MOST_PRINTED,
      ended: (exit) => this.#ended(exit),
    };
    this.#guest =
      guest.kind === 'x64'
        ? await prepareX64Guest(this.#system, this.#parts, guest, this.#seed, callbacks, world)
        : prepareTypeScriptGuest(this.#system, this.#parts, guest, loaded.guest!, world);
    if (this.#stopped) {
      this.#release();
      throw new UserError('machine-stopped', 'the machine was turned off while it was starting');
    }
    const { kernel } = this.#system;
    const { partition, vram } = this.#guest;
    const { display } = description;
    this.#rootVp = this.#system.claimRootVp();
    this.#devices = new DeviceHost({
      kernel,
      clock: this.#clock,
      synicPages: rootSynicPages(this.#rootVp),
      description: {
        ...description,
        ...(display && { display: { ...display, ...(vram && { vram }) } }),
        partition,
        rootVp: this.#rootVp,
        memoryBytes,
      },
      devices: loaded.devices,
      virtualTime: true,
      report: (event) => this.#listener.event(event),
      wake: () => this.#wake?.(),
    });
    await this.#devices.ready;
    this.#participants.push({ run: () => (this.#devices!.poll() ? TICKS_PER_TURN : 0) }, ...this.#guest.participants);
    this.#processors.push(kernel.vp(ROOT_PARTITION, this.#rootVp), ...this.#guest.vps);
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

  write(bytes: Uint8Array): void {
    this.#guest?.write(bytes);
    this.#wake?.();
  }

  inspect(): Record<string, unknown> {
    return {
      lockstep: { time: this.#clock.now() / 10_000, ...this.#trace.inspect() },
      ...(this.#system && this.#guest ? this.#system.inspectPartition(this.#guest.partition) : {}),
      ...this.#guest?.inspect?.(),
    };
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
    await this.#devices?.request('dispose', {});
    if (this.#devices) this.#release();
  }

  /** Gives back what the machine had. */
  #release(): void {
    if (!this.#system || !this.#guest) return;
    this.#guest.dispose();
    this.#system.deletePartition(this.#guest.partition);
    if (this.#devices) this.#system.releaseRootVp(this.#rootVp);
    this.#system.releaseNode(this.#guest.node);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      let worked = false;
      const rung = this.#rung();
      const order = this.#random.shuffle(this.#participants.map((_, i) => i));
      for (const index of order) {
        if (this.#stopped) return;
        const ticks = this.#participants[index]!.run();
        // What was resolved runs to its next wait before anybody else does.
        await new Promise((settled) => setImmediate(settled));
        this.#flush();
        this.#trace.step(index, this.#clock.now(), ticks === 0 ? 0 : 1);
        this.#clock.advance(Math.max(TICKS_PER_TURN, ticks));
        worked ||= ticks !== 0;
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

  /** @returns whether the byte was taken */
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
    this.#guest?.settled?.();
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

const entry = (guest: string | undefined, devices: readonly string[]): string => `
  ${guest === undefined ? '' : `export * as guest from ${JSON.stringify(guest)};`}
  ${devices.map((file, i) => `import * as Device${i} from ${JSON.stringify(file)};`).join('\n')}
  export const devices = [${devices.map((file, i) => `{ file: ${JSON.stringify(file)}, Device: Device${i}.default }`).join(', ')}];
`;
