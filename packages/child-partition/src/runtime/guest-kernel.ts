/**
 * GuestKernel: the runtime of a TypeScript guest on one virtual processor.
 *
 * It owns the VP's SynIC, timers and console, and on VP 0 the bus; it gives the guest's module a {@link Guest}. It has no
 * timers and no host of its own: all it does happens in {@link GuestKernel.boot}, in {@link GuestKernel.poll}, or in the
 * guest's own microtasks between two polls. So it runs the same in a worker and under a virtual clock.
 */
import { invariant } from '@ringlet/wire';
import {
  BusClient,
  type BusClientOptions,
  type Channel,
  type HypercallVp,
  type OpenOptions,
  SynicEndpoint,
  type SynicVp,
} from '@ringlet/vmbus';
import { KeyValueStore } from '../vscs/integration/key-value-store.ts';
import { openIntegration } from '../vscs/integration/open-integration.ts';
import { WallClock } from '../vscs/integration/wall-clock.ts';
import { Console } from './console.ts';
import { describeError, reportCrash } from './crash.ts';
import type { Guest, GuestModule, GuestOpenOptions, ShutdownRequest, Vsc, VscClass } from './guest.ts';
import { ForwardedFlags } from './forwarded-flags.ts';
import { FORWARD_VECTOR, RESCHEDULE_VECTOR, sendIpi } from './ipi.ts';
import { memoryMap, type MemoryMap, type VpPages } from './memory-map.ts';
import { DeviceOpener } from './offers.ts';
import { PageAllocator } from './page-allocator.ts';
import { GUEST_OS_ID, GuestMsr } from './registers.ts';
import { TIMER_VECTOR, Timers } from './timers.ts';

const TICKS_PER_MILLISECOND = 10_000;

/** What the runtime needs of a virtual processor. A microkernel `Vp` is one. */
export interface GuestVp extends SynicVp, HypercallVp {
  /** Number of the virtual processor in its partition, from 0. */
  readonly index: number;
  /** Writes EAX, EBX, ECX and EDX of a leaf into the first four words of `out`. */
  cpuid(leaf: number, subleaf: number, out: Uint32Array): void;
}

/** What a guest is started with. */
export interface GuestKernelOptions {
  /** The processor that it runs on, and whose SynIC it owns. */
  readonly vp: GuestVp;
  /** RAM, from address 0 on; zero at boot. */
  readonly memoryBytes: number;
  /** Virtual processors of the guest; 1 when absent. */
  readonly vpCount?: number;
  /** Words for the module; none when absent. */
  readonly args?: readonly string[];
  /** Bus versions to try; newest first when absent. */
  readonly versions?: BusClientOptions['versions'];
  /** Whether to open the integration components that are offered; true when absent. Without, the bus connects on first use. */
  readonly integration?: boolean;
}

/** How a guest ended. */
export type GuestEnd =
  | { readonly reason: 'power-off'; readonly code: number }
  | { readonly reason: 'reset' }
  | { readonly reason: 'crash'; readonly message: string };

/** One virtual processor's runtime. */
export class GuestKernel implements Guest {
  readonly args: readonly string[];
  readonly vpIndex: number;
  readonly vpCount: number;
  readonly memory: GuestVp['memory'];
  readonly pages: PageAllocator;
  readonly keyValues = new KeyValueStore();

  readonly #options: GuestKernelOptions;
  readonly #vp: GuestVp;
  readonly #map: MemoryMap;
  readonly #own: VpPages;
  readonly #synic: SynicEndpoint;
  readonly #timers: Timers;
  readonly #console: Console;
  readonly #bus: BusClient | undefined;
  readonly #opener: DeviceOpener | undefined;
  readonly #wallClock = new WallClock();
  readonly #shutdownHandlers: ((request: ShutdownRequest) => void | Promise<void>)[] = [];
  #booted = false;
  #ended: GuestEnd | undefined;
  #shuttingDown = false;
  #exitCode = 0;

