/**
 * A machine: a guest in a child partition, its devices in the root partition, and the disks behind them.
 *
 * ```ts
 * const machine = new Machine({ guest: './hello.ts', disks: [{ path: 'root.vhdx' }] });
 * machine.console$.subscribe((text) => process.stdout.write(text));
 * await machine.start();
 * const result = await machine.finished; // { reason: 'power-off', code: 0 }
 * await machine.dispose();
 * ```
 */
import { basename, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Exit } from '@ringlet/microkernel';
import type { DeviceHostEvent, DeviceHostRequests } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { BehaviorSubject, type Observable, ReplaySubject, Subject } from 'rxjs';
import { connectPatiently, type GuestService } from '../agent/connect.ts';
import { type CompletedCommand, type RunCommandOptions, runCommand } from '../agent/run-command.ts';
import type { MachineOptions } from '../configuration/options.ts';
import type {
  Controllable,
  MachineResult,
  MachineState,
  RebootOptions,
  ShutdownOptions,
} from '../control/controllable.ts';
import type { GdbEvent } from '../debug/gdb/server.ts';
import { MachineDebugger } from '../debug/machine-debugger.ts';
import type { Stagehand } from '../lockstep/stage.ts';
import { LockstepHarness } from '../lockstep/lockstep-harness.ts';
import { type Take, type TakeEvent, takeOf } from '../recording/take.ts';
import { ThreadedHarness } from '../threads/threaded-harness.ts';
import { Devices } from './devices.ts';
import { Disks } from './disks.ts';
import { Display } from './display.ts';
import { GuestServices } from './guest-services.ts';
import type { Harness } from './harness.ts';
import { Keyboard } from './keyboard.ts';
import { partAt } from './inspection-path.ts';
import { MachineTrace } from './machine-trace.ts';
import { Memory } from './memory.ts';
import { Mouse } from './mouse.ts';
import type { TraceRecord } from '../trace/trace-record.ts';
import type { DevicePart } from './parts.ts';
import { devicePart, partsOf } from './parts-of.ts';
import { Resets } from './resets.ts';
import { Viewers } from '../viewer/viewers.ts';
import { sharedSystem } from './system.ts';

/** Something that happened to a machine; plain data with a `type`. */
export type MachineEvent =
  | DeviceHostEvent
  | GdbEvent
  /** gdb can connect there; `waiting`: the guest has not begun. */
  | { readonly type: 'gdb-listening'; readonly address: string; readonly waiting: boolean }
  | { readonly type: 'state'; readonly state: MachineState }
  | TakeEvent
  /** It is reset, for the `count`th time, because its guest or somebody outside wanted it. `restarted` follows. */
  | { readonly type: 'restarting'; readonly by: 'guest' | 'host'; readonly count: number }
  /** Its guest runs from its first instruction again. */
  | { readonly type: 'restarted'; readonly count: number }
  | { readonly type: 'result'; readonly result: MachineResult };

/** What {@link Machine.request} can be asked: name, parameters and answer of each request. */
export type MachineRequests = Pick<
  DeviceHostRequests,
  'attachDisk' | 'detachDisk' | 'resizeDisk' | 'setLink' | 'keyValues' | 'setKeyValue'
>;

const TICKS_PER_SECOND = 1e7;
/** How long a guest that cannot be asked to shut down is given before it is asked again. */
const ASK_AGAIN_MS = 20;
/** Bytes typed ahead with which there is still room for more, and those that may wait at most. */
const TYPED_AHEAD = 64 * 1024;
const MOST_TYPED_AHEAD = 16 * 1024 * 1024;
/** How soon it is looked again whether a guest has taken what was typed. */
const TAKEN_AGAIN_MS = 5;
/** How a machine ends whose guest does not come up. */
const RESETS_FOR_EVER = new UserError('reset-loop', 'the guest resets itself again and again');
/** Pieces of console output that late subscribers are shown. */
const CONSOLE_REPLAY = 256;

