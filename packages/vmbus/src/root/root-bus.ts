/**
 * RootBus: the root's side of one child's bus, as a pure synchronous state machine.
 *
 * Messages of the child and calls of the host go in, calls of {@link BusNotifier} come out; nothing here waits, owns a
 * port or touches the child's memory. The child is not trusted: whatever it sends, in whatever order, costs it an answer
 * at most, and never more of the root's memory than {@link RootBusLimits} say.
 *
 * Order and content of the answers are Hyper-V's, as Linux `drivers/hv` expects them.
 */
import { invariant, UserError } from '@ringlet/wire';
import type { GpadlView, OfferDescription } from '../device.ts';
import { messages, type BodyOf, type Message, type ToRoot } from '../messages/catalogue.ts';
import { MessageStatus, NO_INTERRUPTS } from '../messages/channel.ts';
import { decodeToRoot, encodeMessage, isFault, NOTHING_NEGOTIATED, type Negotiated } from '../messages/codec.ts';
import { USER_BYTES } from '../messages/connection.ts';
import type { VersionRow } from '../messages/version.ts';
import type { ChannelRecord } from './channel-record.ts';
import { ChannelTable } from './channels.ts';
import { ConnectionControl, type ConnectionOptions } from './connection-control.ts';
import { GpadlTable, type Assembled } from './gpadls.ts';
import { defaultLimits, type RootBusLimits } from './limits.ts';
import { BUS_SINT, type BusNotifier, type SocketRequest } from './notifier.ts';
import { OutQueue } from './out-queue.ts';
import { loadConnection, Restore, saveConnection } from './restore.ts';
import { saveRecord } from './saved-channel.ts';
import type { SavedBus } from './saved-state.ts';
import { SocketConnects } from './sockets.ts';

/** How a bus differs from the usual one. */
export interface RootBusOptions extends ConnectionOptions {
  /** Limits that differ from the usual ones. */
  readonly limits?: Partial<RootBusLimits>;
}

/** SINTs of a virtual processor. */
const SINTS = 16;

/** Messages that end what was before: read even while others wait, because whoever waited for those is gone. */
const URGENT: ReadonlySet<number> = new Set([messages.InitiateContact.type, messages.Unload.type]);

/** One child's bus. */
export class RootBus {
  /** The limits that apply. */
  readonly limits: RootBusLimits;
  readonly #notifier: BusNotifier;
  readonly #connection: ConnectionControl;
  readonly #out: OutQueue;
  readonly #gpadls: GpadlTable;
  readonly #channels: ChannelTable;
  readonly #sockets: SocketConnects;
  readonly #faults = new Map<string, number>();
  #restore: Restore | undefined;

