/**
 * Time sync VSP: tells the guest the time when it opens the channel, and samples of it from then on.
 *
 * What the first message and those after a jump of the host's clock say, the guest sets its clock to. Samples it only
 * offers to whoever disciplines its clock (Linux: the PTP clock "hyperv"): set by each of them, it would step back now and
 * then by what the setting took.
 *
 * Nothing is saved: after a restore the versions are agreed anew and the clock is set once more, as Hyper-V does. That is
 * also what a guest needs whose time stood still meanwhile.
 */
import { IcTime, IcTimeFlag, IcTimeReference, IntegrationService, UNIX_EPOCH_TICKS } from '@ringlet/protocols';
import type { Channel, DeviceWorld, Packet, Vsp } from '@ringlet/vmbus';
import { integrationOffer, IntegrationSession } from './integration-session.ts';

/** In units of 100 ns: between samples, and until a silent guest is asked again. */
const INTERVAL = 50_000_000;
const TIMEOUT = 300_000_000;
const TICKS_PER_MILLISECOND = 10_000;
/** By so many milliseconds the host's clock may drift from its timer: more is a jump, of a host that slept or was set. */
const MOST_DRIFT = 1000;
/** First major version whose message names the reference time. */
const REFERENCE_VERSION = 4;

/** Where the time comes from. */
export interface TimeSyncOptions {
  /** Wall clock, in milliseconds since 1970 UTC; the host's when absent. */
  readonly wallClock?: () => number;
  /** The partition's reference time in units of 100 ns, as its own counter shows it; the device's clock when absent. */
  readonly referenceTime?: () => number;
}

/** The time of day of one guest. */
export default class TimeSync implements Vsp {
  /** What guests see of it. */
  readonly offer = integrationOffer('time synchronisation', IntegrationService.timeSync);
  readonly #world: DeviceWorld;
  readonly #session: IntegrationSession;
  readonly #wallClock: () => number;
  readonly #referenceTime: () => number;
  #setClock = true;
  #cancelNext: (() => void) | undefined;
  #sent = 0;
  /** Time of day less the device's clock, in milliseconds, at the last message. */
  #offset: number | undefined;

  constructor(world: DeviceWorld, options: TimeSyncOptions = {}) {
    this.#world = world;
    this.#wallClock = options.wallClock ?? (() => Date.now());
    this.#referenceTime = options.referenceTime ?? (() => world.clock.now());
    this.#session = new IntegrationSession(IntegrationService.timeSync, world, { ready: () => this.sync() });
  }

  /** Makes the guest set its clock: at start, and whenever its time stood still. */
  sync(): void {
    this.#setClock = true;
    this.#cancelNext?.();
    this.#next();
  }

  opened(channel: Channel): void {
    this.#session.opened(channel);
  }

  packet(packet: Packet): void {
    this.#session.packet(packet);
  }

  closed(_channel: Channel, done: () => void): void {
    this.#cancelNext?.();
    this.#session.closed();
    done();
  }

  inspect(): Record<string, unknown> {
    return { ...this.#session.inspect(), messages: this.#sent };
  }

  dispose(done: () => void): void {
    this.#cancelNext?.();
    done();
  }

  /** Sends the next message; while one is under way, its answer does. */
  #next(): void {
    const withReference = this.#session.version.major >= REFERENCE_VERSION;
    this.#session.request(
      withReference ? IcTimeReference.size : IcTime.size,
      () => this.#sample(withReference),
      TIMEOUT,
      (answer) => {
        if (answer.outcome === 'closed') return;
        if (this.#setClock) this.#next();
        else this.#cancelNext = this.#world.after(INTERVAL, () => this.#next());
      },
    );
  }

  /** Reads the clocks: called when there is room for the message, not before. */
  #sample(withReference: boolean): Uint8Array {
    const now = this.#wallClock();
    const parentTime = UNIX_EPOCH_TICKS + BigInt(Math.round(now * TICKS_PER_MILLISECOND));
    const offset = now - this.#world.clock.now() / TICKS_PER_MILLISECOND;
    if (this.#offset !== undefined && Math.abs(offset - this.#offset) > MOST_DRIFT) this.#setClock = true;
    this.#offset = offset;
    const flags = this.#setClock ? IcTimeFlag.Sync : IcTimeFlag.Sample;
    this.#setClock = false;
    this.#sent++;
    if (!withReference) return IcTime.encode({ parentTime, childTime: 0n, roundTripTime: 0n, flags });
    const referenceTime = BigInt(Math.round(this.#referenceTime()));
    return IcTimeReference.encode({ parentTime, referenceTime, flags, leap: 0, stratum: 1 });
  }
}
