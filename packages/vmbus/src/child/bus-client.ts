/**
 * BusClient: the child's side of the bus. It connects, learns of offers, and opens channels on rings in its own memory.
 *
 * Inside are state machines that messages move; promises exist at this edge only. The thread that owns the virtual
 * processor calls {@link BusClient.poll}; everything happens within that call or within a call of the guest.
 *
 *     Contact ── version ──▶ ChannelTable ── offers, open, close      GpadlTable ── buffers
 *          └──────────── PostQueue ── HvCallPostMessage ──────────────────┘
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { concat, defer, from, map, type Observable, Subject } from 'rxjs';
import type { Channel } from '../channel/channel.ts';
import { RingChannel } from '../channel/ring-channel.ts';
import { type BodyOf, type Message, SYNIC_MESSAGE_TYPE, type ToChild, type ToRoot } from '../messages/catalogue.ts';
import { decodeToChild, encodeMessage, isFault, NOTHING_NEGOTIATED } from '../messages/codec.ts';
import type { GpadlRange } from '../messages/gpadl-ranges.ts';
import { type VersionRow, versions as allVersions } from '../messages/version.ts';
import type { SynicEndpoint, SynicVp } from '../synic-endpoint.ts';
import { ChannelRuns } from './channel-runs.ts';
import { BusError } from './bus-error.ts';
import { ChannelTable, type OpenOptions } from './channel-table.ts';
import { type Connection, Contact } from './contact.ts';
import { doorbellOf } from './doorbell.ts';
import { GpadlTable } from './gpadl-table.ts';
import { Hypercalls, type HypercallVp } from './hypercalls.ts';
import type { Offer, OfferEvent } from './offer.ts';
import { type After, PostQueue } from './post-queue.ts';
import type { PageSource, RingMemory } from './ring-memory.ts';
import { ends, settle } from './settling.ts';
import { SocketConnections } from './socket-connections.ts';

/** Pages that a connection takes: interrupt page, and the two monitor pages. */
const CONNECTION_PAGES = 3;

/** What a bus client lives on. */
export interface BusClientOptions {
  /** The processor whose hypercalls and SynIC it uses. */
  readonly vp: SynicVp & HypercallVp;
  /** The VP's endpoint, enabled; the client installs its message and event handlers. */
  readonly synic: SynicEndpoint;
  /** Where the pages of rings and monitor pages come from. */
  readonly pages: PageSource;
  /** A page for hypercall input that nothing else uses. */
  readonly inputPageGpa: number;
  /** Calls back once after that many ticks of 100 ns. */
  readonly after: After;
  /** Asks for a call of {@link BusClient.poll} soon; the owner may look at {@link BusClient.pending} instead. */
  readonly wake?: () => void;
  /** Versions to try, in order; newest first when absent. */
  readonly versions?: readonly VersionRow[];
  /** Virtual processor that `vp` is: where bus messages go. */
  readonly targetVp?: number;
}

/** A buffer of the guest that the root may use, by id, until {@link BusClient.tearDownGpadl}. */
export interface Gpadl {
  /** Number that the guest has given it. */
  readonly id: number;
  /** The channel that it belongs to. */
  readonly relid: number;
}

/** The child's end of the bus, on one virtual processor. */
export class BusClient {
  readonly #options: BusClientOptions;
  readonly #hypercalls: Hypercalls;
  readonly #queue: PostQueue;
  readonly #gpadls: GpadlTable;
  readonly #channels: ChannelTable;
  readonly #sockets: SocketConnections;
  readonly #changes = new Subject<OfferEvent>();
  readonly #runs = new ChannelRuns();
  readonly #takeInterrupts = (): boolean => this.#options.synic.poll();

  #state: 'disconnected' | 'contacting' | 'requesting' | 'connected' | 'unloading' = 'disconnected';
  #contact: Contact | undefined;
  #connection: Connection | undefined;
  #connected: { promise: Promise<Connection>; ended: (result: Connection | BusError) => void } | undefined;
  #unloaded: (() => void)[] = [];
  #firstPage = -1;
  /** Messages from the root that answered nothing, named nothing or were not messages. */
  #ignoredMessages = 0;
  /** Event flags of channels that are not open: a doorbell may cross a closing. */
  #ignoredEvents = 0;