/** One virtual machine. */
export class Machine implements Controllable {
  /** Its name: what it was made with, or one made up for it. */
  readonly name: string;
  /** Disks that come and go while it runs. */
  readonly disks: Disks;
  /** Devices from files, and their new versions. */
  readonly devices: Devices;
  /** What the guest shows. */
  readonly display: Display;
  /** Keys for the guest, as from a keyboard in front of its screen. Its console is another: {@link Machine.write}. */
  readonly keyboard: Keyboard;
  /** A pointer on its screen. */
  readonly mouse: Mouse;
  /** Servers through which people look at it: a page for a browser, VNC. */
  readonly viewers: Viewers;
  /** Where gdb may connect, for guests that are kernels. */
  readonly debugger: MachineDebugger;
  /** How much memory it has, where that can change. */
  readonly memory: Memory;
  /** Its guest's integration components: clock, keys. */
  readonly guest: GuestServices;
  /** What its threads traced: see {@link Machine.trace}. */
  readonly tracing: MachineTrace;
  readonly #options: MachineOptions;
  readonly #take: Take;
  /** It is recorded, or a replay. */
  readonly #taken: boolean;
  readonly #devices: readonly DevicePart[];
  readonly #state = new BehaviorSubject<MachineState>('created');
  readonly #console = new ReplaySubject<string>(CONSOLE_REPLAY);
  readonly #events = new Subject<MachineEvent>();
  readonly #decoder = new TextDecoder();
  readonly #resets: Resets;
  readonly #harness: Harness;
  #finish!: (result: MachineResult) => void;
  #result: MachineResult | undefined;
  #disposal: Promise<void> | undefined;

  /** Settles when the guest has turned itself off, crashed, or was turned off. Never rejects. */
  readonly finished: Promise<MachineResult>;

