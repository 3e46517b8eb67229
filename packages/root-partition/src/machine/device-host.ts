/**
 * Device host: everything of one machine that lives in the root partition, on one thread.
 *
 * It opens the disks, builds the VSPs, puts them on the machine's bus, and lets whoever drives the thread (a worker
 * with a doorbell, or a virtual clock) call {@link DeviceHost.poll}. What the outside wants of it comes as a named
 * request with plain data, so that it can come from another thread.
 */
import type { Clock, Microkernel, TraceWriter } from '@ringlet/microkernel';
import {
  BusHost,
  type BusObserver,
  type DeviceLayouts,
  type DeviceWorld,
  protocolLayouts,
  type SavedBus,
  SynicEndpoint,
  type Vsp,
} from '@ringlet/vmbus';
import type { TimeSyncOptions } from '../vsps/integration/time-sync.ts';
import type { LoadedDevice } from './construct-device.ts';
import { GuestErrorLog } from './guest-error-log.ts';
import type { GuestFacts } from './guest-watch.ts';
import { type DebugRequests, MachineDebug, type PacketHeldEvent } from './machine-debug.ts';
import { type DeviceFileRequests, type DeviceReplacement, MachineDevices } from './machine-devices.ts';
import {
  type DiskDescription,
  type DiskRequests,
  type HandedDisks,
  MachineDisks,
  type SavedDisks,
} from './machine-disks.ts';
import { type DisplayDescription, type DisplayRequests, MachineDisplay, NO_DISPLAY } from './machine-display.ts';
import { type FileRequests, MachineFiles } from './machine-files.ts';
import { type IntegrationRequests, MachineIntegration } from './machine-integration.ts';
import {
  type DynamicMemoryDescription,
  FIXED_MEMORY,
  MachineMemory,
  type MemoryEvent,
  type MemoryRequests,
} from './machine-memory.ts';
import { MachineNetwork, type NetworkOpener, type NetworkRequests, type NicDescription } from './machine-network.ts';
import type { Answers, MachinePart } from './machine-part.ts';
import { MachineSockets, type SocketRequests } from './machine-sockets.ts';
import type { DisplayEvent } from './screen-reports.ts';
import { TimerQueue } from './timer-queue.ts';

/** What a machine's devices are made from: plain data. */
export interface DeviceHostDescription {
  /** The machine's name, which guests are told. */
  readonly name: string;
  /** Number of its partition. */
  readonly partition: number;
  /** The root virtual processor that serves this machine. */
  readonly rootVp: number;
  /** Memory that the guest starts with. */
  readonly memoryBytes: number;
  /** Its disks. */
  readonly disks: readonly DiskDescription[];
  /** Virtual processors; 1 when absent. */
  readonly cpus?: number;
  /** Its network adapters. */
  readonly networks?: readonly NicDescription[];
  /** Its screen, keyboard and mouse; none when absent. */
  readonly display?: DisplayDescription;
  /** Directory of the Unix sockets that the guest's are connected with; none when absent. */
  readonly sockets?: string | undefined;
  /** Its memory, if that can change while it runs. */
  readonly memory?: DynamicMemoryDescription | undefined;
}

/** What a device host is constructed with. */
export interface DeviceHostOptions {
  /** This thread's handle on the microkernel. */
  readonly kernel: Microkernel;
  /** Reference time, for devices and their timers. */
  readonly clock: Clock;
  /** Where the SynIC pages of the root virtual processor lie in the root's memory. */
  readonly synicPages: { readonly messagePageGpa: number; readonly eventPageGpa: number };
  /** What the machine is made of. */
  readonly description: DeviceHostDescription;
  /** Devices from files, in the order in which they are offered. */
  readonly devices: readonly LoadedDevice[];
  /** Imports a new version of one of them. Rejects with a UserError. */
  readonly load: (replacement: DeviceReplacement) => Promise<LoadedDevice>;
  /** The clock is a virtual one: disks are read inline and the time of day counts from a fixed date, deterministically. */
  readonly virtualTime?: boolean;
  /** What NICs are plugged into, where that is not what their description says. */
  readonly openNetwork?: NetworkOpener;
  /** What a host of the same machine has left, to go on from. */
  readonly suspended?: SuspendedDevices;
  /** Something that the outside should know of. */
  report(event: DeviceHostEvent): void;
  /** The trace of this thread, which the kernel writes to, too; none when absent. */
  readonly trace?: TraceWriter | undefined;
  /** Asks whoever drives this host for a call of {@link DeviceHost.poll} soon. */
  wake(): void;
}

