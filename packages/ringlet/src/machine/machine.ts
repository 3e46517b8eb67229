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
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Exit } from '@ringlet/microkernel';
import { DEFAULT_RESOLUTION, type DeviceHostEvent, type DeviceHostRequests } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { BehaviorSubject, type Observable, ReplaySubject, Subject } from 'rxjs';
import { connectPatiently, type GuestService } from '../agent/connect.ts';
import { type CompletedCommand, type RunCommandOptions, runCommand } from '../agent/run-command.ts';
import { defaultMemory, type DeviceOption, type MachineOptions } from '../configuration/options.ts';
import type { Controllable, MachineResult, MachineState, ShutdownOptions } from '../control/controllable.ts';
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
import { Memory, memoryLimitsOf } from './memory.ts';
import { Mouse } from './mouse.ts';
import type { TraceRecord } from '../trace/trace-record.ts';
import type { DevicePart, GuestParts } from './parts.ts';
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
  | { readonly type: 'result'; readonly result: MachineResult };

/** What {@link Machine.request} can be asked: name, parameters and answer of each request. */
export type MachineRequests = Pick<
  DeviceHostRequests,
  'attachDisk' | 'detachDisk' | 'resizeDisk' | 'setLink' | 'keyValues' | 'setKeyValue'
>;

const PAGE = 4096;
const TICKS_PER_SECOND = 1e7;
const LEAST_MEMORY = 1024 * 1024;
/** What the guest's runtime keeps for each processor. */
const LEAST_MEMORY_PER_CPU = 16 * 1024;
const MOST_CPUS = 64;
/** How long a guest that cannot be asked to shut down is given before it is asked again. */
const ASK_AGAIN_MS = 20;
/** Pieces of console output that late subscribers are shown. */
const CONSOLE_REPLAY = 256;

