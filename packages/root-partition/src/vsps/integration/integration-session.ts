/**
 * IntegrationSession: the host's end of any integration component, from opening to closing of its channel.
 *
 *     closed ──opened──▶ negotiating ──1/1 versions──▶ ready ◀──answer or time-out──▶ busy
 *        ▲                    └──nothing in common──▶ unsupported
 *        └────────────────────────── closed, from anywhere ──────────────────────────────
 *
 * The host speaks first, and one request is under way at a time: Linux's drivers read one packet an interrupt. A guest
 * may take minutes to answer the negotiation, or for ever (key-value exchange waits for a daemon): nothing here blocks.
 */
import {
  decodeIc,
  decodeIcVersions,
  encodeIc,
  encodeIcVersions,
  IcFlag,
  IcHeader,
  IcMessageType,
  type IcService,
  type IcVersion,
} from '@ringlet/protocols';
import type { Channel, DeviceWorld, OfferDescription, Packet } from '@ringlet/vmbus';
import { invariant } from '@ringlet/wire';

/** Longest answer that is looked at: the longest request, key-value exchange's, takes 7.5 KiB. */
const MAX_ANSWER = 13312;
/** Versions of the framework before any are agreed: what Linux finds in a first message. */
const FIRST_VERSION: IcVersion = { major: 1, minor: 0 };

/** Where a session is. */
export type SessionState = 'closed' | 'negotiating' | 'unsupported' | 'ready' | 'busy';

/** How a request ended. */
export type IcAnswer =
  | { readonly outcome: 'answered'; readonly status: number; readonly payload: Uint8Array }
  | { readonly outcome: 'timeout' | 'closed' };

/** What a session can be restored from: plain data. */
export interface SavedSession {
  /** How far the negotiation is. */
  readonly state: SessionState;
  /** The framework version that was agreed. */
  readonly framework: IcVersion;
  /** The component's version that was agreed. */
  readonly version: IcVersion;
  /** Number of the last request. */
  readonly transaction: number;
}

/** What a service does with its session. */
export interface SessionEvents {
  /** Versions are agreed: requests may be made. */
  ready?(): void;
  /** The guest closed the channel. Whoever waited for an answer was told before. */
  closed?(): void;
}

/** The offer of an integration component. */
export const integrationOffer = (name: string, service: IcService): OfferDescription => ({
  name,
  interfaceId: service.interfaceId,
  instanceId: service.instanceId,
  kind: 'message-pipe',
});

/** One component's conversation with a guest. */
export class IntegrationSession {
  readonly #service: IcService;
  readonly #world: DeviceWorld;
  readonly #events: SessionEvents;
  #channel: Channel | undefined;
  #state: SessionState = 'closed';
  #framework = FIRST_VERSION;
  #version = FIRST_VERSION;
  /** Of the last message sent; an answer must carry it. */
  #transaction = 0;
  #answered: ((answer: IcAnswer) => void) | undefined;
  #cancelTimeout: (() => void) | undefined;
  #restored = false;