/** Devices that stand still, between two hosts. */
export interface SuspendedDevices {
  /** Plain data. */
  readonly state: SavedDevices;
  /** Open disks, which the next host takes over; it opens those of its description when absent. */
  readonly disks?: HandedDisks;
}

/** What devices and their bus need to carry on. Plain data. */
export interface SavedDevices {
  /** The bus, with channels, GPADLs and messages that wait. */
  readonly bus: SavedBus;
  /** By the GUID of their instance. */
  readonly devices: Readonly<Record<string, unknown>>;
  /** Which disks there are, without what was written to them. */
  readonly disks: SavedDisks;
  /** Which NICs have somebody at the other end of their cable. */
  readonly links: readonly boolean[];
}

/** Something that happened to a machine's devices. Plain data. */
export type DeviceHostEvent =
  | { readonly type: 'bus-connected'; readonly version: string }
  | { readonly type: 'bus-disconnected' }
  | { readonly type: 'channel-opened'; readonly device: string; readonly relid: number; readonly subchannel: number }
  | { readonly type: 'channel-closed'; readonly device: string; readonly relid: number }
  | { readonly type: 'channel-faulted'; readonly device: string; readonly relid: number; readonly why: string }
  | { readonly type: 'heartbeat'; readonly state: string }
  /** What the guest says of itself, by key-value exchange. */
  | { readonly type: 'guest-facts'; readonly facts: GuestFacts }
  /** The guest did something that it should not; repeated ones come less and less often, with their count. */
  | { readonly type: 'guest-error'; readonly device: string; readonly what: string; readonly count: number }
  /** A device from a file was replaced by the file's new version. */
  | { readonly type: 'device-replaced'; readonly device: string; readonly file: string }
  /** What a device from a file declares of its packets. */
  | { readonly type: 'protocol'; readonly protocol: DeviceLayouts }
  | { readonly type: 'device-error'; readonly device: string; readonly message: string }
  | PacketHeldEvent
  | DisplayEvent
  | MemoryEvent;

/** What the outside may ask of a machine's devices: name, parameters and answer of each request. */
export interface DeviceHostRequests
  extends
    DebugRequests,
    DeviceFileRequests,
    DiskRequests,
    FileRequests,
    IntegrationRequests,
    DisplayRequests,
    MemoryRequests,
    NetworkRequests,
    SocketRequests {
  /** The tree of `ringlet inspect`, as far as it is the devices'. */
  inspect(parameters: Record<string, never>): Record<string, unknown>;
  /** Gives the trace of this thread a ring, and switches it on or off. Whose the open channels are is traced first. */
  trace(parameters: { readonly on: boolean; readonly ring?: SharedArrayBuffer }): void;
  /**
   * Puts all devices into the state after power-up; what the host has put into them stays. The guest's processors have
   * stopped. Answered when nothing touches its memory any more.
   */
  reset(parameters: Record<string, never>): void;
  /** Closes everything. Nothing may be asked afterwards. */
  dispose(parameters: Record<string, never>): void;
}

const TICKS_PER_MILLISECOND = 10_000;
/** The time of day at which virtual time begins. */
export const VIRTUAL_EPOCH = Date.UTC(2020, 0, 1);
/** The root partition's id. */
const ROOT_PARTITION = 1;

/** One machine's devices. */
export class DeviceHost {
  readonly #options: DeviceHostOptions;
  readonly #timers: TimerQueue;
  readonly #log: GuestErrorLog;
  readonly #synic: SynicEndpoint;
  readonly #bus: BusHost;
  readonly #parts: readonly MachinePart<unknown>[];
  /** Settles when the machine may start. Rejects with a UserError when it may not: then it is to be disposed of. */
  readonly ready: Promise<void>;
  readonly #answers: Answers<DeviceHostRequests>;
  readonly #vsps: Vsp[] = [];
  readonly #disks: MachineDisks;
  readonly #network: MachineNetwork;
  readonly #display: MachinePart<unknown>;
  /** Devices from files, which need not be able to be saved. */
  readonly #fromFiles: number;
  #disposed = false;

