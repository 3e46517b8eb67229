/**
 * Offers and rescinds on their way to the child.
 *
 * They are not queued as messages: what is due is remembered, each channel at most once, and put into words when nothing
 * else waits. However often devices come and go while the child does not listen, the root keeps no more than its
 * channels; an offer that was withdrawn before it was sent is never sent at all.
 */
import { encodeMessage } from '../messages/codec.ts';
import type { ChannelRecord } from './channel-record.ts';
import { offerMessage } from './offer-message.ts';
import type { OutQueue } from './out-queue.ts';

/** What is due to be said of channels, oldest first. */
export class Announcements {
  readonly #out: OutQueue;
  /** Gives the channel an id. @returns false when it must wait for one. */
  readonly #assign: (record: ChannelRecord) => boolean;
  /** A record, or the place after which ALLOFFERS_DELIVERED is true. */
  readonly #due = new Set<ChannelRecord | 'all-offers'>();

  constructor(out: OutQueue, assign: (record: ChannelRecord) => boolean) {
    this.#out = out;
    this.#assign = assign;
  }

  /** Whether ALLOFFERS_DELIVERED is still to be sent. */
  get allOffersDue(): boolean {
    return this.#due.has('all-offers');
  }

  /** The channel is to be offered, or rescinded when it is leaving. */
  add(what: ChannelRecord | 'all-offers'): void {
    this.#due.add(what);
  }

  /** Nothing is to be said of the channel any more. */
  drop(record: ChannelRecord): void {
    this.#due.delete(record);
  }

  clear(): void {
    this.#due.clear();
  }

  /** Says what is due, as long as the child takes it. */
  pump(): void {
    for (const item of this.#due) {
      if (!this.#out.empty) return;
      if (item === 'all-offers') {
        this.#due.delete(item);
        this.#out.push(encodeMessage('AllOffersDelivered', {}));
      } else if (item.leaving) {
        this.#due.delete(item);
        item.child = 'rescinded';
        this.#out.push(encodeMessage('RescindChannelOffer', { relid: item.relid }));
      } else if (this.#assign(item)) {
        this.#due.delete(item);
        item.child = 'offered';
        this.#out.push(encodeMessage('OfferChannel', offerMessage(item)));
      }
    }
  }
}
