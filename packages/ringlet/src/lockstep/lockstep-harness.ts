/**
 * The lockstep harness: the same machine in the caller's thread, under a virtual clock, in seeded order.
 *
 * A turn lets every participant (each virtual processor of the guest, and the device host) run once, in an order drawn
 * from the seed, and gives a guest's continuations their time after each. When a whole turn brought nothing, time jumps
 * to whatever is due next. Disks are read inline, so no host timing enters: the same inputs give the same trace.
 */
import type { GuestModule } from '@ringlet/child-partition';
import { createTraceRing, type Exit, switchTraceRing, TraceWriter, type Vp } from '@ringlet/microkernel';
import {
  DeviceHost,
  type DeviceHostRequests,
  openSavedDisks,
  overlaysOf,
  type SuspendedDevices,
  VIRTUAL_EPOCH,
} from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { type DebuggedPartition, notState } from '@ringlet/x64';
import { bundle, bundledFiles } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';
import type { Harness, HarnessListener, RestartTime, TraceSource } from '../machine/harness.ts';
import { importDevice, loadedDevice } from '../machine/load-device.ts';
import type { MachineParts } from '../machine/parts.ts';
import { ROOT_PARTITION, rootSynicPages, System } from '../machine/system.ts';
import type { Checkpoint, Resumption } from './checkpoint.ts';
import { type ArrivalName, type Journal, LiveJournal } from './journal.ts';

import { LockstepNetworks } from './networks.ts';
import { type LockstepGuest, type LockstepWorld, type Participant, TICKS_PER_TURN } from './participant.ts';
import { SeededRandom } from './random.ts';
import type { Stage, Stagehand } from './stage.ts';
import { stateDigest } from './state-digest.ts';
import { Trace } from './trace.ts';
import { prepareTypeScriptGuest } from './typescript-guest.ts';
import { VirtualClock } from './virtual-clock.ts';
import { prepareX64Guest, X64Callbacks } from './x64-guest.ts';

/** Bytes of console output that one turn can hold; a guest that prints more waits for its next. */
const MOST_PRINTED = 65_536;

/** Requests that change nothing: they need not be remembered, and are answered at once. */
const ONLY_LOOKS: readonly (keyof DeviceHostRequests)[] = ['inspect', 'screenshot', 'holdPackets', 'releasePackets'];
const TICKS_PER_MILLISECOND = 10_000;
const LONGEST_WAIT_MS = 60_000;

/** What the bundle of a machine gives. */
interface Loaded {
  readonly guest?: GuestModule;
  readonly devices: unknown[];
}

/** Instances of guests' modules made so far. */
let instances = 0;

/** A life has an instance of its own: what a module remembers is not carried over from the life before. */
const load = async (code: URL): Promise<Loaded> => (await import(`${code.href}?${++instances}`)) as Loaded;

/** Instances of a guest's module: the first is the one that came with the devices. */
function instancesOf(code: URL, loaded: Loaded): () => Promise<GuestModule> {
  let first: GuestModule | undefined = loaded.guest!;
  return async () => {
    const module = first ?? (await load(code)).guest!;
    first = undefined;
    return module;
  };
}

/** What a lockstep run is made with. */
export interface LockstepOptions {
  readonly seed: number;
  /**
   * Makes the journal, when it is known which files the guest module and the devices were made from. Nobody records when
   * absent.
   */
  readonly journal?: (code: readonly string[]) => Promise<Journal>;
  /** It is recorded, or happens again: a debugger may look on, and no more. */
  readonly exact?: boolean;
  /** Makes it stand still between two steps, and looks at it there. */
  readonly stagehand?: Stagehand;
  /** A checkpoint after so much work of the processors, in units of 100 ns; none when absent. */
  readonly checkpointEvery?: number | undefined;
}

