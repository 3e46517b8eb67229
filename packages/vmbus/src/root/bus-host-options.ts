/** What a bus in the root partition lives on, and who hears what happens there. */
import type { GuestMemory, TraceWriter } from '@ringlet/microkernel';
import type { Channel } from '../channel/channel.ts';
import type { DeviceLog } from '../device.ts';
import type { SynicEndpoint } from '../synic-endpoint.ts';
import type { BusPlace, PortKernel } from './bus-ports.ts';
import type { SocketRequest } from './notifier.ts';
import type { PacketGate } from './packet-gate.ts';
import type { RootBusOptions } from './root-bus.ts';
import type { DeviceFailed } from './served-channel.ts';

/** What a bus lives on. */
export interface BusHostOptions {
  /** Whose ports and connections the bus is made of. */
  readonly kernel: PortKernel;
  /** The root's partition and processor, and the child. */
  readonly place: BusPlace;
  /** The child's memory, as this thread sees it. */
  readonly memory: GuestMemory;
  /** The endpoint of the root's virtual processor, enabled; the host installs its handlers. */
  readonly synic: SynicEndpoint;
  /** Calls `run` once on this thread, `ticks` of 100 ns from now. @returns cancel. */
  readonly after: (ticks: number, run: () => void) => () => void;
  /** Asks for a call of {@link BusHost.poll} soon: there is work that no doorbell announces. */
  readonly wake: () => void;
  /** Where mistakes of the guest go. */
  readonly log: DeviceLog;
  /** Hears what a device threw; its channel is faulted. */
  readonly deviceFailed: DeviceFailed;
  /** Hears what becomes of the connection and of channels. */
  readonly observer?: BusObserver;
  /** Answers guest sockets that connect to the host; none are answered when absent. */
  readonly sockets?: SocketProvider;
  /** Where packets are traced, while that is switched on. */
  readonly trace?: TraceWriter | undefined;
  /** Limits, and what else differs from the usual bus. */
  readonly bus?: RootBusOptions;
  /** Holds back packets for a debugger. */
  readonly gate?: PacketGate;
}

/** Hears what happens on a bus, after it has happened. */
export interface BusObserver {
  /** A child has connected, with this version of the protocol. */
  connected?(version: string): void;
  /** The guest has unloaded its bus, or was reset. */
  disconnected?(): void;
  /** A channel is open: rings are mapped, and its device has agreed. */
  opened?(device: string, channel: Channel): void;
  /** A channel is closed, by the guest or by a rescind. */
  closed?(device: string, channel: Channel): void;
  /** The child broke a ring, or the device threw; the channel serves nobody any more. */
  faulted?(device: string, channel: Channel, why: string): void;
}

/** Serves guest sockets. */
export interface SocketProvider {
  /** Call `answer(true)` after attaching a device of kind `hv-socket` for it, `answer(false)` to refuse. */
  connect(request: SocketRequest, answer: (accepted: boolean) => void): void;
}

/** How a device is attached. */
export interface AttachOptions {
  /** The device is off the bus: detached, or a socket whose guest is gone. */
  readonly removed?: () => void;
  /** Takes the device away again if no guest opens it for so many ticks of 100 ns. */
  readonly openWithin?: number;
}