  /**
   * @param stagehand - of a replay that stands still; for Ringlet itself
   * @throws UserError when the options cannot be met: a missing file, too much memory…
   */
  constructor(options: MachineOptions, stagehand?: Stagehand) {
    this.#take = takeOf(options);
    this.#options = this.#take.options;
    this.#taken = options.record !== undefined || options.replay !== undefined;
    const { guest, kernel } = this.#options;
    this.name = options.name ?? basename(guest ?? kernel ?? 'machine').replace(/(\.guest)?\.[cm]?[jt]s$/, '');
    this.finished = new Promise((settle) => (this.#finish = settle));
    this.#devices = (this.#options.devices ?? []).map(devicePart);
    this.#resets = new Resets(options.onReset, options.resetsPerMinute);
    this.#harness = this.#assemble(stagehand);
    this.tracing = new MachineTrace(this.#harness.trace);
    const ask: Harness['request'] = (name, parameters) => {
      const state = this.#state.value;
      if (state === 'running' || state === 'stopping') return this.#harness.request(name, parameters);
      return Promise.reject(this.#notRunning());
    };
    this.disks = new Disks(ask);
    const fixed = this.#options.record !== undefined || this.#options.replay !== undefined;
    this.devices = new Devices(ask, this.#devices, fixed);
    this.display = new Display(ask, this.#state);
    this.keyboard = new Keyboard(ask);
    this.mouse = new Mouse(ask);
    this.viewers = new Viewers(this, this.#options.display !== 'none');
    this.memory = new Memory(ask);
    this.guest = new GuestServices(ask);
    this.debugger = new MachineDebugger({
      name: this.name,
      partition: () => this.#harness.debug(),
      request: ask,
      inspect: (path) => this.inspect(path),
      powerOff: () => this.powerOff(),
      ended: this.finished.then((result) => (result.reason === 'power-off' ? result.code : 1)),
      report: (event) => this.#events.next(event),
    });
  }

  /** The state now, and whenever it changes. */
  get state$(): Observable<MachineState> {
    return this.#state;
  }

  /** What the guest prints, in pieces as they come; late subscribers get the latest pieces. */
  get console$(): Observable<string> {
    return this.#console;
  }

  /** What happens: states, devices coming and going, guest mistakes, the result. */
  get events$(): Observable<MachineEvent> {
    return this.#events;
  }

  /**
   * Puts the devices on the bus and starts the guest.
   *
   * @throws UserError when a disk cannot be opened, a device or the guest not be loaded; the machine is `failed` then
   */
  async start(): Promise<void> {
    if (this.#state.value !== 'created') throw new UserError('machine-started', `${this.name} was started already`);
    this.#enter('starting');
    try {
      await this.#harness.start();
      await this.#waitForGdb();
      if ((this.#state.value as MachineState) === 'starting') this.#enter('running');
    } catch (error) {
      await this.#harness.stop();
      this.#settle({ reason: 'crash', message: error instanceof Error ? error.message : String(error) }, 'failed');
      throw error;
    }
  }

  /**
   * Asks the guest to shut down, as the shutdown integration component does, and waits until it has.
   *
   * A guest that has no driver for it yet is asked again until `timeoutMs` has passed; then the machine is turned off.
   *
   * @throws UserError `shutdown-not-ready`, `shutdown-refused`… when the guest does not agree and no `timeoutMs` is given
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    if (this.#state.value !== 'running') return;
    const { timeoutMs = Infinity, reboot = false, force = false } = options;
    const over = reboot ? Promise.race([this.finished, this.#resets.next()]) : this.finished;
    await this.#askAndWait({ reboot, force }, over, timeoutMs, () => this.powerOff());
    if (this.#result) await this.#stopped();
  }

  /**
   * Starts it again, in place: disks keep what was written, network, console and sockets stay. Resolves when the guest runs
   * from its first instruction again, whatever {@link MachineOptions.onReset} says of resets by the guest alone.
   *
   * The guest is asked, as by {@link shutdown}, until `timeoutMs` has passed; then, or at once with `force`, it is reset.
   *
   * @throws UserError as {@link shutdown}; `reboot-ended` when the machine ends instead
   */
  async reboot({ force = false, timeoutMs = Infinity }: RebootOptions = {}): Promise<void> {
    if (this.#state.value !== 'running') throw this.#notRunning();
    const over = Promise.race([this.#resets.next(), this.finished]);
    this.#harness.wantRestart(force ? 'now' : 'next');
    try {
      if (!force) {
        const request = { reboot: true, force: false };
        await this.#askAndWait(request, over, timeoutMs, () => this.#harness.wantRestart('now'));
      }
    } catch (error) {
      this.#harness.wantRestart('never');
      throw error;
    }
    await over;
    if (!this.#result) return;
    throw new UserError('reboot-ended', `${this.name} has ended instead of starting again`, {
      hint: 'its guest may have powered off, or crashed: its console says more',
    });
  }

  /** Turns the machine off at once, as pulling the plug would; what the guest had flushed is on its disks. */
  async powerOff(): Promise<void> {
    this.#settle({ reason: 'killed' });
    await this.#stopped();
  }

  /**
   * Types for the guest: bytes for its serial console. A TypeScript guest has none. Who types much, as from a file, waits for
   * {@link Machine.inputTaken} in between.
   *
   * @throws UserError `typed-too-much` when more than 16 MiB would wait
   */
  write(data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    if (this.#harness.typedAhead + bytes.length > MOST_TYPED_AHEAD) {
      throw new UserError('typed-too-much', `the guest of ${this.name} has not taken what was typed before`, {
        hint: 'await machine.inputTaken() after each write',
      });
    }
    this.#harness.write(bytes);
  }

  /**
   * Settles when the guest has taken what was typed, but for 64 KiB, or has ended.
   *
   * ```ts
   * for await (const piece of file) {
   *   machine.write(piece);
   *   await machine.inputTaken();
   * }
   * ```
   */
  async inputTaken(): Promise<void> {
    while (!this.#result && this.#harness.typedAhead > TYPED_AHEAD) await delay(TAKEN_AGAIN_MS);
  }

  /**
   * What is inside, now: partition, virtual processors, bus, channels, rings, devices, disks. Plain data.
   *
   * @param path - a part of it, such as `vmbus/channels/1`; with wildcards, such as `vmbus/channels/*\/rings`, everything
   * that fits, by path
   * @throws UserError `no-such-path` when there is nothing at `path`
   */
  async inspect(path = ''): Promise<unknown> {
    const state = this.#state.value;
    const devices = state === 'running' || state === 'stopping' ? await this.#harness.request('inspect', {}) : {};
    const tree = { name: this.name, state, resets: this.#resets.count, ...this.#harness.inspect(), ...devices };
    return partAt(tree, path);
  }

  /**
   * Asks the devices of the running machine: to attach, detach or resize a disk; to pull a network's cable; for key values.
   *
   * @throws UserError when it cannot be done: `disk-not-found`, `disk-place-taken`, `key-value-too-long`…
   */
  request<Name extends keyof MachineRequests>(
    name: Name,
    parameters: Parameters<MachineRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<MachineRequests[Name]>>> {
    return this.#harness.request(name, parameters);
  }

  /**
   * Connects to a socket that a program of the guest listens at, AF_VSOCK in a Linux.
   *
   * @param service - a port, or the GUID of a service
   * @param patienceMs - how long to try, for a guest that is still booting; once when absent
   * @throws UserError `guest-not-listening`, `sockets-none` when the machine was made without {@link MachineOptions.sockets}
   */
  async connect(service: GuestService, patienceMs = 0): Promise<Duplex> {
    return connectPatiently(this.#socketsOrThrow(), service, patienceMs);
  }

  /**
   * Runs a command in the guest, through the agent that images of the catalogue have, and waits until it is over.
   *
   * ```ts
   * const { code, stdout } = await machine.exec(['uname', '-r'], { patienceMs: 60_000 });
   * ```
   *
   * @throws UserError `exec-failed` when the guest cannot run it, and what {@link Machine.connect} throws
   */
  async exec(command: readonly string[], options: RunCommandOptions = {}): Promise<CompletedCommand> {
    return runCommand(this.#socketsOrThrow(), command, options);
  }

  /**
   * Each hypercall, access to an MSR, SynIC message, bus message and packet, decoded field by field: those that are kept,
   * then those that come. Before {@link Machine.start}: from the first instruction on.
   *
   * @param filter - in the language of `ringlet trace --filter`
   * @throws UserError `trace-filter-invalid`
   */
  trace(filter?: string): Observable<TraceRecord> {
    return this.tracing.records(filter);
  }

  /** Turns it off if it runs, and gives back its memory, threads and files. */
  async dispose(): Promise<void> {
    await this.powerOff();
    await this.debugger.close();
    this.#console.complete();
    this.#events.complete();
    this.#state.complete();
  }

  async #waitForGdb(): Promise<void> {
    const { gdb } = this.#options;
    if (gdb === undefined) return;
    const address = await this.debugger.listen(gdb.path === undefined ? { port: gdb.port ?? 0 } : { path: gdb.path });
    this.#events.next({ type: 'gdb-listening', address, waiting: gdb.wait === true });
  }

  get #sockets(): string | undefined {
    const { sockets, harness } = this.#options;
    // Nothing that the host decides when may enter a run that is to be repeated.
    return sockets === undefined || harness === 'lockstep' ? undefined : resolve(sockets);
  }

  #socketsOrThrow(): string {
    const directory = this.#sockets;
    if (directory !== undefined) return directory;
    throw new UserError('sockets-none', `${this.name} has no sockets`, { hint: 'new Machine({ sockets: directory })' });
  }

  #notRunning(): UserError {
    return new UserError('machine-not-running', `${this.name} does not run`, { hint: 'start() it first' });
  }

  /** Asks the guest, and waits for what is to come of it; when time is up, `otherwise` is done. */
  async #askAndWait(
    request: { readonly reboot: boolean; readonly force: boolean },
    over: Promise<unknown>,
    timeoutMs: number,
    otherwise: () => void | Promise<void>,
  ): Promise<void> {
    const patience = new AbortController();
    const until = performance.now() + timeoutMs;
    const outOfTime =
      timeoutMs === Infinity
        ? new Promise<never>(() => {})
        : delay(timeoutMs, undefined, { signal: patience.signal }).then(otherwise);
    try {
      await Promise.race([this.#askToShutDown(request, until), outOfTime]);
      await Promise.race([over, outOfTime]);
    } finally {
      outOfTime.catch(() => {});
      patience.abort();
    }
  }

  async #askToShutDown(request: { reboot: boolean; force: boolean }, until: number): Promise<void> {
    const { count } = this.#resets;
    while (this.#state.value === 'running') {
      try {
        return await this.#harness.request('shutdown', request);
      } catch (error) {
        // It went down, or starts again, before its answer was read.
        if (this.#result || this.#resets.count !== count) return;
        const again = error instanceof UserError && error.code === 'shutdown-not-ready' && until !== Infinity;
        if (!again || performance.now() > until) throw error;
      }
      await delay(ASK_AGAIN_MS);
    }
  }

  #assemble(stagehand: Stagehand | undefined): Harness {
    const identity = { name: this.#take.name ?? this.name, sockets: this.#sockets };
    const machine = partsOf(this.#options, identity, this.#devices);
    const listener = {
      console: (bytes: Uint8Array) => this.#print(this.#decoder.decode(bytes, { stream: true })),
      event: (event: DeviceHostEvent) => {
        if (event.type === 'protocol') return this.tracing.learn(event.protocol);
        // Of the screen there is much to tell, to those who watch it.
        if (!this.display.take(event) && !this.debugger.take(event)) this.#events.next(event);
      },
      reset: (now: number) => this.#startsAgain(now),
      restarted: () => {
        this.#resets.done();
        this.#events.next({ type: 'restarted', count: this.#resets.count });
      },
      wanted: (is: boolean) => this.#resets.demand(is),
      resets: this.#resets,
      exit: (exit: Exit) => this.#settle(this.#resets.endless ? crashedBy(RESETS_FOR_EVER) : resultOf(exit)),
      turnedOff: () => this.#settle({ reason: 'killed' }),
      failed: ({ code, message }: UserError) => this.#settle({ reason: 'diverged', message: `${message} (${code})` }),
    };
    const { harness = 'threads' } = this.#options;
    if (harness === 'threads') return new ThreadedHarness(sharedSystem(), machine, listener);
    if (!this.#taken && this.#options.networks?.some(({ kind }) => kind !== 'none') === true) {
      throw new UserError(
        'network-lockstep',
        'a network has a clock of its own: only a recording of it is repeatable',
        {
          hint: 'add --record FILE, or leave out --lockstep, or the network',
        },
      );
    }
    const journal = this.#take.journal(this.name, (event) => this.#events.next(event));
    const checkpointEvery = this.#options.checkpointEvery && this.#options.checkpointEvery * TICKS_PER_SECOND;
    return new LockstepHarness(
      machine,
      { seed: this.#options.seed ?? 1, journal, checkpointEvery, exact: this.#taken, ...(stagehand && { stagehand }) },
      listener,
    );
  }

  /** The machine was reset. @returns whether it starts again */
  #startsAgain(now: number): boolean {
    const by = this.#resets.begin(now);
    if (by === undefined) return false;
    this.#events.next({ type: 'restarting', by, count: this.#resets.count });
    return true;
  }

  /** The first result counts; the rest of the machine is then taken down. */
  #settle(result: MachineResult, then: MachineState = 'stopped'): void {
    if (this.#result) return;
    this.#result = result;
    if (this.#state.value !== 'failed') this.#enter('stopping');
    this.viewers.close().catch(() => {});
    this.#disposal = this.#harness.stop().finally(() => {
      this.tracing.recorder.close();
      this.#print(this.#decoder.decode());
      this.#resets.end();
      this.#enter(then);
      this.#events.next({ type: 'result', result });
      this.#finish(result);
    });
  }

  /** A piece can be empty: the first bytes of a character that the next piece completes. */
  #print(text: string): void {
    if (text !== '') this.#console.next(text);
  }

  async #stopped(): Promise<void> {
    await this.#disposal;
    await this.finished;
  }

  #enter(state: MachineState): void {
    this.#state.next(state);
    this.#events.next({ type: 'state', state });
  }
}

const crashedBy = ({ code, message }: UserError): MachineResult => ({
  reason: 'crash',
  message: `${message} (${code})`,
});

function resultOf(exit: Exit): MachineResult {
  switch (exit.reason) {
    case 'power-off':
      return { reason: 'power-off', code: exit.code };
    case 'reset':
      return { reason: 'reset' };
    case 'crash':
      return { reason: 'crash', message: exit.message };
    default:
      return { reason: 'crash', message: `the processor stopped: ${exit.reason}` };
  }
}