  /** @throws UserError when a disk or a network cannot be opened, or a device file holds no device */
  constructor(options: DeviceHostOptions) {
    this.#options = options;
    const { kernel, clock, description, synicPages } = options;
    this.#timers = new TimerQueue(clock);
    this.#log = new GuestErrorLog((device, what, count) =>
      options.report({ type: 'guest-error', device, what, count }),
    );
    const memory = kernel.memory(description.partition);
    const world = (device: string): DeviceWorld => ({
      clock,
      memory,
      log: this.#log.of(device),
      after: (ticks, run) => this.#timers.after(ticks, run),
    });
    const io = options.virtualTime ? 'inline' : 'adaptive';
    // First of all: a disk that cannot be opened leaves nothing behind.
    const { suspended } = options;
    const disks = new MachineDisks(description.disks, { world, io, handed: suspended?.disks });
    this.#disks = disks;
    const network = opened(disks, () => {
      const { name, networks = [], cpus = 1 } = description;
      const { openNetwork: open } = options;
      return new MachineNetwork(networks, { world, name, cpus, open, links: suspended?.state.links });
    });
    this.#network = network;
    const sockets = new MachineSockets({
      directory: description.sockets,
      world,
      attach: (vsp, how) => this.#bus.attach(vsp, how),
      detach: (vsp) => this.#bus.detach(vsp),
      wake: () => options.wake(),
    });
    const { partition: child, rootVp } = description;
    const debug = new MachineDebug({
      report: (event) => options.report(event),
      devices: () => this.#vsps.map((vsp) => vsp.offer.name),
    });
    this.#synic = new SynicEndpoint(kernel.vp(ROOT_PARTITION, rootVp), synicPages);
    this.#synic.enable();
    this.#bus = new BusHost({
      kernel,
      place: { rootPartition: ROOT_PARTITION, rootVp, child },
      memory,
      synic: this.#synic,
      after: (ticks, run) => this.#timers.after(ticks, run),
      wake: () => options.wake(),
      log: this.#log.of('vmbus'),
      deviceFailed: (device, thrown) => options.report({ type: 'device-error', device, message: describe(thrown) }),
      observer: reporter((event) => options.report(event)),
      sockets,
      gate: debug.gate,
      trace: options.trace,
    });
    const integration = new MachineIntegration({
      world,
      time: this.#timeSource(options.virtualTime ?? false),
      heartbeat: (state) => options.report({ type: 'heartbeat', state }),
      facts: (facts) => options.report({ type: 'guest-facts', facts }),
    });
    const display = description.display
      ? new MachineDisplay(description.display, { kernel, partition: child, world, report: (e) => options.report(e) })
      : NO_DISPLAY;
    const dynamic = description.memory
      ? new MachineMemory(description.memory, {
          kernel,
          partition: child,
          world,
          held: () => this.#bus.heldPages(),
          report: (event) => options.report(event),
        })
      : FIXED_MEMORY;
    const files = new MachineFiles({ world, io, disk: (place) => disks.disk(place) });
    const devices = new MachineDevices({
      world,
      attach: (vsp, how) => {
        if (vsp.protocol) options.report({ type: 'protocol', protocol: protocolLayouts(vsp.protocol) });
        this.#bus.attach(vsp, how);
      },
      detach: (vsp, done) => {
        this.#bus.detach(vsp, done);
        options.wake();
      },
      load: options.load,
      replaced: (device, file) => {
        options.report({ type: 'device-replaced', device, file });
        options.wake();
      },
    });
    this.#parts = [integration, disks, network, display, dynamic, sockets, files, devices, debug];
    this.#answers = {
      ...integration.answers,
      ...disks.answers,
      ...network.answers,
      ...display.answers,
      ...dynamic.answers,
      ...files.answers,
      ...devices.answers,
      ...debug.answers,
      ...this.#own,
    };
    this.#display = display;
    this.#fromFiles = options.devices.length;
    this.ready = network.ready;
    if (suspended) this.#bus.restore(suspended.state.bus);
    for (const { vsps } of this.#parts) vsps.forEach((vsp) => this.#add(vsp));
    try {
      devices.attach(options.devices);
      if (suspended) this.#resume(suspended.state);
    } catch (error) {
      // Ports and disks are there already: they are given back before anybody can ask for it.
      void this.request('dispose', {});
      throw error;
    }
  }

  /**
   * Handles what waits: timers, bus messages, packets.
   *
   * @param stayAwake - the thread comes back without sleeping, see {@link BusHost.poll}
   * @returns whether it knows of more
   */
  poll(stayAwake = false): boolean {
    if (this.#disposed) return false;
    const ran = this.#timers.run();
    return this.#bus.poll(undefined, stayAwake) || ran;
  }

  /** Whether it can be suspended: whoever has asked has had the answer, and every device can be saved. */
  get canBeSuspended(): boolean {
    return this.#fromFiles === 0 && this.#disks.canBeHanded;
  }

  /** Stops where it is, for another host to go on. Nothing is closed, and nobody is told. */
  suspend(): Required<SuspendedDevices> {
    // The next one lays it over the guest's memory again.
    this.#display.suspend?.();
    const devices = this.#vsps.flatMap((vsp) => {
      const saved = vsp.save?.();
      return saved === undefined ? [] : [[vsp.offer.instanceId, saved]];
    });
    const state: SavedDevices = {
      bus: this.#bus.save(),
      devices: Object.fromEntries(devices) as Record<string, unknown>,
      disks: this.#disks.save(),
      links: this.#network.save(),
    };
    this.#disposed = true;
    // Through JSON, as it would be from a file.
    return { state: JSON.parse(JSON.stringify(state)) as SavedDevices, disks: this.#disks.handOver() };
  }

  /** For a thread that stays awake: whether packets wait that nobody rang for. Cheap. */
  peek(): boolean {
    return this.#bus.peek();
  }

  /** Clock time at which something is due; Infinity when nothing is. */
  nextDue(): number {
    return this.#timers.nextDue;
  }

  /** Answers a request from outside. */
  async request<Name extends keyof DeviceHostRequests>(
    name: Name,
    parameters: Parameters<DeviceHostRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<DeviceHostRequests[Name]>>> {
    const answer = await (this.#answers[name] as (given: typeof parameters) => unknown)(parameters);
    return answer as Awaited<ReturnType<DeviceHostRequests[Name]>>;
  }

  readonly #own: Answers<Pick<DeviceHostRequests, 'inspect' | 'trace' | 'reset' | 'dispose'>> = {
    inspect: () => ({
      vmbus: this.#bus.inspect(),
      ...Object.assign({}, ...this.#parts.map((part) => part.inspect())),
      guestErrors: this.#log.inspect(),
    }),
    trace: ({ on, ring }) => {
      const { trace } = this.#options;
      if (ring !== undefined) trace?.plug(ring);
      if (on) this.#bus.announceToTrace();
      trace?.switch(on);
    },
    reset: async () => {
      await new Promise<void>((quiet) => this.#bus.reset(quiet));
      for (const part of this.#parts) part.reset?.();
    },
    dispose: async () => {
      await new Promise<void>((closed) => this.#bus.dispose(closed));
      for (const owners of [this.#vsps, this.#parts]) {
        await Promise.all(
          owners.map((owner) => new Promise<void>((done) => (owner.dispose ? owner.dispose(done) : done()))),
        );
      }
      this.#synic.disable();
      this.#disposed = true;
    },
  };

  #timeSource(virtual: boolean): TimeSyncOptions {
    const { kernel, clock, description } = this.#options;
    const referenceTime = () => kernel.referenceTime(description.partition);
    if (!virtual) return { referenceTime };
    return { referenceTime, wallClock: () => VIRTUAL_EPOCH + clock.now() / TICKS_PER_MILLISECOND };
  }

  #resume({ devices }: SavedDevices): void {
    for (const vsp of this.#vsps) {
      const saved = devices[vsp.offer.instanceId];
      if (saved !== undefined) vsp.restore?.(saved);
    }
    this.#bus.restored();
  }

  #add(vsp: Vsp): void {
    this.#vsps.push(vsp);
    this.#bus.attach(vsp);
  }
}

/** Makes the next part; when it cannot be made, gives back what the one before has opened. */
function opened<Part>(before: MachinePart<unknown>, make: () => Part): Part {
  try {
    return make();
  } catch (error) {
    for (const vsp of before.vsps) vsp.dispose?.(() => {});
    throw error;
  }
}

/** Turns what happens on the bus into events. */
function reporter(report: (event: DeviceHostEvent) => void): BusObserver {
  return {
    connected: (version) => report({ type: 'bus-connected', version }),
    disconnected: () => report({ type: 'bus-disconnected' }),
    opened: (device, { relid, subchannelIndex: subchannel }) =>
      report({ type: 'channel-opened', device, relid, subchannel }),
    closed: (device, { relid }) => report({ type: 'channel-closed', device, relid }),
    faulted: (device, { relid }, why) => report({ type: 'channel-faulted', device, relid, why }),
  };
}

const describe = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