  constructor(service: IcService, world: DeviceWorld, events: SessionEvents = {}) {
    this.#service = service;
    this.#world = world;
    this.#events = events;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The message version that was agreed. Meaningful when `ready` or `busy`. */
  get version(): IcVersion {
    return this.#version;
  }

  /** The channel is open: negotiates, unless the session was restored and has done so. */
  opened(channel: Channel): void {
    this.#channel = channel;
    const carryOn = this.#restored && this.#state !== 'closed';
    this.#restored = false;
    if (carryOn) return;
    this.#state = 'negotiating';
    this.#framework = FIRST_VERSION;
    this.#version = FIRST_VERSION;
    const { framework, message } = this.#service;
    this.#send(IcMessageType.Negotiate, encodeIcVersions({ framework, message }));
  }

  /** The channel is closed. */
  closed(): void {
    this.#channel = undefined;
    this.#state = 'closed';
    this.#end({ outcome: 'closed' });
    this.#events.closed?.();
  }

  /**
   * Makes a request.
   *
   * @param bytes - length of the payload that `make` will give
   * @param make - called when there is room for it: what it samples is as fresh as can be
   * @param timeout - in units of 100 ns, from now; the answer is not waited for any longer
   * @param answered - called exactly once, unless this returns false
   * @returns false when the session is not `ready`
   */
  request(bytes: number, make: () => Uint8Array, timeout: number, answered: (answer: IcAnswer) => void): boolean {
    const channel = this.#channel;
    if (this.#state !== 'ready' || channel === undefined) return false;
    this.#state = 'busy';
    this.#answered = answered;
    const transaction = this.#nextTransaction();
    this.#cancelTimeout = this.#world.after(timeout, () => this.#finish({ outcome: 'timeout' }));
    channel.whenRoom(IcHeader.size + bytes, () => {
      // Whoever asked may have given up while there was no room.
      if (this.#state !== 'busy' || this.#transaction !== transaction) return;
      const payload = make();
      invariant(payload.length === bytes, 'a request is as long as was said');
      this.#post(channel, this.#service.type, payload);
    });
    return true;
  }

  /** One packet of the guest. */
  packet(packet: Packet): void {
    if (packet.length < IcHeader.size || packet.length > MAX_ANSWER)
      return this.#guestError('message of a wrong length');
    const message = decodeIc(packet.payload())!;
    const { header } = message;
    if ((header.flags & IcFlag.Response) === 0) return this.#guestError('message that is no answer');
    if (header.transaction !== this.#transaction) return this.#guestError('answer to an earlier request');
    if (this.#state === 'negotiating' && header.type === IcMessageType.Negotiate) this.#negotiated(message.payload);
    else if (this.#state === 'busy' && header.type === this.#service.type) {
      this.#finish({ outcome: 'answered', status: header.status, payload: message.payload });
    } else this.#guestError('answer to nothing');
  }

  /** Plain data to carry on from. A request under way is not in it: its owner saves what it needs to ask again. */
  save(): SavedSession {
    return { state: this.#state, framework: this.#framework, version: this.#version, transaction: this.#transaction };
  }

  /** Carries on where {@link save} was, once the channel is opened again. */
  restore(saved: SavedSession): void {
    this.#state = saved.state;
    this.#framework = saved.framework;
    this.#version = saved.version;
    this.#transaction = saved.transaction;
    this.#restored = true;
  }

  /** After a restore, waits again for the answer to the request that was under way when it was saved. */
  resumeRequest(timeout: number, answered: (answer: IcAnswer) => void): void {
    invariant(this.#state === 'busy' && this.#answered === undefined, 'a restored request is waited for once');
    this.#answered = answered;
    this.#cancelTimeout = this.#world.after(timeout, () => this.#finish({ outcome: 'timeout' }));
  }

  /** Plain data for `inspect`. */
  inspect(): Record<string, unknown> {
    const text = ({ major, minor }: IcVersion): string => `${major}.${minor}`;
    return { state: this.#state, framework: text(this.#framework), version: text(this.#version) };
  }

  #negotiated(payload: Uint8Array): void {
    const chosen = decodeIcVersions(payload);
    const [framework, version] = [chosen?.framework[0], chosen?.message[0]];
    const valid =
      chosen?.framework.length === 1 &&
      chosen.message.length === 1 &&
      includes(this.#service.framework, framework) &&
      includes(this.#service.message, version);
    if (!valid) {
      this.#state = 'unsupported';
      return this.#guestError('no common version');
    }
    this.#framework = framework!;
    this.#version = version!;
    this.#state = 'ready';
    this.#events.ready?.();
  }

  #send(type: number, payload: Uint8Array): void {
    const channel = this.#channel!;
    const transaction = this.#nextTransaction();
    channel.whenRoom(IcHeader.size + payload.length, () => {
      if (this.#channel === channel && this.#transaction === transaction) this.#post(channel, type, payload);
    });
  }

  #post(channel: Channel, type: number, payload: Uint8Array): void {
    const message = encodeIc(
      {
        framework: this.#framework,
        type,
        version: this.#version,
        status: 0,
        transaction: this.#transaction,
        // Windows ignores time sync that is not transactional.
        flags: IcFlag.Transaction | IcFlag.Request,
      },
      payload,
    );
    channel.send(message, this.#transaction, 0);
    channel.flush();
  }

  #nextTransaction(): number {
    this.#transaction = (this.#transaction + 1) & 0xff;
    return this.#transaction;
  }

  #finish(answer: IcAnswer): void {
    this.#state = 'ready';
    // An answer that comes after all belongs to nothing any more.
    if (answer.outcome === 'timeout') this.#nextTransaction();
    this.#end(answer);
  }

  #end(answer: IcAnswer): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = undefined;
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(answer);
  }

  #guestError(what: string): void {
    this.#world.log.guestError(what);
  }
}

const includes = (list: readonly IcVersion[], version: IcVersion | undefined): boolean =>
  list.some(({ major, minor }) => major === version?.major && minor === version.minor);
