/**
 * One open channel with its device: the only place where device code is called from the bus.
 *
 * What a device throws is caught here: it is reported, its channel is faulted, and everything else goes on.
 */
import type { RingChannel } from '../channel/ring-channel.ts';
import type { GpadlView, Vsp } from '../device.ts';
import type { PacketGate } from './packet-gate.ts';

/** Reports what a device threw. */
export type DeviceFailed = (device: string, thrown: unknown) => void;

/** An open channel and what belongs to it. */
export class ServedChannel {
  readonly id: number;
  readonly ring: RingChannel;
  readonly monitorId: number;
  readonly #vsp: Vsp;
  readonly #view: GpadlView;
  readonly #failed: DeviceFailed;
  readonly #gate: PacketGate | undefined;
  #closing = false;
  /** Cancels what is still to come, when the channel closes. */
  cancel: () => void = () => {};

  constructor(
    id: number,
    ring: RingChannel,
    options: {
      readonly vsp: Vsp;
      readonly view: GpadlView;
      readonly monitorId: number;
      readonly failed: DeviceFailed;
      readonly gate?: PacketGate | undefined;
    },
  ) {
    this.id = id;
    this.ring = ring;
    this.monitorId = options.monitorId;
    this.#vsp = options.vsp;
    this.#view = options.view;
    this.#failed = options.failed;
    const { vsp, gate } = options;
    this.#gate = gate;
    ring.onPacket(
      gate === undefined
        ? (packet, channel) => vsp.packet(packet, channel)
        : (packet, channel) =>
            gate.active && gate.holds(vsp.offer.name, packet, channel) ? false : vsp.packet(packet, channel),
      vsp.batchEnd === undefined ? undefined : (channel) => vsp.batchEnd?.(channel),
    );
  }

  /** Writes to the trace whose channel it is. */
  announceToTrace(): void {
    this.ring.trace?.opened(this.#vsp.offer);
  }

  /** Name of the device that serves it. */
  get device(): string {
    return this.#vsp.offer.name;
  }

  /** Both rings: what this end knows of them, what both ends share, and how often one rang the other. */
  inspect(): Record<string, unknown> {
    const { incoming, outgoing, ...channel } = this.ring.inspect();
    const shared = this.ring.inspectShared();
    const { packetsSent, signalsSent, packetsReceived, signalsReceived } = this.ring.statistics;
    return {
      ...channel,
      incoming: {
        ...(incoming as object),
        ...shared.incoming,
        packetsPerSignal: ratio(packetsReceived, signalsReceived),
      },
      outgoing: { ...(outgoing as object), ...shared.outgoing, packetsPerSignal: ratio(packetsSent, signalsSent) },
    };
  }

  /** Tells the device. @returns whether it wants the channel. */
  opened(): boolean {
    if (this.ring.state !== 'open') return false;
    const wanted = this.#guard(() => this.#vsp.opened?.(this.ring) !== false, false);
    this.ring.flush();
    return wanted;
  }

  /** Tells the device that a channel that was open when its state was saved is open again. */
  reopened(): boolean {
    if (this.ring.state !== 'open') return false;
    const done = this.#guard(() => {
      const vsp = this.#vsp;
      if (vsp.reopened === undefined) return vsp.opened?.(this.ring) !== false;
      vsp.reopened(this.ring);
      return true;
    }, false);
    this.ring.flush();
    return done;
  }

  get hasPackets(): boolean {
    return this.ring.hasPackets;
  }

  /** Handles what waits; `stayMasked`: see {@link RingChannel.poll}. @returns whether more may be waiting. */
  poll(budget: number, stayMasked: boolean): boolean {
    try {
      return this.ring.poll(budget, stayMasked);
    } catch (thrown) {
      this.#fail(thrown);
      return false;
    }
  }

  /** Tells the device that its interrupts go elsewhere. */
  retargeted(vp: number): void {
    if (this.ring.trace !== undefined) this.ring.trace.vp = vp & 0xffff;
    this.#guard(() => this.#vsp.retargeted?.(this.ring, vp), undefined);
  }

  /** Tells the device to close; `done` is called once, when nothing touches the rings any more. */
  close(done: () => void): void {
    if (this.#closing) return;
    this.#closing = true;
    this.ring.become('closing');
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      this.end();
      done();
    };
    const vsp = this.#vsp;
    if (vsp.closed === undefined) return finish();
    try {
      vsp.closed(this.ring, finish);
    } catch (thrown) {
      this.#fail(thrown);
      finish();
    }
  }

  /** Ends the use of the rings without asking the device. */
  end(): void {
    this.cancel();
    this.#gate?.forget(this.ring);
    this.ring.close();
    this.#view.release();
  }

  #guard<T>(run: () => T, otherwise: T): T {
    try {
      return run();
    } catch (thrown) {
      this.#fail(thrown);
      return otherwise;
    }
  }

  #fail(thrown: unknown): void {
    this.ring.become('faulted');
    this.#failed(this.#vsp.offer.name, thrown);
  }
}

/** With two decimals; null when there was nothing to divide by. */
const ratio = (packets: number, signals: number): number | null =>
  signals === 0 ? null : Math.round((100 * packets) / signals) / 100;
