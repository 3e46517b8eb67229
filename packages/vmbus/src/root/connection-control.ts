/**
 * How a child connects and leaves: contact, version, unload, reset.
 *
 * A contact of a connected child means that a new system runs in the same machine: what the old one left is closed
 * first, and only then is the contact answered. Whoever waits for an answer to UNLOAD gets it when nothing of it is
 * touched any more, not before: its memory is about to become somebody else's.
 */
import type { BodyOf } from '../messages/catalogue.ts';
import { encodeMessage } from '../messages/codec.ts';
import { ConnectionState } from '../messages/connection.ts';
import { findVersion, type VersionRow } from '../messages/version.ts';
import { judge, readContact, type Connection, type Contact } from './connection.ts';
import { BUS_SINT, type BusNotifier } from './notifier.ts';
import type { OutQueue } from './out-queue.ts';

/** Connection id that a child of version 5.0 or later posts to, when nothing else is chosen. */
const DEFAULT_CONNECTION_ID = 4;

/** Which versions a bus agrees to, and where later messages go. */
export interface ConnectionOptions {
  /** Newest version to agree to; the newest known when absent. */
  readonly maxVersion?: number;
  /** Connections that `maxVersion` does not apply to yet: firmware connects before the system that is meant. */
  readonly maxVersionAfter?: number;
  /** Connection id that a child of version 5.0 or later is told to post to; 4 when absent. */
  readonly messageConnectionId?: number;
}

/** What the connection needs of the rest of the bus. */
export interface ConnectionContext {
  readonly notifier: BusNotifier;
  readonly out: OutQueue;
  readonly options: ConnectionOptions;
  /** Closes and takes back all channels of the child; reserved ones as well when `force`. */
  readonly closeAll: (force: boolean) => void;
  /** Whether nothing touches the child's memory any more. */
  readonly quiet: () => boolean;
  readonly fault: (what: string) => void;
}

/** The connection of one child. */
export class ConnectionControl {
  readonly #context: ConnectionContext;
  #state: Connection = { is: 'disconnected' };
  #accepted = 0;
  /** Channels are being closed one by one: not the time to ask whether all are. */
  #closingAll = false;
  #whenReset: (() => void) | undefined;

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  get state(): Connection {
    return this.#state;
  }

  /** Contacts that were accepted since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The negotiated version, `undefined` when nobody is connected. */
  get version(): VersionRow | undefined {
    return this.#state.is === 'connected' ? findVersion(this.#state.version) : undefined;
  }

  /** Whether the child is connected and wants to hear of channels. */
  get announcing(): boolean {
    return this.#state.is === 'connected' && this.#state.offersRequested;
  }

  /** INITIATECONTACT. */
  contact(body: BodyOf<'InitiateContact'>): void {
    const { fault, notifier, out } = this.#context;
    const contact = readContact(body);
    if (contact.target.sint !== BUS_SINT || contact.vtl !== 0) {
      // Meant for another server, which there is not. Whoever asked listens there, not where our child does.
      fault('contact for another SINT or VTL');
      notifier.send(versionResponse(false, ConnectionState.Success, 0), contact.target);
      return;
    }
    if (this.#state.is === 'disconnected') return this.#negotiate(contact);
    // What waits is for the system before this one.
    out.clear();
    if (this.#state.is === 'disconnecting') this.#state.contact = contact;
    else this.#disconnect({ is: 'disconnecting', unload: false, contact }, false);
  }

  /** UNLOAD: always answered, connected or not, because a crashing guest waits for nothing else. */
  unload(): void {
    if (this.#state.is === 'disconnected') {
      this.#context.out.push(encodeMessage('UnloadResponse', {}));
    } else if (this.#state.is === 'disconnecting') {
      this.#state.unload = true;
      this.#state.contact = undefined;
    } else {
      this.#disconnect({ is: 'disconnecting', unload: true, contact: undefined }, false);
    }
  }

  /** REQUESTOFFERS. @returns false for the second time in one connection. */
  requestOffers(): boolean {
    if (this.#state.is !== 'connected' || this.#state.offersRequested) return false;
    this.#state.offersRequested = true;
    return true;
  }

  /** The machine is reset: nobody is answered, `done` is called when everything is closed. */
  reset(done: () => void): void {
    this.#whenReset = done;
    this.#context.out.clear();
    this.#disconnect({ is: 'disconnecting', unload: false, contact: undefined }, true);
  }

  /** Something was closed or let go: completes a disconnect when it was the last. */
  settled(): void {
    if (this.#state.is !== 'disconnecting' || this.#closingAll || !this.#context.quiet()) return;
    const { unload, contact } = this.#state;
    this.#state = { is: 'disconnected' };
    if (unload) this.#context.out.push(encodeMessage('UnloadResponse', {}));
    const done = this.#whenReset;
    this.#whenReset = undefined;
    done?.();
    if (contact !== undefined) this.#negotiate(contact);
  }

  /** Carries on from a saved state. @returns false when the child's processor or monitor pages are not there. */
  restore(state: Connection, accepted: number): boolean {
    this.#state = state;
    this.#accepted = accepted;
    return state.is !== 'connected' || this.#context.notifier.connected(this.#context.out.target, state.monitor);
  }

  #negotiate(contact: Contact): void {
    const { fault, notifier, options, out } = this.#context;
    const limited = this.#accepted >= (options.maxVersionAfter ?? 0);
    const verdict = judge(contact, limited ? (options.maxVersion ?? Infinity) : Infinity);
    out.target = contact.target;
    if (verdict.is === 'unsupported') {
      out.push(versionResponse(false, ConnectionState.Success, 0));
      return;
    }
    const { row } = verdict;
    const last = row.connectionId ? (options.messageConnectionId ?? DEFAULT_CONNECTION_ID) : row.value;
    const monitor = verdict.is === 'accept' ? verdict.monitor : undefined;
    if (verdict.is === 'failure' || !notifier.connected(contact.target, monitor)) {
      fault('contact that cannot be served');
      out.push(versionResponse(true, ConnectionState.Failure, last));
      return;
    }
    this.#accepted++;
    this.#state = { is: 'connected', version: row.value, monitor, offersRequested: false };
    out.push(versionResponse(true, ConnectionState.Success, last));
  }

  #disconnect(next: Connection, force: boolean): void {
    if (this.#state.is === 'connected') this.#context.notifier.disconnected();
    this.#state = next;
    this.#closingAll = true;
    this.#context.closeAll(force);
    this.#closingAll = false;
    this.settled();
  }
}

/** Sixteen bytes in every case: a guest drops a shorter answer, and waits forever. */
function versionResponse(supported: boolean, connectionState: number, connectionIdOrVersion: number): Uint8Array {
  return encodeMessage('VersionResponse', { supported: supported ? 1 : 0, connectionState, connectionIdOrVersion });
}
