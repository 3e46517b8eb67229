/** A bus with a child made of calls, for tests: what the child posts goes in, what it would see is recorded. */
import { invariant } from '@ringlet/wire';
import type { OfferDescription } from '../src/device.ts';
import type { BodyOf, Message, ToChild, ToRoot } from '../src/messages/catalogue.ts';
import { decodeToChild, encodeMessage, isFault, packContactTarget } from '../src/messages/codec.ts';
import { gpadlMessages } from '../src/messages/gpadl-ranges.ts';
import { Version } from '../src/messages/version.ts';
import type { BusNotifier, MessageTarget, MonitorPages, OpenOrder, SocketRequest } from '../src/root/notifier.ts';
import { RootBus, type RootBusOptions } from '../src/root/root-bus.ts';
import type { SavedBus } from '../src/root/saved-state.ts';

/** Everything negotiated, so that whatever the root sends is decoded. */
const ALL = { version: Version.V6_0, features: 0x7f };

/** Instance GUID number `n`. */
export const instance = (n: number): string => `00000000-0000-0000-0000-${n.toString(16).padStart(12, '0')}`;

/** A plain device. */
export const device = (n: number, more: Partial<OfferDescription> = {}): OfferDescription => ({
  name: `device ${n}`,
  interfaceId: 'f912ad6d-2b17-48ea-bd65-f927a61c7684',
  instanceId: instance(n),
  ...more,
});

/** A contact as Linux sends it. */
export const contact = (version: number, more: Partial<BodyOf<'InitiateContact'>> = {}): BodyOf<'InitiateContact'> => ({
  version,
  targetVp: 0,
  interruptPageOrTarget: version < Version.V5_0 ? 0x5000n : packContactTarget({ sint: 2, vtl: 0, featureFlags: 0 }),
  monitorPageToChild: 0n,
  monitorPageToRoot: 0n,
  ...more,
});

/** Monitor pages, as part of a contact. */
export const MONITORED = { monitorPageToChild: 0x1000n, monitorPageToRoot: 0x2000n };

/** The offers among messages. */
export const offersIn = (sent: readonly Message[]): BodyOf<'OfferChannel'>[] =>
  sent.flatMap((each) => (each.name === 'OfferChannel' ? each.body : []));

/** The body of an opening of rings of four pages each. */
export const opening = (relid: number, ringGpadl: number, more: Partial<BodyOf<'OpenChannel'>> = {}) => ({
  relid,
  openId: 0x100 + relid,
  ringGpadl,
  targetVp: 0,
  downstreamPageOffset: 4,
  userData: new Uint8Array(120),
  ...more,
});

/** A child of calls, the host around the bus, and a record of what each was told. */
export class Harness implements BusNotifier {
  readonly bus: RootBus;
  /** What was sent to the child, in order. */
  sent: { readonly message: Message<ToChild>; readonly target: MessageTarget }[] = [];
  /** What the host was told, as `open 3`. */
  told: string[] = [];
  readonly orders = new Map<number, OpenOrder>();
  readonly tickets = new Map<number, number>();
  readonly errors: string[] = [];
  readonly sockets: SocketRequest[] = [];
  /** Whether the child empties its message slot. */
  listening = true;
  /** Answers openings at once with this; `undefined`: the test answers. */
  opens: boolean | undefined = true;
  /** Answers closings at once. */
  closes = true;
  /** Whether processors, and pages, that the child names exist. */
  connectable = true;
  retargetable = true;
  reopenable = true;

  constructor(options?: RootBusOptions) {
    this.bus = new RootBus(this, options);
  }

  /** The child posts a message. @returns whether it was read. */
  post<N extends ToRoot>(name: N, body: BodyOf<N>): boolean {
    return this.bus.receive(encodeMessage(name, body));
  }

  /** Connects, asks for offers, and forgets what was sent. */
  connect(version: number = Version.V5_3, more: Partial<BodyOf<'InitiateContact'>> = {}): void {
    this.post('InitiateContact', contact(version, more));
    this.post('RequestOffers', {});
    this.sent = [];
    this.told = [];
  }

