/**
 * Contact: agreeing on a version with the root, newest first (Linux `drivers/hv/connection.c`).
 *
 * A version is refused in two ways: the root answers "not supported", or nobody listens on the connection id that the
 * version uses. Either way the next older one is tried. One contact is under way at a time, so an answer needs no id.
 */
import type { BodyOf } from '../messages/catalogue.ts';
import { encodeMessage, packContactTarget } from '../messages/codec.ts';
import { ConnectionState } from '../messages/connection.ts';
import type { VersionRow } from '../messages/version.ts';
import { BusError } from './bus-error.ts';

/** Where contacts of 5.0 and later are posted; a later message goes where the answer says. */
const CONTACT_CONNECTION = 4;
/** Where everything of older versions is posted. */
const LEGACY_CONNECTION = 1;
/** The SINT that messages to us use. */
const VMBUS_SINT = 2;

/** What was agreed. */
export interface Connection {
  /** The version that both ends speak. */
  readonly version: VersionRow;
  /** Where messages to the root are posted. */
  readonly connectionId: number;
}

/** What a contact tells the root of us. */
export interface ContactPages {
  /** Virtual processor that messages to us go to. */
  readonly targetVp: number;
  /** For versions that want one; nothing is ever read from it. */
  readonly interruptPageGpa: number;
  readonly monitorPageToChildGpa: number;
  /** Its trigger bits are our doorbells on monitored channels. */
  readonly monitorPageToRootGpa: number;
}

/** Posts to a connection id; `failed` hears of a hypercall that was refused for good. */
export type PostContact = (connectionId: number, message: Uint8Array, failed: () => void) => void;

/** One attempt to connect, over all versions. */
export class Contact {
  readonly #versions: readonly VersionRow[];
  readonly #pages: ContactPages;
  readonly #post: PostContact;
  readonly #ended: (result: Connection | BusError) => void;
  #tried = -1;
  #answered = false;

  /** Starts at once. `ended` is called exactly once, from {@link response} or from within `post`. */
  constructor(
    versions: readonly VersionRow[],
    pages: ContactPages,
    post: PostContact,
    ended: (result: Connection | BusError) => void,
  ) {
    this.#versions = versions;
    this.#pages = pages;
    this.#post = post;
    this.#ended = ended;
  }

  /** Asks for the next version, or gives up. Called once to start. */
  next(): void {
    const version = this.#versions[++this.#tried];
    if (version === undefined) {
      this.#ended(
        this.#answered
          ? new BusError('not-accepted', 'the root supports none of the versions that were tried')
          : new BusError('no-bus', 'nobody answers on the connection ids of the bus'),
      );
      return;
    }
    const { targetVp, interruptPageGpa, monitorPageToChildGpa, monitorPageToRootGpa } = this.#pages;
    const message = encodeMessage('InitiateContact', {
      version: version.value,
      targetVp,
      interruptPageOrTarget: version.connectionId
        ? packContactTarget({ sint: VMBUS_SINT, vtl: 0, featureFlags: 0 })
        : BigInt(interruptPageGpa),
      monitorPageToChild: BigInt(monitorPageToChildGpa),
      monitorPageToRoot: BigInt(monitorPageToRootGpa),
    });
    this.#post(version.connectionId ? CONTACT_CONNECTION : LEGACY_CONNECTION, message, () => this.next());
  }

  /** The version being tried: what the answer is decoded by. */
  get version(): VersionRow | undefined {
    return this.#versions[this.#tried];
  }

  /** VERSION_RESPONSE. */
  response(body: BodyOf<'VersionResponse'>): void {
    const version = this.version!;
    this.#answered = true;
    if (body.supported === 0) {
      this.next();
    } else if (body.connectionState !== ConnectionState.Success) {
      // An older version would find the same root in the same state.
      this.#ended(new BusError('not-accepted', `the root failed the connection with state ${body.connectionState}`));
    } else {
      const connectionId = version.connectionId ? body.connectionIdOrVersion : LEGACY_CONNECTION;
      this.#ended({ version, connectionId });
    }
  }
}