  constructor(options: GuestKernelOptions) {
    const { vp } = options;
    this.#options = options;
    this.#vp = vp;
    this.args = options.args ?? [];
    this.vpIndex = vp.index;
    this.vpCount = options.vpCount ?? 1;
    this.memory = vp.memory;
    this.#map = memoryMap(options.memoryBytes, this.vpCount);
    this.#own = this.#map.vp(vp.index);
    this.pages = new PageAllocator(vp.memory, this.#map);
    this.#timers = new Timers(vp);
    this.#console = new Console(vp, this.#timers.after);
    this.#synic = new SynicEndpoint(vp, this.#own);
    const forwarded = new ForwardedFlags(vp, this.#map.forwardedFlagsGpa);
    this.#synic.onInterrupt((vector) => {
      if (vector === TIMER_VECTOR) this.#timers.expired();
      else if (vector === FORWARD_VECTOR) forwarded.take((flag) => this.#bus?.interrupt(flag));
    });
    if (vp.index !== 0) {
      this.#synic.onEvent((flag) => forwarded.forward(flag));
      return;
    }
    this.#bus = new BusClient({
      vp,
      synic: this.#synic,
      pages: this.pages,
      inputPageGpa: this.#own.inputPageGpa,
      after: this.#timers.after,
      wake: () => this.#reschedule(),
      ...(options.versions && { versions: options.versions }),
    });
    this.#opener = new DeviceOpener(this.#bus, this.#timers.after);
  }

  // For the processor.

  /** How the guest ended; `undefined` while it runs. */
  get ended(): GuestEnd | undefined {
    return this.#ended;
  }

  /** Whether {@link poll} has something to do, or to say, although no interrupt is pending. */
  get pending(): boolean {
    return this.#ended !== undefined || (this.#bus?.pending ?? false);
  }

  /** Sets up the processor and starts the module. Call once. */
  boot(module: GuestModule): void {
    invariant(!this.#booted, 'a kernel boots once');
    this.#booted = true;
    this.#vp.writeMsr(GuestMsr.GuestOsId, GUEST_OS_ID);
    if (this.vpIndex === 0) this.#vp.writeMsr(GuestMsr.Hypercall, BigInt(this.#map.hypercallPageGpa) | 1n);
    this.#synic.enable();
    if (this.#bus && this.#options.integration !== false) this.#openIntegration(this.#bus);
    void (this.vpIndex === 0 ? this.#runMain(module) : this.#runSecondary(module));
  }

  /**
   * Takes interrupts and runs what they are for.
   *
   * @param stayAwake - the processor comes back without sleeping, see {@link BusClient.poll}
   * @returns whether there is more to do at once
   */
  poll(stayAwake = false): boolean {
    if (this.#ended) return false;
    try {
      return this.#bus ? this.#bus.poll(stayAwake) : this.#synic.poll();
    } catch (error) {
      // A driver of the guest threw: as fatal as an exception in a kernel's interrupt handler.
      this.crash(error);
      return false;
    }
  }

  /** For a processor that stays awake: whether packets wait that nobody rang for. Cheap. */
  peek(): boolean {
    return this.#bus !== undefined && this.#bus.peek();
  }

  /** For `ringlet inspect`. */
  inspect(): Record<string, unknown> {
    return {
      vpIndex: this.vpIndex,
      ended: this.#ended ?? null,
      freePages: this.pages.freePages,
      ...(this.#bus && { bus: this.#bus.inspect() }),
    };
  }

  // For the guest.

  get bus(): BusClient {
    if (!this.#bus) throw new Error('only virtual processor 0 has a bus');
    return this.#bus;
  }

  print(text: string): Promise<void> {
    return this.#console.print(text);
  }

  log(message: string): Promise<void> {
    const seconds = (this.now() / 1000).toFixed(3).padStart(9);
    return this.#console.print(`[${seconds}] ${message}\n`);
  }

  now(): number {
    return this.#timers.now() / TICKS_PER_MILLISECOND;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.#timers.after(milliseconds * TICKS_PER_MILLISECOND, resolve));
  }

  after(ticks: number, run: () => void): () => void {
    return this.#timers.after(ticks, run);
  }

  wallClock(): number | undefined {
    return this.#wallClock.read(this.#timers.now());
  }

  open<Driver extends Vsc>(driver: VscClass<Driver>, options?: GuestOpenOptions): Promise<Driver>;
  open(interfaceId: string, options?: GuestOpenOptions): Promise<Channel>;
  async open(wanted: VscClass | string, options: GuestOpenOptions = {}): Promise<Vsc | Channel> {
    if (!this.#opener) throw new Error('only virtual processor 0 has a bus');
    if (typeof wanted === 'string') return this.#opener.open(wanted, options);
    const ringPages = options.ringPages ?? wanted.ringPages;
    const channel = await this.#opener.open(wanted.interfaceId, {
      ...options,
      ...(ringPages !== undefined && { ringPages }),
    });
    const driver = new wanted(channel, this);
    attach(driver, channel);
    return driver;
  }

  openSubchannels(primary: Channel, count: number, options: OpenOptions = {}): Promise<Channel[]> {
    if (!this.#opener) return Promise.reject(new Error('only virtual processor 0 has a bus'));
    return this.#opener.openSubchannels(primary, count, options);
  }

  onShutdown(handler: (request: ShutdownRequest) => void | Promise<void>): void {
    this.#shutdownHandlers.push(handler);
  }

  powerOff(code = 0): void {
    this.#end({ reason: 'power-off', code: Number.isInteger(code) ? code : 1 });
  }

  reset(): void {
    this.#end({ reason: 'reset' });
  }

  crash(error: unknown): void {
    if (this.#ended) return;
    const message = describeError(error);
    reportCrash(this.#vp, this.#own.crashPageGpa, message);
    this.#end({ reason: 'crash', message });
  }

  cpuid(leaf: number, subleaf = 0): readonly [number, number, number, number] {
    const out = new Uint32Array(4);
    this.#vp.cpuid(leaf, subleaf, out);
    return [out[0]!, out[1]!, out[2]!, out[3]!];
  }

  readMsr(index: number): bigint | undefined {
    const value = this.#vp.readMsr(index);
    return typeof value === 'bigint' ? value : undefined;
  }

  writeMsr(index: number, value: bigint): boolean {
    return this.#vp.writeMsr(index, BigInt.asUintN(64, value)) === undefined;
  }

  hypercall(control: bigint, rdx: bigint, r8: bigint): bigint {
    const { registers } = this.#vp;
    [control, rdx, r8].forEach((value, i) => {
      registers[2 * i] = Number(BigInt.asUintN(32, value));
      registers[2 * i + 1] = Number(BigInt.asUintN(32, value >> 32n));
    });
    this.#vp.hypercall();
    return (BigInt(registers[7]!) << 32n) | BigInt(registers[6]!);
  }

  async #runMain(module: GuestModule): Promise<void> {
    try {
      if (typeof module.default !== 'function') throw new TypeError('the guest has no default export to run');
      const code = await module.default(this);
      await this.#console.flush();
      this.#exitCode = code ?? 0;
      // A shutdown that the host asked for decides itself how it ends: by a reset, perhaps.
      if (!this.#shuttingDown) this.powerOff(this.#exitCode);
    } catch (error) {
      this.crash(error);
    }
  }

  async #runSecondary(module: GuestModule): Promise<void> {
    try {
      await module.secondary?.(this);
    } catch (error) {
      this.crash(error);
    }
  }

  #openIntegration(bus: BusClient): void {
    openIntegration(bus, {
      keyValues: this.keyValues,
      wallClock: this.#wallClock,
      now: () => this.#timers.now(),
      shutdown: (request) => void this.#shutdown(request),
    });
  }

  async #shutdown(request: ShutdownRequest): Promise<void> {
    this.#shuttingDown = true;
    try {
      if (!request.force) for (const handler of this.#shutdownHandlers) await handler(request);
      await this.#console.flush();
      if (request.reboot) this.reset();
      else this.powerOff(this.#exitCode);
    } catch (error) {
      this.crash(error);
    }
  }

  #end(end: GuestEnd): void {
    if (this.#ended) return;
    this.#ended = end;
    this.#reschedule();
  }

  /** Keeps the processor from sleeping over something that came up between two polls, in the guest's own microtasks. */
  #reschedule(): void {
    sendIpi(this.#vp, this.vpIndex, RESCHEDULE_VECTOR);
  }
}

/** Gives a driver its channel's packets, and tells it of the end. */
function attach(driver: Vsc, channel: Channel): void {
  channel.onPacket(
    (packet, from) => driver.packet(packet, from),
    (from) => driver.batchEnd?.(from),
  );
  channel.state$.subscribe((state) => {
    if (state === 'closed') driver.closed?.(channel);
  });
}
