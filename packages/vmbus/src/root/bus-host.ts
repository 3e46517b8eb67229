/**
 * BusHost: one machine's bus in the root partition, from the SynIC to the devices.
 *
 * It joins the state machine of the bus with the microkernel's ports, the child's memory, rings and devices. It owns no
 * thread: whoever runs the root's virtual processor calls {@link BusHost.poll} when that processor's doorbell rang, when
 * {@link BusHostOptions.wake} was called, and as long as poll says that there is more.
 *
 *     SynIC ── messages ──▶ RootBus ── open, close ──▶ ServedChannel ──▶ Vsp
 *       └───── events ───▶ TurnQueue ── turns ──────────────┘
 */
import { invariant } from '@ringlet/wire';
import { ChannelTrace } from '../channel/channel-trace.ts';
import { RingChannel } from '../channel/ring-channel.ts';
import { WatchedChannels } from '../channel/watched-channels.ts';
import type { Vsp, VspBus } from '../device.ts';
import { SYNIC_MESSAGE_TYPE } from '../messages/catalogue.ts';
import type { AttachOptions, BusHostOptions } from './bus-host-options.ts';
import { BusPorts } from './bus-ports.ts';
import { MAX_RELID } from './limits.ts';
import { MonitoredChannels } from './monitored-channels.ts';
import { BUS_SINT, type BusNotifier, type MessageTarget, type OpenOrder, type SocketRequest } from './notifier.ts';
import { RootBus } from './root-bus.ts';
import type { SavedBus } from './saved-state.ts';
import { ServedChannel, type DeviceFailed } from './served-channel.ts';
import { TurnQueue } from './turn-queue.ts';

interface Device {
  readonly vsp: Vsp;
  readonly removed: (() => void)[];
  /** Cancels the wait for an opening. */
  expired: () => void;
}

/** Packets that one channel handles before the others get their turn. */
const PACKETS_PER_TURN = 256;
/** How long the child may take until it heeds interrupts of a channel whose opening was answered: 100 ms. */
const SETTLE_TICKS = 1_000_000;
/** Polls of the SynIC that empty it of whatever a child without processors has left there. */
const MOST_DRAINS = 1024;
/** How soon a message is offered again to a child whose slot was full: 1 ms. */
const RETRY_TICKS = 10_000;

/** One machine's bus. */
export class BusHost {
  /** The state machine behind it. */
  readonly bus: RootBus;
  readonly #options: BusHostOptions;
  readonly #ports: BusPorts;
  readonly #devices = new Map<number, Device>();
  readonly #served: (ServedChannel | undefined)[] = Array.from({ length: MAX_RELID + 1 }, () => undefined);
  readonly #turns = new TurnQueue();
  readonly #watched = new WatchedChannels<ServedChannel>();
  readonly #monitored: MonitoredChannels;
  #retryTimer: (() => void) | undefined;
  #deviceFailures = 0;
  /** What the child says is thrown away. */
  #deaf = false;
  /** The version that was reported. */
  #version: string | undefined;
  /** Inside {@link BusHost.poll}, which says itself whether there is more. */
  #polling = false;

