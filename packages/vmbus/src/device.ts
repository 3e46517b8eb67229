/**
 * What a device on the bus is, from either end.
 *
 * A VSP is a synchronous state machine: one packet in, any number out, all of its state in named fields. Nothing
 * awaits, so it can be saved between any two packets and replayed exactly. Slow work belongs to a backend, which calls
 * back when it is done. A device gets its world through its constructor.
 */
import type { Clock, GuestMemory } from '@ringlet/microkernel';
import type { Channel } from './channel/channel.ts';
import type { Packet } from './channel/packet.ts';
import type { ProtocolDescription } from './device-protocol.ts';

/** What the bus announces of a device. */
export interface OfferDescription {
  /** For people: traces, `inspect`. */
  readonly name: string;
  /** What kind of device this is; the guest chooses its driver by it. A GUID. */
  readonly interfaceId: string;
  /** Which one this is. A GUID. */
  readonly instanceId: string;
  /** How the guest frames packets; `device` (the default) means the device's own format. */
  readonly kind?: 'device' | 'byte-pipe' | 'message-pipe' | 'hv-socket';
  /** Subchannels the device can serve besides its primary; 0 when absent. */
  readonly maxSubchannels?: number;
  /** Low MMIO the guest must reserve for it, in MiB. */
  readonly mmioMegabytes?: number;
  /** Position among the offers of one interface, lower first. */
  readonly order?: number;
  /** Latency in units of 100 ns for which a monitor page may be used instead of a hypercall; absent: always ring. */
  readonly monitorLatency?: number;
  /** Device-defined bytes of the offer, at most 120. */
  readonly userDefined?: Uint8Array;
}

/** Counts and reports a guest's mistakes: rate-limited by whoever supplies it. */
export interface DeviceLog {
  /** A guest did something it should not; `what` is a short constant phrase, so that repetition can be counted. */
  guestError(what: string): void;
  /** Says something that whoever runs the machine should read. */
  info(message: string): void;
}

/** What a device is given to live in. */
export interface DeviceWorld {
  /** The machine's time; in lockstep a virtual one. */
  readonly clock: Clock;
  /** The guest's memory. */
  readonly memory: GuestMemory;
  /** Where mistakes of the guest go. */
  readonly log: DeviceLog;
  /** Calls `run` once, on the device's thread, when the clock has advanced by `ticks` of 100 ns. @returns cancel. */
  after(ticks: number, run: () => void): () => void;
}

/** What a VSP may ask of the bus, for the device that it offers. */
export interface VspBus {
  /** Offers `count` subchannels in all; fewer than are offered already changes nothing. */
  offerSubchannels(count: number): void;
  /** The pages of a GPADL that the guest created on this device's channel; `undefined` when there is none. */
  gpadl(id: number): GpadlView | undefined;
}

/** A guest buffer described by a GPADL, held until {@link GpadlView.release}. */
export interface GpadlView {
  /** Bytes of the buffer. */
  readonly byteLength: number;
  /** Guest page numbers, in order, of the whole buffer. */
  readonly pages: Float64Array;
  /** Bytes before the buffer's first byte in its first page. */
  readonly offset: number;
  /** Lets the guest's teardown complete. Call exactly once. */
  release(): void;
}

/** A device in the root partition. Its class, the default export of one file, is constructed with a {@link DeviceWorld}. */
export interface Vsp<State = unknown> {
  /** What guests see of it before they open it. Constant. */
  readonly offer: OfferDescription;
  /** What its packets say, for traces and dissectors. */
  readonly protocol?: ProtocolDescription;
  /** The device is on the bus, before any guest has opened it. */
  attached?(bus: VspBus): void;
  /** A guest opened a channel of the device; packets follow. May send at once. `false` refuses the opening. */
  opened?(channel: Channel): boolean | void;
  /**
   * The channel was open when the state was saved, and is again: `restore` was called before, packets follow. Without it
   * {@link Vsp.opened} is called.
   */
  reopened?(channel: Channel): void;
  /** One packet. `false` leaves it in the ring until {@link Channel.resume}. */
  packet(packet: Packet, channel: Channel): boolean | void;
  /** All packets that were waiting have been handled; what they sent is published next. */
  batchEnd?(channel: Channel): void;
  /** The guest closed the channel. Call `done` when no backend touches its memory any more; absent: at once. */
  closed?(channel: Channel, done: () => void): void;
  /**
   * The machine was reset: what outlives a channel is as after power-up. All channels are closed; what the host has set
   * stays.
   */
  reset?(): void;
  /** The guest moved the channel's interrupts to another virtual processor. */
  retargeted?(channel: Channel, vp: number): void;
  /** Everything needed to carry on in another process: plain data, JSON-able. */
  save?(): State;
  /** Takes what `save` gave, perhaps of an earlier version of the class, before anything is opened. */
  restore?(state: State): void;
  /** What `ringlet inspect` shows. Plain data, cheap, no side effects; called at any time. */
  inspect?(): Record<string, unknown>;
  /** The machine is going away: release files and timers. Call `done` when nothing is in flight any more. */
  dispose?(done: () => void): void;
}

/**
 * What a device can be told, declared: a Standard Schema of an object, such as zod's `z.strictObject({ … })`. Checks, errors,
 * completion in editors and the device's page are made of it.
 */
export interface DeviceOptionsSchema {
  /** What Standard Schema asks of it: https://standardschema.dev. */
  readonly '~standard': {
    /** Checks the options; a device cannot wait for a promise. */
    validate(value: unknown): OptionsResult | Promise<OptionsResult>;
  };
  /** By name of the option, for suggestions. */
  readonly shape?: Readonly<Record<string, unknown>>;
}

/** Options, checked and with their defaults; or what is wrong with them. */
export type OptionsResult =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly OptionsIssue[] };

/** One mistake in options. */
export interface OptionsIssue {
  /** What is wrong, for people. */
  readonly message: string;
  /** Where, from the outermost name in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The class that a device file exports by default. */
export interface VspClass {
  /** @param options - what {@link VspClass.options} has made of what was given */
  new (world: DeviceWorld, options: never): Vsp;
  /** What it can be told with `--device FILE,name=value` or in a machine file; nothing when absent. */
  readonly options?: DeviceOptionsSchema;
}