  /** Connects, asks for offers, and gives what is offered. */
  offered(more: Partial<BodyOf<'InitiateContact'>> = {}): BodyOf<'OfferChannel'>[] {
    this.post('InitiateContact', contact(Version.V5_3, more));
    this.post('RequestOffers', {});
    return offersIn(this.take());
  }

  /** Creates a GPADL of whole pages. */
  createGpadl(relid: number, gpadl: number, pageCount = 8): void {
    const pages = Float64Array.from({ length: pageCount }, (_, i) => 0x100 + i);
    for (const each of gpadlMessages(relid, gpadl, { byteCount: pageCount * 4096, byteOffset: 0, pages })) {
      this.bus.receive(each);
    }
  }

  /** Creates rings and opens a channel. */
  openChannel(relid: number, gpadl = 0xe1e10 + relid): void {
    this.createGpadl(relid, gpadl);
    this.post('OpenChannel', opening(relid, gpadl));
  }

  /** What was sent since the last call: name and body. */
  take(): Message<ToChild>[] {
    const messages = this.sent.map((each) => each.message);
    this.sent = [];
    return messages;
  }

  /** Names of what was sent since the last call. */
  takeNames(): string[] {
    return this.take().map((each) => each.name);
  }

  /** The state that `inspect` shows of each channel, by channel id. */
  states(): Record<number, string> {
    const channels = this.bus.inspect()['channels'] as { relid: number; state: string }[];
    return Object.fromEntries(channels.map((each) => [each.relid, each.state]));
  }

  /** The only state, of a bus with one channel. */
  state(): string | undefined {
    return (this.bus.inspect()['channels'] as { state: string }[])[0]?.state;
  }

  /** Answers the opening of a channel that waits. */
  finishOpen(channel: number, opened = true): void {
    this.bus.openCompleted(channel, this.tickets.get(channel) ?? -1, opened);
  }

  /** Answers the closing of a channel that waits. */
  finishClose(channel: number): void {
    this.bus.closeCompleted(channel, this.tickets.get(channel) ?? -1);
  }

  /** The bus saved, put through JSON, and restored in a new harness with these devices. */
  moved(devices: readonly OfferDescription[], prepare: (next: Harness) => void = () => {}): Harness {
    const next = new Harness();
    prepare(next);
    next.bus.restore(JSON.parse(JSON.stringify(this.bus.save())) as SavedBus);
    for (const each of devices) next.bus.offer(each);
    next.bus.restored();
    return next;
  }

  send(message: Uint8Array, target: MessageTarget): boolean {
    if (!this.listening) return false;
    const decoded = decodeToChild(message, ALL);
    invariant(!isFault(decoded), 'the root sends messages that decode');
    this.sent.push({ message: decoded, target });
    return true;
  }

  connected(target: MessageTarget, monitor: MonitorPages | undefined): boolean {
    this.told.push(`connected ${target.vp}${monitor === undefined ? '' : ' monitored'}`);
    return this.connectable;
  }

  disconnected(): void {
    this.told.push('disconnected');
  }

  open(channel: number, ticket: number, order: OpenOrder): void {
    this.told.push(`open ${channel}`);
    this.orders.set(channel, order);
    this.tickets.set(channel, ticket);
    if (this.opens !== undefined) this.bus.openCompleted(channel, ticket, this.opens);
  }

  reopen(channel: number, order: OpenOrder): boolean {
    this.told.push(`reopen ${channel}`);
    this.orders.set(channel, order);
    return this.reopenable;
  }

  close(channel: number, ticket: number): void {
    this.told.push(`close ${channel}`);
    this.tickets.set(channel, ticket);
    if (this.closes) this.bus.closeCompleted(channel, ticket);
  }

  retarget(channel: number, vp: number): boolean {
    this.told.push(`retarget ${channel} ${vp}`);
    return this.retargetable;
  }

  removed(channel: number): void {
    this.told.push(`removed ${channel}`);
  }

  connectSocket(request: SocketRequest): void {
    this.sockets.push(request);
  }

  guestError(what: string): void {
    this.errors.push(what);
  }
}