  constructor(options: BusHostOptions) {
    this.#options = options;
    this.#ports = new BusPorts(options.kernel, options.place);
    this.#monitored = new MonitoredChannels(options, (relid) => this.#rang(relid));
    this.bus = new RootBus(this.#notifier(), options.bus);
    options.synic.onMessage((type, payload) => this.#deaf || type !== SYNIC_MESSAGE_TYPE || this.bus.receive(payload));
    options.synic.onEvent((flag) => this.#rang(flag));
  }

  /** Puts a device on the bus, at any time. @throws UserError when it cannot be offered, and what the device throws. */
  attach(vsp: Vsp, options: AttachOptions = {}): void {
    const id = this.bus.offer(vsp.offer);
    const device: Device = { vsp, removed: options.removed === undefined ? [] : [options.removed], expired: () => {} };
    this.#devices.set(id, device);
    if (options.openWithin !== undefined) {
      device.expired = this.#options.after(options.openWithin, () => this.bus.revoke(id));
    }
    const bus: VspBus = {
      offerSubchannels: (count) => this.bus.offerSubchannels(id, count),
      gpadl: (gpadl) => this.bus.acquireGpadl(id, gpadl),
    };
    try {
      vsp.attached?.(bus);
    } catch (thrown) {
      this.bus.revoke(id);
      throw thrown;
    }
  }

  /**
   * Guest pages that the bus and its devices keep to: those of GPADLs, whose places rings and buffers remember, and the
   * monitor pages. They must not be unmapped.
   */
  heldPages(): Set<number> {
    const pages = new Set(this.#monitored.pageNumbers);
    this.bus.eachGpadlPage((page) => pages.add(page));
    return pages;
  }

  /** Takes a device off the bus; `done` is called when it is closed and nothing will call it any more. */
  detach(vsp: Vsp, done: () => void = () => {}): void {
    for (const [id, device] of this.#devices) {
      if (device.vsp !== vsp) continue;
      device.removed.push(done);
      return this.bus.revoke(id);
    }
    done();
  }

  /**
   * Does what there is to do: messages, then a turn for each channel that was rung.
   *
   * @param budget - packets that one channel may handle before the others get their turn
   * @param stayAwake - the thread will not sleep before it has called this again: busy channels are watched instead of
   * being rung, and {@link BusHost.peek} tells when to call
   * @returns whether there is more to do at once; otherwise the thread may sleep until it is woken
   */
  poll(budget: number = PACKETS_PER_TURN, stayAwake = false): boolean {
    this.#polling = true;
    if (!stayAwake)
      for (let each = this.#watched.take(); each; each = this.#watched.take()) this.#turns.add(each.ring.relid);
    this.bus.pump();
    const more = this.#options.synic.poll();
    this.#monitored.poll();
    for (let turns = this.#turns.length; turns > 0; turns--) this.#run(this.#turns.take(), budget, stayAwake);
    this.bus.pump();
    this.#polling = false;
    this.#reportConnection();
    return more || this.#turns.length > 0;
  }

  /** For a thread that stays awake: whether a watched channel has packets, which the next poll will handle. Cheap. */
  peek(): boolean {
    const served = this.#watched.look();
    if (served === undefined) return false;
    this.#turns.add(served.ring.relid);
    return true;
  }

  /** Writes to the trace whose channels are open: for a trace that is switched on now. */
  announceToTrace(): void {
    for (const served of this.#served) served?.announceToTrace();
  }

  /**
   * The machine is reset, its processors have stopped: closes everything without a word to the child, then resets devices.
   * Of what the child has still said, nothing is heard any more when `done` is called.
   */
  reset(done: () => void): void {
    this.bus.reset(() => {
      this.#deaf = true;
      for (let polls = 0; polls < MOST_DRAINS && this.#options.synic.poll(); polls++);
      this.#deaf = false;
      for (const { vsp } of this.#devices.values()) this.#resetDevice(vsp);
      this.#reportConnection();
      done();
    });
  }

  /** The machine goes away: closes everything, then gives the ports back. */
  dispose(done: () => void): void {
    this.bus.reset(() => {
      this.#monitored.dispose();
      this.#retryTimer?.();
      for (const device of this.#devices.values()) device.expired();
      this.#ports.dispose();
      done();
    });
  }

  /** Everything that the bus itself needs to carry on elsewhere. Devices save their own. */
  save(): SavedBus {
    return this.bus.save();
  }

  /** Starts from a saved state, in a new host. Attach and restore the devices next, then call {@link restored}. */
  restore(saved: SavedBus): void {
    this.bus.restore(saved);
  }

  /** All devices are back: channels are open again, and whoever was owed a doorbell is rung. */
  restored(): void {
    this.bus.restored();
    this.#options.wake();
  }

  /** What `inspect` shows. */
  inspect(): Record<string, unknown> {
    const { channels, ...bus } = this.bus.inspect();
    const inspected: Record<string, unknown> = {};
    for (const [position, channel] of (channels as { relid: number }[]).entries()) {
      const { relid } = channel;
      const served = relid === 0 ? undefined : this.#served[relid];
      // One that the child does not know has no relid.
      inspected[relid === 0 ? `unannounced ${position}` : relid] = {
        ...channel,
        ...(served && { rings: served.inspect() }),
      };
    }
    const devices: Record<string, unknown> = {};
    for (const { vsp } of this.#devices.values()) {
      const { name } = vsp.offer;
      let [key, twin] = [name, 1];
      while (key in devices) key = `${name} ${++twin}`;
      devices[key] = this.#inspect(vsp);
    }
    return {
      bus,
      channels: inspected,
      devices,
      waitingForTurn: this.#turns.length,
      undeliverable: this.#ports.undeliverable,
      deviceFailures: this.#deviceFailures,
    };
  }

  /** Reported here rather than when it happens: the version stands when the child's message has been dealt with. */
  #reportConnection(): void {
    const version = this.bus.version?.name;
    if (version === this.#version) return;
    this.#version = version;
    if (version === undefined) this.#options.observer?.disconnected?.();
    else this.#options.observer?.connected?.(version);
  }

  #notifier(): BusNotifier {
    return {
      send: (message, target) => this.#send(message, target),
      connected: (target, monitor) => this.#ports.setTarget(target.vp) && this.#monitored.connect(monitor),
      disconnected: () => this.#monitored.disconnect(),
      open: (id, ticket, order) => this.bus.openCompleted(id, ticket, this.#open(id, order)),
      reopen: (id, order) => this.#reopen(id, order),
      close: (id, ticket) => this.#close(id, ticket),
      retarget: (id, vp) => this.#retarget(id, vp),
      removed: (id) => this.#removed(id),
      connectSocket: (request) => this.#connectSocket(request),
      guestError: (what) => this.#options.log.guestError(what),
    };
  }

  #send(message: Uint8Array, target: MessageTarget): boolean {
    const usual = target.sint === BUS_SINT && this.#ports.setTarget(target.vp);
    if (this.#ports.post(message, usual ? undefined : target)) return true;
    // Nobody tells when the child has emptied its slot.
    this.#retryTimer ??= this.#options.after(RETRY_TICKS, this.#retry);
    return false;
  }

  #open(id: number, order: OpenOrder): boolean {
    const served = this.#serve(id, order);
    if (served === undefined) return false;
    if (!served.opened()) {
      this.#drop(served);
      return false;
    }
    this.#devices.get(this.bus.primaryOf(id))?.expired();
    // Some drivers ignore interrupts until they have seen the answer to their opening.
    served.cancel = this.#options.after(SETTLE_TICKS, () => this.#catchUp(served));
    this.#options.observer?.opened?.(served.device, served.ring);
    return true;
  }

  #reopen(id: number, order: OpenOrder): boolean {
    const served = this.#serve(id, order);
    if (served === undefined) return false;
    if (served.reopened()) {
      this.#catchUp(served);
      return true;
    }
    this.#drop(served);
    return false;
  }

  /** Doorbells first, so that none is lost; then the rings; the device sees both ready. */
  #serve(id: number, order: OpenOrder): ServedChannel | undefined {
    const { relid, request, subchannelIndex, incoming, outgoing, monitorId } = order;
    const device = this.#devices.get(this.bus.primaryOf(id));
    const view = this.bus.acquireGpadl(id, request.ringGpadl);
    invariant(device !== undefined && view !== undefined, 'a channel is opened with a device and a ring GPADL');
    const signal = this.#ports.open(relid, request.targetVp);
    if (signal === undefined) {
      view.release();
      return undefined;
    }
    const { memory } = this.#options;
    const { userData } = request;
    const pollSoon = (): void => this.#soon(relid);
    const trace =
      this.#options.trace &&
      new ChannelTrace(this.#options.trace, this.#options.place.child, relid, subchannelIndex, request.targetVp);
    const ends = { incoming, outgoing, signal, pollSoon, trace };
    const ring = new RingChannel({ relid, subchannelIndex, userData, memory, ...ends });
    const failed: DeviceFailed = (name, thrown) => {
      this.#deviceFailures++;
      this.#options.deviceFailed(name, thrown);
    };
    const served = new ServedChannel(id, ring, { vsp: device.vsp, view, monitorId, failed, gate: this.#options.gate });
    this.#served[relid] = served;
    if (trace?.writer.on === true) trace.opened(device.vsp.offer);
    this.#monitored.add(monitorId, relid, device.vsp.offer.monitorLatency ?? 0);
    return served;
  }

  #close(id: number, ticket: number): void {
    const served = this.#served.find((each) => each?.id === id);
    // Saved in the middle of closing and restored: there is nothing left to close.
    if (served === undefined) return this.bus.closeCompleted(id, ticket);
    served.close(() => {
      this.#forget(served);
      this.#options.observer?.closed?.(served.device, served.ring);
      this.bus.closeCompleted(id, ticket);
    });
  }

  #drop(served: ServedChannel): void {
    served.end();
    this.#forget(served);
  }

  #forget(served: ServedChannel): void {
    const { relid } = served.ring;
    this.#ports.close(relid);
    this.#served[relid] = undefined;
    this.#monitored.remove(served.monitorId);
  }

  #retarget(id: number, vp: number): boolean {
    const served = this.#served.find((each) => each?.id === id);
    if (served === undefined || !this.#ports.retarget(served.ring.relid, vp)) return false;
    served.retargeted(vp);
    return true;
  }

  #resetDevice(vsp: Vsp): void {
    try {
      vsp.reset?.();
    } catch (thrown) {
      this.#deviceFailures++;
      this.#options.deviceFailed(vsp.offer.name, thrown);
    }
  }

  #removed(id: number): void {
    const device = this.#devices.get(id);
    this.#devices.delete(id);
    device?.expired();
    for (const each of device?.removed ?? []) each();
  }

  #connectSocket(request: SocketRequest): void {
    const { endpointId, serviceId } = request;
    const answer = (accepted: boolean): void => this.bus.socketAnswered(endpointId, serviceId, accepted);
    if (this.#options.sockets === undefined) answer(false);
    else this.#options.sockets.connect(request, answer);
  }

  #rang(relid: number): void {
    const served = this.#served[relid];
    // A doorbell may cross a closing.
    if (served === undefined) return;
    served.ring.rang();
    this.#turns.add(relid);
  }

  #run(relid: number, budget: number, stayAwake: boolean): void {
    const served = this.#served[relid];
    if (served === undefined) return;
    const open = served.ring.state === 'open';
    if (served.poll(budget, stayAwake && this.#watched.add(served))) this.#turns.add(relid);
    if (!open || served.ring.state === 'open') return;
    const { fault } = served.ring;
    if (fault !== undefined) this.#options.log.guestError(`ring ${fault}`);
    if (served.ring.state === 'faulted') {
      this.#options.observer?.faulted?.(served.device, served.ring, fault ?? 'the device failed');
    }
  }

  /** Looks at the rings again, and rings the child if it is owed it. */
  #catchUp(served: ServedChannel): void {
    served.ring.signalIfOwed();
    this.#soon(served.ring.relid);
  }

  /** Gives a channel a turn that no doorbell announces. */
  #soon(relid: number): void {
    this.#turns.add(relid);
    if (!this.#polling) this.#options.wake();
  }

  readonly #retry = (): void => {
    this.#retryTimer = undefined;
    this.#options.wake();
  };

  #inspect(vsp: Vsp): Record<string, unknown> {
    const { interfaceId, instanceId } = vsp.offer;
    try {
      return { interfaceId, instanceId, ...vsp.inspect?.() };
    } catch (thrown) {
      return { interfaceId, instanceId, inspectFailed: String(thrown) };
    }
  }
}