/** Runs one machine deterministically. */
export class LockstepHarness implements Harness {
  readonly #parts: MachineParts;
  readonly #options: LockstepOptions;
  readonly #listener: HarnessListener;
  readonly #random: SeededRandom;
  readonly #clock = new VirtualClock();
  readonly #trace = new Trace();
  readonly #tracer = new TraceWriter(this.#clock);
  readonly trace: TraceSource;
  readonly #participants: Participant[] = [];
  /** The guest's virtual processors, and the root's that serves it. */
  readonly #processors: Vp[] = [];
  readonly #printed: number[] = [];
  #system: System | undefined;
  #guest: LockstepGuest | undefined;
  #rootVp = 0;
  #devices: DeviceHost | undefined;
  #journal: Journal | undefined;
  #networks: LockstepNetworks | undefined;
  /** How the guest ended. */
  #exit: Exit | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #makeDevices: ((suspended?: SuspendedDevices) => DeviceHost) | undefined;
  /** Of the processors since the last checkpoint, in units of 100 ns. */
  #work = 0;
  /** Bytes for the console that have not come in yet. */
  #written = 0;
  /** Requests that the devices have not answered. */
  #unanswered = 0;
  #stopped = false;
  readonly #deviceTurn: Participant = {
    run: () => (this.#devices!.poll() ? TICKS_PER_TURN : 0),
    where: () => 'the device host',
  };

  constructor(parts: MachineParts, options: LockstepOptions, listener: HarnessListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.trace = this.#traceSource();
  }

