/**
 * The connection of one child: what it asked for, what it got, and how it ends. States as plain data.
 *
 *     disconnected ──contact──▶ connected ──unload, contact, reset──▶ disconnecting ──all closed──▶ disconnected
 *                                                                        (then answered, or negotiated anew)
 */
import type { BodyOf } from '../messages/catalogue.ts';
import { unpackContactTarget } from '../messages/codec.ts';
import { findVersion, type VersionRow } from '../messages/version.ts';
import { BUS_SINT, type MessageTarget, type MonitorPages } from './notifier.ts';

/** A contact, read the way its version says. Plain data. */
export interface Contact {
  readonly version: number;
  /** Where the child wants its messages; where a refusal is sent when the bus does not serve that place. */
  readonly target: MessageTarget;
  readonly vtl: number;
  /** GPAs as the child gave them; 0 for none. */
  readonly monitorToChild: number;
  readonly monitorToRoot: number;
}

/** Where a connection is. */
export type Connection =
  | { readonly is: 'disconnected' }
  | {
      readonly is: 'connected';
      readonly version: number;
      readonly monitor: MonitorPages | undefined;
      /** The child asked what there is: offers are announced as they come. */
      offersRequested: boolean;
    }
  | {
      readonly is: 'disconnecting';
      /** An UNLOAD waits for its answer. */
      unload: boolean;
      /** The newest contact, to be answered once everything is closed. */
      contact: Contact | undefined;
    };

/** Reads a contact's fields by the rules of the version it asks for. */
export function readContact(body: BodyOf<'InitiateContact'>): Contact {
  const row = findVersion(body.version);
  // A newer version than any we know has at least what the newest has.
  const known = row ?? { targetVp: true, connectionId: true, silo: true };
  const packed = unpackContactTarget(body.interruptPageOrTarget);
  return {
    version: body.version,
    target: { vp: known.targetVp ? body.targetVp : 0, sint: known.connectionId ? packed.sint : BUS_SINT },
    vtl: known.silo ? packed.vtl : 0,
    monitorToChild: Number(body.monitorPageToChild),
    monitorToRoot: Number(body.monitorPageToRoot),
  };
}

/** What a contact comes to. */
export type Verdict =
  | { readonly is: 'unsupported' }
  /** The version is right, the rest is not: the child learns that trying another version will not help. */
  | { readonly is: 'failure'; readonly row: VersionRow }
  | { readonly is: 'accept'; readonly row: VersionRow; readonly monitor: MonitorPages | undefined };

/** Judges a contact by its own content. Versions above `maxVersion` count as unknown. */
export function judge(contact: Contact, maxVersion: number): Verdict {
  const row = findVersion(contact.version);
  if (row === undefined || row.value > maxVersion) return { is: 'unsupported' };
  const { monitorToChild: toChild, monitorToRoot: toRoot } = contact;
  if (toChild === 0 && toRoot === 0) return { is: 'accept', row, monitor: undefined };
  const usable = isPage(toChild) && isPage(toRoot);
  return usable ? { is: 'accept', row, monitor: { toChild, toRoot } } : { is: 'failure', row };
}

const isPage = (gpa: number): boolean => gpa > 0 && Number.isSafeInteger(gpa) && gpa % 4096 === 0;