  constructor(notifier: BusNotifier, options: RootBusOptions = {}) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.#notifier = notifier;
    this.#out = new OutQueue(notifier, this.limits, { vp: 0, sint: BUS_SINT });
    this.#gpadls = new GpadlTable(
      this.limits,
      (gpadl) => this.#out.push(encodeMessage('GpadlTorndown', { gpadl })),
      () => this.#connection.settled(),
    );
    this.#sockets = new SocketConnects(this.limits.socketConnects);
    this.#channels = new ChannelTable({
      limits: this.limits,
      notifier,
      gpadls: this.#gpadls,
      out: this.#out,
      announcing: () => this.#restore === undefined && this.#connection.announcing,
      monitored: () => this.#connection.state.is === 'connected' && this.#connection.state.monitor !== undefined,
      settled: () => this.#connection.settled(),
      fault: (what) => this.#fault(what),
      answerReserved: (message, target) => void notifier.send(message, target),
    });
    this.#connection = new ConnectionControl({
      notifier,
      out: this.#out,
      options,
      closeAll: (force) => {
        this.#sockets.clear();
        this.#channels.disconnect(force);
      },
      quiet: () => this.#restore === undefined && this.#channels.quiet && this.#gpadls.orphans === 0,
      fault: (what) => this.#fault(what),
    });
  }

  /** Whether a message of the child would be read now. While answers wait, it would not. */
  get ready(): boolean {
    return !this.#out.full;
  }

  /** Whether a child is connected. */
  get connected(): boolean {
    return this.#connection.state.is === 'connected';
  }

  /** The negotiated version, `undefined` when nobody is connected. */
  get version(): VersionRow | undefined {
    return this.#connection.version;
  }

  /**
   * One message of the child: any bytes.
   *
   * @returns false when it was not read because too many answers wait; give it again after {@link pump} made room
   */
  receive(data: Uint8Array): boolean {
    const type = data.length >= 4 ? data[0]! | (data[1]! << 8) | (data[2]! << 16) | (data[3]! << 24) : -1;
    if (!this.ready) {
      if (!URGENT.has(type)) return false;
      this.#out.clear();
    }
    const message = decodeToRoot(data, this.#negotiated());
    if (isFault(message)) this.#fault(`message ${message.fault}`);
    else this.#dispatch(message);
    return true;
  }

  /** Sends what was waiting for room in the child. */
  pump(): void {
    this.#out.pump();
    this.#channels.announce();
  }

  /**
   * Puts a device on the bus, before or after a child has connected.
   *
   * @returns the number by which the device is known from here on
   * @throws UserError when the same device is there already, the bus is full, or the offer cannot be put on the wire
   */
  offer(description: OfferDescription): number {
    const offer = { ...description, subchannelIndex: 0 };
    return (this.#restore?.claim(offer) ?? this.#channels.add(offer)).id;
  }

  /** Takes a device off the bus; `BusNotifier.removed` says when it is. */
  revoke(channel: number): void {
    const record = this.#channels.get(channel);
    if (record !== undefined) this.#channels.remove(record);
  }

  /** Sees to it that subchannels 1 to `count` of an open device are offered. */
  offerSubchannels(channel: number, count: number): void {
    const record = this.#channels.get(channel);
    if (record !== undefined) this.#channels.addSubchannels(record, count);
  }

  /** The device of a subchannel: the number of its primary. */
  primaryOf(channel: number): number {
    return this.#channels.get(channel)?.primary?.id ?? channel;
  }

  /** The answer to `BusNotifier.open`. */
  openCompleted(channel: number, ticket: number, opened: boolean): void {
    this.#channels.openCompleted(channel, ticket, opened);
  }

  /** The answer to `BusNotifier.close`. */
  closeCompleted(channel: number, ticket: number): void {
    this.#channels.closeCompleted(channel, ticket);
  }

  /** The answer to `BusNotifier.connectSocket`: accepted means that a channel for it was offered. */
  socketAnswered(endpointId: string, serviceId: string, accepted: boolean): void {
    if (!this.#sockets.answered({ endpointId, serviceId }) || accepted) return;
    this.#refuseSocket(endpointId, serviceId);
  }

  /** Holds a GPADL that the child created on a channel, or on one of its subchannels. */
  acquireGpadl(channel: number, gpadl: number): GpadlView | undefined {
    const record = this.#channels.get(channel);
    if (record === undefined) return undefined;
    for (const { relid } of [record, ...record.subchannels]) {
      const view = relid === 0 ? undefined : this.#gpadls.acquire(relid, gpadl);
      if (view !== undefined) return view;
    }
    return undefined;
  }

  /** Calls `visit` with each guest page that a GPADL of the child names. */
  eachGpadlPage(visit: (page: number) => void): void {
    this.#gpadls.eachPage(visit);
  }

  /** The machine is reset: everything is closed without a word to the child, then `done` is called. */
  reset(done: () => void): void {
    this.#connection.reset(done);
  }

  /** Everything needed to carry on in another process: plain data. */
  save(): SavedBus {
    return {
      format: 1,
      connection: saveConnection(this.#connection.state),
      target: { ...this.#out.target },
      connections: this.#connection.accepted,
      allOffersDue: this.#channels.allOffersDue,
      channels: [...this.#channels.records].map(saveRecord),
      gpadls: this.#gpadls.save(),
      messages: this.#out.save(),
    };
  }

  /**
   * Starts from a saved state. Offer the devices next, then call {@link restored}.
   *
   * @throws UserError when the child's processor or monitor pages are not there
   */
  restore(saved: SavedBus): void {
    invariant(this.#channels.count === 0 && !this.connected, 'only a new bus is restored');
    this.#out.target = saved.target;
    this.#out.restore(saved.messages);
    this.#gpadls.restore(saved.gpadls);
    this.#restore = new Restore(saved, this.#channels);
    if (this.#connection.restore(loadConnection(saved), saved.connections)) return;
    throw new UserError('restored-machine-differs', 'the processor or the monitor pages of the saved bus do not exist');
  }

  /** All devices are back: channels that none has claimed are rescinded, new devices are announced. */
  restored(): void {
    const restore = this.#restore;
    invariant(restore !== undefined, 'restored() follows restore()');
    this.#restore = undefined;
    restore.finish();
    this.#gpadls.finishTeardowns();
    this.#channels.announceNew();
    this.#connection.settled();
  }

  /** What `inspect` shows: at any time, without side effects. */
  inspect(): Record<string, unknown> {
    return {
      state: this.#connection.state.is,
      version: this.version?.name ?? null,
      connections: this.#connection.accepted,
      target: this.#out.target,
      messages: { sent: this.#out.sent, waiting: this.#out.length, peak: this.#out.peak },
      channels: this.#channels.inspect(),
      gpadls: this.#gpadls.inspect(),
      socketConnects: this.#sockets.count,
      guestErrors: Object.fromEntries(this.#faults),
    };
  }

  #dispatch(message: Message<ToRoot>): void {
    switch (message.name) {
      case 'InitiateContact':
      case 'InitiateContact2':
        return this.#connection.contact(message.body);
      case 'Unload':
        return this.#connection.unload();
      case 'RequestOffers':
        return this.#requestOffers();
      case 'OpenChannel':
        return this.#withChannel(message.body.relid, (record) => {
          const { relid: _, ...request } = message.body;
          this.#channels.open(record, request);
        });
      case 'CloseChannel':
        return this.#withChannel(message.body.relid, (record) => {
          if (record.reserved === undefined) this.#channels.close(record);
          else this.#fault('close of a reserved channel by the ordinary message');
        });
      case 'RelidReleased':
        return this.#withChannel(message.body.relid, (record) => {
          if (!this.#channels.release(record)) this.#fault('release of a channel in use');
        });
      case 'GpadlHeader':
        return this.#gpadlHeader(message.body);
      case 'GpadlBody':
        return this.#assembled(this.#gpadls.body(message.body));
      case 'GpadlTeardown':
        return this.#gpadlTeardown(message.body);
      case 'ModifyChannel':
        return this.#modifyChannel(message.body);
      case 'TlConnectRequest':
        return this.#connectSocket({ ...message.body, siloId: undefined });
      case 'TlConnectRequest2':
        return this.#connectSocket(message.body);
      case 'OpenReservedChannel':
        return this.#openReserved(message.body);
      case 'CloseReservedChannel':
        return this.#closeReserved(message.body);
      default:
        // Needs a version that is never negotiated: decoding refuses it before it comes here.
        this.#fault('message not served');
    }
  }

  #requestOffers(): void {
    if (this.#connection.requestOffers()) this.#channels.requestOffers();
    else this.#fault('offers requested twice');
  }

  #gpadlHeader(body: BodyOf<'GpadlHeader'>): void {
    const { relid, gpadl } = body;
    const record = this.#channels.byRelid(relid);
    if (record === undefined)
      return this.#assembled({ is: 'refused', relid, gpadl, why: 'GPADL of an unknown channel' });
    // Its id could meet one of the next connection's.
    if (record.reserved !== undefined) {
      return this.#assembled({ is: 'refused', relid, gpadl, why: 'GPADL of a reserved channel' });
    }
    this.#assembled(this.#gpadls.header(body));
  }

  #assembled(result: Assembled): void {
    if (result.is === 'incomplete') return;
    // Without a channel there is nobody to answer.
    if (result.is === 'unknown') return this.#fault('body of an unknown GPADL');
    if (result.is === 'refused') this.#fault(result.why);
    const status = result.is === 'created' ? MessageStatus.Success : MessageStatus.Failure;
    this.#out.push(encodeMessage('GpadlCreated', { relid: result.relid, gpadl: result.gpadl, status }));
  }

  #gpadlTeardown({ relid, gpadl }: BodyOf<'GpadlTeardown'>): void {
    const reserved = this.#channels.byRelid(relid)?.reserved !== undefined;
    const result = reserved ? 'invalid' : this.#gpadls.teardown(relid, gpadl);
    if (result === 'invalid') this.#fault('teardown of an unknown GPADL');
    if (result === 'now') this.#out.push(encodeMessage('GpadlTorndown', { gpadl }));
  }

  #modifyChannel({ relid, targetVp }: BodyOf<'ModifyChannel'>): void {
    const record = this.#channels.byRelid(relid);
    const moved = record !== undefined && record.reserved === undefined && this.#channels.retarget(record, targetVp);
    if (!moved) this.#fault('move of a channel that cannot be moved');
    if (this.version?.modifyChannelResponse !== true) return;
    const status = moved ? MessageStatus.Success : MessageStatus.Failure;
    this.#out.push(encodeMessage('ModifyChannelResponse', { relid, status }));
  }

  #connectSocket(request: SocketRequest): void {
    const { serviceId, endpointId } = request;
    const taken = this.#channels.holds({ interfaceId: serviceId, instanceId: endpointId });
    if (taken || !this.#sockets.add(request)) {
      this.#fault(taken ? 'socket that exists' : 'too many socket connects');
      return this.#refuseSocket(endpointId, serviceId);
    }
    this.#notifier.connectSocket(request);
  }

  #refuseSocket(endpointId: string, serviceId: string): void {
    if (this.version?.modifyChannel !== true) return;
    const status = MessageStatus.ConnectionRefused;
    this.#out.push(encodeMessage('TlConnectResult', { endpointId, serviceId, status }));
  }

  #openReserved(body: BodyOf<'OpenReservedChannel'>): void {
    const { ringGpadl, downstreamPageOffset, targetVp, targetSint } = body;
    if (targetSint >= SINTS) return this.#fault('reserved channel with a SINT that does not exist');
    this.#withChannel(body.relid, (record) => {
      const userData = new Uint8Array(USER_BYTES);
      const request = { openId: 0, ringGpadl, targetVp: NO_INTERRUPTS, downstreamPageOffset, userData };
      this.#channels.open(record, request, { vp: targetVp, sint: targetSint });
    });
  }

  #closeReserved(body: BodyOf<'CloseReservedChannel'>): void {
    this.#withChannel(body.relid, (record) => {
      if (record.reserved === undefined || body.targetSint >= SINTS) {
        return this.#fault('close of a channel that is not reserved');
      }
      // A crashed guest answers from another processor than the one that opened it.
      record.reserved = { vp: body.targetVp, sint: body.targetSint };
      this.#channels.close(record);
    });
  }

  #withChannel(relid: number, act: (record: ChannelRecord) => void): void {
    const record = this.#channels.byRelid(relid);
    if (record === undefined) this.#fault('message about an unknown channel');
    else act(record);
  }

  #negotiated(): Negotiated {
    const { version } = this.#connection;
    return version === undefined ? NOTHING_NEGOTIATED : { version: version.value, features: 0 };
  }

  #fault(what: string): void {
    this.#faults.set(what, (this.#faults.get(what) ?? 0) + 1);
    this.#notifier.guestError(what);
  }
}