  constructor(options: BusClientOptions) {
    this.#options = options;
    this.#hypercalls = new Hypercalls(options.vp, options.inputPageGpa);
    this.#queue = new PostQueue(this.#hypercalls, options.after);
    this.#gpadls = new GpadlTable(
      (message) => this.#queue.post(this.#connection!.connectionId, message),
      (relid, gpadl) => this.#post('GpadlTeardown', { relid, gpadl }),
    );
    this.#channels = new ChannelTable({
      memory: options.vp.memory,
      pages: options.pages,
      gpadls: this.#gpadls,
      post: (name, body) => this.#post(name, body),
      createChannel: (offer, rings, userData) => this.#createChannel(offer, rings, userData),
      changed: (event) => this.#changed(event),
    });
    this.#sockets = new SocketConnections(options.after, (endpointId, serviceId) =>
      this.#post('TlConnectRequest', { endpointId, serviceId }),
    );
    options.synic.onMessage((type, payload) => {
      if (type === SYNIC_MESSAGE_TYPE) this.#message(payload);
      return true;
    });
    options.synic.onEvent((flag) => this.interrupt(flag));
  }

  /** What was agreed with the root; `undefined` while there is no connection. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** What is offered now. */
  get offers(): readonly Offer[] {
    return this.#channels.offers;
  }

  /** First what is offered now, then each change as it happens. */
  readonly offers$: Observable<OfferEvent> = defer(() =>
    concat(from(this.offers).pipe(map((offer) => this.#channels.eventOf(offer))), this.#changes),
  );

  /**
   * Negotiates a version and asks for offers; resolves when the root says that it has sent them all. Called again, it
   * gives the same connection.
   *
   * @throws BusError `no-bus`, `not-accepted`, `no-memory`, `wrong-state` while unloading
   */
  connect(): Promise<Connection> {
    if (this.#state === 'unloading') return Promise.reject(new BusError('wrong-state', 'the bus is being unloaded'));
    if (this.#connected) return this.#connected.promise;
    let ended: (result: Connection | BusError) => void = () => {};
    const promise = new Promise<Connection>((resolve, reject) => {
      ended = settle(resolve, reject);
    });
    this.#connected = { promise, ended };
    this.#startContact();
    return promise;
  }

  /** Opens an offered channel. @throws BusError */
  open(offer: Offer, options: OpenOptions = {}): Promise<Channel> {
    return new Promise((resolve, reject) => {
      if (this.#refuseUnlessConnected(reject)) return;
      this.#channels.openChannel(offer, options, settle(resolve, reject));
    });
  }

  /**
   * Closes a channel and its subchannels; resolves when the root has given up their pages. The same begins when the
   * channel's own `close` is called.
   */
  close(channel: Channel): Promise<void> {
    return new Promise((resolve, reject) => this.#channels.closeChannel(channel, ends(resolve, reject)));
  }

  /** Moves a channel's interrupts to another virtual processor (bus version 4.1 and later). @throws BusError */
  retarget(channel: Channel, targetVp: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#refuseUnlessConnected(reject)) return;
      const { version } = this.#connection!;
      if (!version.modifyChannel) return reject(new BusError('not-supported', `not in version ${version.name}`));
      this.#channels.modifyChannel(channel, targetVp, version.modifyChannelResponse, ends(resolve, reject));
    });
  }

  /** Describes a buffer to the root on behalf of an offered channel. @throws BusError */
  createGpadl(offer: Offer, range: GpadlRange): Promise<Gpadl> {
    return new Promise((resolve, reject) => {
      if (this.#refuseUnlessConnected(reject)) return;
      const { relid } = offer;
      const id: number = this.#gpadls.create(relid, range, (error) => (error ? reject(error) : resolve({ id, relid })));
    });
  }

  /** Takes a buffer back; when it resolves, the root touches its pages no more. @throws BusError */
  tearDownGpadl(gpadl: Gpadl): Promise<void> {
    return new Promise((resolve, reject) => this.#gpadls.tearDown(gpadl.id, ends(resolve, reject)));
  }

  /**
   * Connects a socket to a service of the host (hv_sock); resolves with the offer of its channel. A root may refuse in
   * silence, so give it `timeoutTicks` of 100 ns. @throws BusError
   */
  connectSocket(endpointId: string, serviceId: string, timeoutTicks = 20_000_000): Promise<Offer> {
    return new Promise((resolve, reject) => {
      if (this.#refuseUnlessConnected(reject)) return;
      const { version } = this.#connection!;
      if (!version.sockets) return reject(new BusError('not-supported', `no sockets in version ${version.name}`));
      this.#sockets.connect(endpointId, serviceId, timeoutTicks, settle(resolve, reject));
    });
  }

  /** Ends the connection: all channels close, all offers go. Resolves when the root has let go of everything. */
  unload(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === 'disconnected') return resolve();
      this.#unloaded.push(resolve);
      if (this.#state === 'unloading') return;
      const contacting = this.#state === 'contacting';
      this.#state = 'unloading';
      if (contacting) this.#disconnected();
      else this.#post('Unload', {});
    });
  }

  /**
   * A channel's interrupt. The endpoint calls it; so does whoever received one on another virtual processor.
   *
   * @param flag - channel id; of a channel that is not open, it is counted and ignored
   */
  interrupt(flag: number): void {
    const channel = this.#channels.open[flag];
    if (!channel) {
      this.#ignoredEvents++;
      return;
    }
    channel.rang();
    this.#runs.run(channel);
  }

  /** Whether {@link poll} has something to do although no interrupt is pending. */
  get pending(): boolean {
    return this.#runs.pending;
  }

  /**
   * Hears the processor's interrupts and runs channels.
   *
   * @param stayAwake - the processor will not sleep before it has called this again: busy channels are watched instead of
   * being rung, and {@link BusClient.peek} tells when to call
   * @returns whether there is more to do at once
   */
  poll(stayAwake = false): boolean {
    return this.#runs.round(stayAwake, this.#takeInterrupts);
  }

  /** For a processor that stays awake: whether a watched channel has packets, which the next poll will handle. Cheap. */
  peek(): boolean {
    return this.#runs.peek();
  }

  /** For `ringlet inspect` and tests. */
  inspect(): Record<string, unknown> {
    return {
      state: this.#state,
      version: this.#connection?.version.name ?? null,
      channels: this.#channels.inspect(),
      gpadls: this.#gpadls.size,
      queuedMessages: this.#queue.length,
      postRetries: this.#queue.retries,
      postFailures: this.#queue.failures,
      ignoredMessages: this.#ignoredMessages,
      ignoredEvents: this.#ignoredEvents,
    };
  }

  #startContact(): void {
    this.#state = 'contacting';
    this.#firstPage = this.#options.pages.allocate(CONNECTION_PAGES);
    if (this.#firstPage < 0) {
      this.#contactEnded(new BusError('no-memory', 'no pages for the connection'));
      return;
    }
    const { memory } = this.#options.vp;
    const gpa = this.#firstPage * PAGE_SIZE;
    memory.fill(gpa, 0, CONNECTION_PAGES * PAGE_SIZE);
    this.#contact = new Contact(
      this.#options.versions ?? allVersions,
      {
        targetVp: this.#options.targetVp ?? 0,
        interruptPageGpa: gpa,
        monitorPageToChildGpa: gpa + PAGE_SIZE,
        monitorPageToRootGpa: gpa + 2 * PAGE_SIZE,
      },
      (connectionId, message, failed) => this.#queue.post(connectionId, message, failed),
      (result) => this.#contactEnded(result),
    );
    this.#contact.next();
  }

  #contactEnded(result: Connection | BusError): void {
    this.#contact = undefined;
    if (result instanceof BusError) {
      this.#disconnected(result);
      return;
    }
    this.#connection = result;
    this.#state = 'requesting';
    this.#post('RequestOffers', {});
  }

  #disconnected(error = new BusError('disconnected', 'the bus was disconnected')): void {
    this.#state = 'disconnected';
    this.#contact = undefined;
    this.#queue.clear();
    this.#channels.clear();
    this.#gpadls.clear();
    this.#runs.clear();
    this.#sockets.clear(error);
    this.#connection = undefined;
    if (this.#firstPage >= 0) this.#options.pages.free(this.#firstPage, CONNECTION_PAGES);
    this.#firstPage = -1;
    const connected = this.#connected;
    this.#connected = undefined;
    connected?.ended(error); // of no effect when it had been connected
    const unloaded = this.#unloaded;
    this.#unloaded = [];
    for (const resolve of unloaded) resolve();
  }

  #refuseUnlessConnected(reject: (error: BusError) => void): boolean {
    const refused = this.#state !== 'connected' && this.#state !== 'requesting';
    if (refused) reject(new BusError('disconnected', 'the bus is not connected'));
    return refused;
  }

  #post<N extends ToRoot>(name: N, body: BodyOf<N>): void {
    invariant(this.#connection, 'messages are posted on a connection');
    this.#queue.post(this.#connection.connectionId, encodeMessage(name, body));
  }

  #createChannel(offer: Offer, rings: RingMemory, userData: Uint8Array): RingChannel {
    const { memory } = this.#options.vp;
    const monitorPageGpa = (this.#firstPage + 2) * PAGE_SIZE;
    const channel: RingChannel = new RingChannel({
      relid: offer.relid,
      subchannelIndex: offer.subchannelIndex,
      userData,
      memory,
      incoming: rings.incoming,
      outgoing: rings.outgoing,
      signal: doorbellOf(offer, this.#hypercalls, memory, monitorPageGpa),
      pollSoon: () => {
        this.#runs.soon(channel);
        this.#options.wake?.();
      },
    });
    return channel;
  }

  #changed(event: OfferEvent): void {
    this.#changes.next(event);
    if (event.kind === 'offered' && event.offer.socket) this.#sockets.offered(event.offer);
  }

  #message(payload: Uint8Array): void {
    const version = this.#connection?.version ?? this.#contact?.version;
    const negotiated = version ? { version: version.value, features: 0 } : NOTHING_NEGOTIATED;
    const message = decodeToChild(payload, negotiated);
    if (isFault(message) || !this.#handle(message)) this.#ignoredMessages++;
  }

  /** @returns whether the message meant anything. */
  #handle(message: Message<ToChild>): boolean {
    const { name, body } = message;
    if (name === 'VersionResponse') {
      if (!this.#contact) return false;
      this.#contact.response(body);
      return true;
    }
    if (name === 'UnloadResponse') {
      if (this.#state !== 'unloading') return false;
      this.#disconnected();
      return true;
    }
    // While unloading, offers and answers are of a connection that is over.
    if (this.#state !== 'connected' && this.#state !== 'requesting') return false;
    switch (name) {
      case 'OfferChannel':
        return this.#channels.offered(body);
      case 'AllOffersDelivered':
        if (this.#state !== 'requesting') return false;
        this.#state = 'connected';
        this.#connected!.ended(this.#connection!);
        return true;
      case 'RescindChannelOffer':
        return this.#channels.rescinded(body.relid);
      case 'OpenResult':
        return this.#channels.openResult(body);
      case 'GpadlCreated':
        return this.#gpadls.created(body.relid, body.gpadl, body.status);
      case 'GpadlTorndown':
        return this.#gpadls.torndown(body.gpadl);
      case 'ModifyChannelResponse':
        return this.#channels.modifyResult(body);
      case 'TlConnectResult':
        return this.#sockets.answered(body);
      default:
        return false; // messages of versions that are never negotiated
    }
  }
}