  async start(): Promise<void> {
    const { guest, devices, memoryBytes, description } = this.#parts;
    const code = await bundle(
      'lockstep',
      entry(
        guest.kind === 'typescript' ? guest.module : undefined,
        devices.map(({ file }) => file),
      ),
    );
    const loaded = await load(code);
    const { seed, journal } = this.#options;
    this.#journal = (await journal?.(bundledFiles(code))) ?? new LiveJournal();

    const networks = new LockstepNetworks(
      this.#journal.waits ? (what, given, answered) => this.#bring(what, given, answered) : undefined,
    );
    this.#networks = networks;

    const callbacks = new X64Callbacks();
    const { crashed, apicEoi } = callbacks;
    this.#system = new System({
      clock: this.#clock,
      output: (_, byte) => this.#print(byte),
      trace: this.#tracer,
      ...(guest.kind === 'x64' && { crashed, apicEoi }),
    });
    const world: LockstepWorld = {
      clock: this.#clock,
      // A byte that filled it was taken all the same: the port only has to wait then.
      print: (byte) => this.#print(byte) && this.#printed.length < MOST_PRINTED,
      wake: () => this.#wake?.(),
      ended: (exit) => this.#ended(exit),
    };
    this.#guest =
      guest.kind === 'x64'
        ? await prepareX64Guest(this.#system, this.#parts, guest, seed, callbacks, world, this.#options.exact === true)
        : await prepareTypeScriptGuest(this.#system, this.#parts, guest, instancesOf(code, loaded), world);
    if (this.#stopped) {
      this.#journal.dispose();
      this.#release();
      throw new UserError('machine-stopped', 'the machine was turned off while it was starting');
    }
    const { kernel } = this.#system;
    // The host's processors would decide which reserves fit.
    kernel.setLogicalProcessors(this.#parts.cpus);
    const { partition, vram, memory } = this.#guest;
    const { display } = description;
    this.#rootVp = this.#system.claimRootVp();
    const makeDevices = (suspended?: SuspendedDevices): DeviceHost =>
      new DeviceHost({
        kernel,
        clock: this.#clock,
        ...(suspended && { suspended }),
        synicPages: rootSynicPages(this.#rootVp),
        description: {
          ...description,
          ...(display && { display: { ...display, ...(vram && { vram }) } }),
          memory,
          partition,
          rootVp: this.#rootVp,
          memoryBytes,
        },
        devices: devices.map((part, i) => loadedDevice(part, loaded.devices[i])),
        load: ({ index, url }) => importDevice(devices[index]!, url),
        virtualTime: true,
        openNetwork: (nic, index) => networks.open(nic, index),
        trace: this.#tracer,
        report: (event) => this.#listener.event(event),
        wake: () => this.#wake?.(),
      });
    this.#makeDevices = makeDevices;
    const { resume } = this.#options.stagehand ?? {};
    this.#devices = makeDevices(resume && this.#resume(resume));
    await this.#devices.ready;
    await networks.ready;
    this.#participants.push(this.#deviceTurn, ...this.#guest.participants);
    this.#processors.push(kernel.vp(ROOT_PARTITION, this.#rootVp), ...this.#guest.vps);
    this.#running = this.#live();
  }

  async request<Name extends keyof DeviceHostRequests>(
    name: Name,
    parameters: Parameters<DeviceHostRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<DeviceHostRequests[Name]>>> {
    if (!this.#devices || this.#stopped) throw new Error('the machine is not running');
    if (ONLY_LOOKS.includes(name)) return this.#devices.request(name, parameters);
    const answer = await new Promise<unknown>((answered) => this.#bring(name, parameters, answered));
    return answer as Awaited<ReturnType<DeviceHostRequests[Name]>>;
  }

  write(bytes: Uint8Array): void {
    this.#bring('write', { base64: Buffer.from(bytes).toString('base64') }, (answer) => {
      this.#written -= bytes.length;
      answer.catch(() => undefined);
    });
    this.#written += bytes.length;
  }

  get typedAhead(): number {
    return this.#written + (this.#guest?.typedAhead ?? 0);
  }

  debug(): DebuggedPartition | undefined {
    return this.#guest?.debug?.();
  }

  inspect(): Record<string, unknown> {
    return {
      lockstep: { time: this.#now, ...this.#trace.inspect(), ...this.#journal?.inspect() },
      ...(this.#system && this.#guest ? this.#system.inspectPartition(this.#guest.partition, this.#rootVp) : {}),
      // What is left of a guest that has ended is not looked at.
      ...(this.#stopped ? {} : this.#guest?.inspect?.()),
    };
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
    this.#journal?.dispose();
    await this.#networks?.dispose();
    await this.#devices?.request('dispose', {});
    if (this.#devices) this.#release();
  }

  /** One ring for everybody: what was first is first. */
  #traceSource(): TraceSource {
    let ring: SharedArrayBuffer | undefined;
    return {
      epochMs: VIRTUAL_EPOCH,
      now: () => this.#clock.now(),
      switch: async (on) => {
        const first = ring === undefined;
        ring ??= createTraceRing();
        if (this.#devices && !this.#stopped) await this.#devices.request('trace', { on, ...(first && { ring }) });
        else if (first) this.#tracer.plug(ring);
        switchTraceRing(ring, on);
        return [ring];
      },
    };
  }

  /** Gives back what the machine had. */
  #release(): void {
    if (!this.#system || !this.#guest) return;
    this.#guest.dispose();
    if (this.#devices) this.#system.releaseRootVp(this.#rootVp);
  }

  /** Runs to the end, and says how that came. */
  async #live(): Promise<void> {
    const journal = this.#journal!;
    try {
      for (;;) {
        await this.#run(journal);
        if (this.#exit?.reason !== 'reset' || this.#stopped || journal.over(this.#trace.steps)) break;
        if (!this.#listener.reset(this.#now)) break;
        await this.#restart();
      }
      const { steps: step, digest } = this.#trace.inspect();
      const itself = this.#exit !== undefined;
      journal.ended({ step, time: this.#clock.now(), digest, itself, state: () => this.#stateDigest() });
    } catch (error) {
      if (this.#stopped) return;
      if (error instanceof UserError) return this.#listener.failed(error);
      this.#exit = { reason: 'crash', message: originalPositions((error as Error).stack!) };
    }
    if (this.#stopped) return;
    if (this.#exit === undefined) this.#listener.turnedOff();
    else this.#listener.exit(this.#exit);
  }

  wantRestart(when: RestartTime): void {
    this.#bring('restart', { when }, (answer) => void answer.catch(() => undefined));
  }

  /** Milliseconds of virtual time. */
  get #now(): number {
    return this.#clock.now() / TICKS_PER_MILLISECOND;
  }

  async #run(journal: Journal): Promise<void> {
    while (!this.#stopped) {
      if (this.#checkpointDue()) await this.#checkpoint();
      let worked = false;
      const rung = this.#rung();
      const order = this.#random.shuffle(this.#participants.map((_, i) => i));
      for (const index of order) {
        const held = this.#options.stagehand?.gate(this.#stage(index));
        if (held) await held;
        if (this.#stopped || this.#exit || journal.over(this.#trace.steps)) return;
        this.#arrive(journal);
        const participant = this.#participants[index]!;
        const ticks = await this.#turnOf(participant);
        // What was resolved runs to its next wait before anybody else does.
        await new Promise((settled) => setImmediate(settled));
        this.#flush();
        this.trace.emptied?.();
        const time = this.#clock.now();
        const { registers } = participant;
        if (registers) this.#trace.words(registers);
        this.#trace.step(index, time, ticks, this.#rung());
        const { steps: step, hash: digest } = this.#trace;
        journal.stepped({ step, time, digest, where: () => participant.where() });
        this.#clock.advance(Math.max(TICKS_PER_TURN, ticks));
        if (index > 0) this.#work += ticks;
        worked ||= ticks !== 0;
      }
      if (!worked && this.#rung() === rung) await this.#idle(journal);
    }
  }

  /** Decided by what the run itself knows, so that each run of it decides alike. */
  #checkpointDue(): boolean {
    const { checkpointEvery = Infinity } = this.#options;
    return (
      this.#work >= checkpointEvery &&
      this.#unanswered === 0 &&
      this.#guest!.suspend !== undefined &&
      this.#devices!.canBeSuspended
    );
  }

  async #checkpoint(): Promise<void> {
    this.#work = 0;
    const suspended = this.#devices!.suspend();
    const { step, time, instructions } = this.#stage(0);
    const checkpoint: Checkpoint = {
      step,
      time,
      instructions,
      hash: this.#trace.hash,
      random: this.#random.state,
      guest: this.#guest!.suspend!(),
      devices: suspended.state,
      resets: this.#listener.resets.save(),
    };
    const overlays = overlaysOf(suspended.disks);
    this.#options.stagehand?.checkpoint(checkpoint, { buffers: this.#buffers(), overlays });
    this.#devices = this.#makeDevices!(suspended);
    await this.#devices.ready;
  }

  /** @returns what the devices go on from */
  #resume(resumption: Resumption): SuspendedDevices {
    const { checkpoint } = resumption;
    const { devices: state } = checkpoint;
    resumption.loadMemory(this.#buffers());
    this.#clock.advanceTo(checkpoint.time);
    this.#trace.resume(checkpoint.step, checkpoint.hash);
    this.#random.state = checkpoint.random;
    this.#guest!.resume!(checkpoint.guest);
    this.#listener.resets.restore(checkpoint.resets);
    const disks = openSavedDisks(state.disks);
    resumption.loadDisks(overlaysOf(disks));
    return { state, disks };
  }

  /** All memory that there is of the machine. */
  #buffers(): readonly SharedArrayBuffer[] {
    const { node, state = [] } = this.#guest!;
    const { access } = this.#system!;
    return [access.state, access.root.memory.buffer, node.memory.buffer, ...state];
  }

  /** What somebody sees who looks now; `next` takes the next turn. */
  #stage(next: number): Stage {
    const { node, partition, processors = [] } = this.#guest!;
    return {
      step: this.#trace.steps,
      time: this.#clock.now(),
      instructions: processors.reduce((sum, each) => sum + each.instructions(), 0),
      next: next === 0 ? undefined : processors[next - 1],
      processors,
      buffer: node.memory.buffer,
      memory: this.#system!.kernel.memory(partition),
      inspect: () => this.#devices!.request('inspect', {}),
    };
  }

  /** Gives what came from outside to whom it is for. */
  #arrive(journal: Journal): void {
    for (const { name, parameters, answered } of journal.arrivals(this.#trace.steps, this.#clock.now())) {
      answered(this.#take(name, parameters));
    }
  }

  async #take(name: ArrivalName, parameters: object): Promise<unknown> {
    switch (name) {
      case 'write':
        return this.#guest!.write(Buffer.from((parameters as { base64: string }).base64, 'base64'));
      case 'restart': {
        const { when } = parameters as { when: RestartTime };
        this.#listener.wanted(when !== 'never');
        if (when === 'now') this.#ended({ reason: 'reset' });
        return;
      }
      default:
        this.#unanswered++;
        return this.#devices!.request(name, parameters as never).finally(() => this.#unanswered--);
    }
  }

  #bring(name: ArrivalName, parameters: object, answered: (answer: Promise<unknown>) => void): void {
    this.#journal?.bring({ name, parameters, answered });
    this.#wake?.();
  }

  #stateDigest(): string {
    const { node, processors = [] } = this.#guest!;
    const areas = processors.map(({ area }) => area);
    return stateDigest(
      this.#buffers().map((buffer) => ({
        buffer,
        ...(buffer === node.memory.buffer && { without: notState(buffer, areas) }),
      })),
    );
  }

  /** A turn that a debugger interrupts goes on when it lets go, as if nothing had been. */
  async #turnOf(participant: Participant): Promise<number> {
    let ticks = participant.run();
    while (this.#guest!.held === true && !this.#stopped) {
      await new Promise<void>((wake) => (this.#wake = wake));
      this.#wake = undefined;
      if (participant.interrupted === true) ticks = participant.run();
    }
    return ticks;
  }

  /** Until devices have let go of the guest's memory, they alone take turns. */
  async #restart(): Promise<void> {
    let quiet = false;
    const reset = this.#devices!.request('reset', {}).then(() => (quiet = true));
    reset.catch(() => {});
    while (!quiet && !this.#stopped) {
      const ticks = this.#deviceTurn.run();
      await Promise.race([reset, new Promise((settled) => setImmediate(settled))]);
      this.#clock.advance(Math.max(TICKS_PER_TURN, ticks));
      const due = Math.min(this.#devices!.nextDue(), this.#processors[0]!.nextDeadline());
      if (ticks === 0 && due !== Infinity) this.#clock.advanceTo(due);
    }
    if (this.#stopped) return;
    await this.#guest!.restart();
    this.#exit = undefined;
    this.#listener.restarted();
  }

  /** How often doorbells were rung: a turn that rang one left work for the next. */
  #rung(): number {
    return this.#processors.reduce((sum, { doorbell }) => sum + Atomics.load(doorbell.words, doorbell.counter), 0);
  }

  /** Jumps to the next deadline; without one, waits until the outside wants something. */
  async #idle(journal: Journal): Promise<void> {
    const { waits } = journal;
    const due = Math.min(this.#devices!.nextDue(), ...this.#processors.map((vp) => vp.nextDeadline()));
    const came = journal.cameAt(this.#trace.steps);
    if (came !== undefined) return this.#clock.advanceTo(Math.max(came, this.#clock.now()));
    if (this.#networks!.live) return this.#idleInRealTime(journal, due);
    if (due !== Infinity) return this.#clock.advanceTo(due);
    if (this.#stopped || !waits) return;
    await new Promise<void>((wake) => (this.#wake = wake));
    this.#wake = undefined;
  }

  /**
   * With a real network, time does not run ahead of the host's, or the guest would give up on every answer. What comes
   * meanwhile is written down with the time that had passed by then, so that the same time passes at the replay.
   */
  async #idleInRealTime(journal: Journal, due: number): Promise<void> {
    const [begun, from] = [performance.now(), this.#clock.now()];
    const passed = (): number => from + Math.floor((performance.now() - begun) * TICKS_PER_MILLISECOND);
    while (!this.#stopped && !journal.pending) {
      const left = (due - passed()) / TICKS_PER_MILLISECOND;
      if (left <= 0) return this.#clock.advanceTo(due);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((wake) => {
        this.#wake = wake;
        if (left !== Infinity) timer = setTimeout(wake, Math.min(left, LONGEST_WAIT_MS));
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    if (!this.#stopped) this.#clock.advanceTo(Math.min(due, passed()));
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

  /** Told once the step is over. */
  #ended(exit: Exit): void {
    const message = exit.reason === 'crash' ? { message: originalPositions(exit.message) } : {};
    this.#exit ??= { ...exit, ...message };
  }
}

const entry = (guest: string | undefined, devices: readonly string[]): string => `
  ${guest === undefined ? '' : `export * as guest from ${JSON.stringify(guest)};`}
  ${devices.map((file, i) => `import * as Device${i} from ${JSON.stringify(file)};`).join('\n')}
  export const devices = [${devices.map((_, i) => `Device${i}.default`).join(', ')}];
`;