/** One virtual machine. */
export class Machine implements Controllable {
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
  readonly #devices: readonly DevicePart[];
  readonly #state = new BehaviorSubject<MachineState>('created');
  readonly #console = new ReplaySubject<string>(CONSOLE_REPLAY);
  readonly #events = new Subject<MachineEvent>();
  readonly #decoder = new TextDecoder();
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
    const { guest, kernel } = this.#options;
    this.name = options.name ?? basename(guest ?? kernel ?? 'machine').replace(/(\.guest)?\.[cm]?[jt]s$/, '');
    this.finished = new Promise((settle) => (this.#finish = settle));
    this.#devices = (this.#options.devices ?? []).map(devicePart);
    this.#harness = this.#assemble(stagehand);
    this.tracing = new MachineTrace(this.#harness.trace);
    const ask: Harness['request'] = (name, parameters) => {
      const state = this.#state.value;
      if (state === 'running' || state === 'stopping') return this.#harness.request(name, parameters);
      const why = new UserError('machine-not-running', `${this.name} does not run`, { hint: 'start() it first' });
      return Promise.reject(why);
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
    const patience = new AbortController();
    const until = performance.now() + timeoutMs;
    const outOfTime =
      timeoutMs === Infinity
        ? new Promise<never>(() => {})
        : delay(timeoutMs, undefined, { signal: patience.signal }).then(() => this.powerOff());
    try {
      await Promise.race([this.#askToShutDown({ reboot, force }, until), outOfTime]);
      await Promise.race([this.finished, outOfTime]);
    } finally {
      outOfTime.catch(() => {});
      patience.abort();
    }
    await this.#stopped();
  }

  /** Turns the machine off at once, as pulling the plug would; what the guest had flushed is on its disks. */
  async powerOff(): Promise<void> {
    this.#settle({ reason: 'killed' });
    await this.#stopped();
  }

  /** Types for the guest: bytes for its serial console. A TypeScript guest has none. */
  write(data: string | Uint8Array): void {
    this.#harness.write(typeof data === 'string' ? new TextEncoder().encode(data) : data);
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
    const tree = { name: this.name, state, ...this.#harness.inspect(), ...devices };
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

  async #askToShutDown(request: { reboot: boolean; force: boolean }, until: number): Promise<void> {
    while (this.#state.value === 'running') {
      try {
        return await this.#harness.request('shutdown', request);
      } catch (error) {
        // It went down by itself while it was being asked.
        if (this.#result) return;
        const again = error instanceof UserError && error.code === 'shutdown-not-ready' && until !== Infinity;
        if (!again || performance.now() > until) throw error;
      }
      await delay(ASK_AGAIN_MS);
    }
  }

  #assemble(stagehand: Stagehand | undefined): Harness {
    const { cpus = 1, harness = 'threads' } = this.#options;
    const memory = this.#options.memory ?? defaultMemory(this.#options);
    if (!Number.isInteger(cpus) || cpus < 1 || cpus > MOST_CPUS) {
      throw new UserError('cpus-invalid', `a machine cannot have ${cpus} processors`, { hint: `1 to ${MOST_CPUS}` });
    }
    if (!Number.isInteger(memory) || memory % PAGE !== 0 || memory < LEAST_MEMORY + cpus * LEAST_MEMORY_PER_CPU) {
      throw new UserError('memory-invalid', `a machine cannot have ${memory} bytes of memory`, {
        hint: 'at least 1M and 16K for each processor, in whole pages of 4 KiB',
      });
    }
    const { display: screen = DEFAULT_RESOLUTION } = this.#options;
    const machine = {
      guest: guestOf(this.#options),
      cpus,
      share: {
        weight: this.#options.weight ?? 100,
        cap: this.#options.cap ?? 100,
        reserve: this.#options.reserve ?? 0,
      },
      memoryBytes: memory,
      memoryLimits: memoryLimitsOf(memory, this.#options),
      devices: this.#devices,
      description: {
        name: this.#take.name ?? this.name,
        disks: this.#options.disks ?? [],
        sockets: this.#sockets,
        networks: this.#options.networks ?? [],
        cpus,
        ...(screen !== 'none' && { display: { preferred: screen } }),
      },
    };
    const listener = {
      console: (bytes: Uint8Array) => this.#print(this.#decoder.decode(bytes, { stream: true })),
      event: (event: DeviceHostEvent) => {
        if (event.type === 'protocol') return this.tracing.learn(event.protocol);
        // Of the screen there is much to tell, to those who watch it.
        if (!this.display.take(event) && !this.debugger.take(event)) this.#events.next(event);
      },
      exit: (exit: Exit) => this.#settle(resultOf(exit)),
      turnedOff: () => this.#settle({ reason: 'killed' }),
      failed: ({ code, message }: UserError) => this.#settle({ reason: 'diverged', message: `${message} (${code})` }),
    };
    if (harness === 'threads') return new ThreadedHarness(sharedSystem(), machine, listener);
    if (this.#options.networks?.some(({ kind }) => kind !== 'none') === true) {
      throw new UserError('network-lockstep', 'a network has a clock of its own: no run with one is repeatable', {
        hint: 'leave out --lockstep, or the network',
      });
    }
    const journal = this.#take.journal(this.name, (event) => this.#events.next(event));
    const checkpointEvery = this.#options.checkpointEvery && this.#options.checkpointEvery * TICKS_PER_SECOND;
    return new LockstepHarness(
      machine,
      { seed: this.#options.seed ?? 1, journal, checkpointEvery, ...(stagehand && { stagehand }) },
      listener,
    );
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

function guestOf({ guest, kernel, initrd, commandLine, args = [], gdb, pool, harness }: MachineOptions): GuestParts {
  if (pool !== undefined && (kernel === undefined || harness === 'lockstep')) {
    throw new UserError('pool-not-shared', 'a pool of memory is for kernels, and not for runs in lockstep', {
      hint: 'leave out pool',
    });
  }
  if (guest !== undefined && kernel === undefined) {
    return { kind: 'typescript', module: existing(guest, 'guest-not-found', 'guest'), args };
  }
  if (kernel === undefined || guest !== undefined) {
    throw new UserError('guest-unclear', 'a machine runs either a guest module or a kernel', {
      hint: 'give one of guest and kernel',
    });
  }
  return {
    kind: 'x64',
    kernel: existing(kernel, 'kernel-not-found', 'kernel'),
    initrd: initrd === undefined ? undefined : existing(initrd, 'initrd-not-found', 'initial RAM disk'),
    commandLine: commandLine ?? '',
    held: gdb?.wait === true,
    ...(pool && { pool }),
  };
}

function devicePart(device: string | DeviceOption): DevicePart {
  const { path, options = {}, asText = false, places } = typeof device === 'string' ? { path: device } : device;
  const file = existing(path, 'device-not-found', 'device');
  return { file, values: options, asText, ...(places && { places }) };
}

function existing(file: string, code: string, what: string): string {
  const path = resolve(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new UserError(code, `no ${what} at ${path}`, { hint: 'check the path' });
  }
  return path;
}

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
