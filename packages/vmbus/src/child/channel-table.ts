/**
 * ChannelTable: the offers of one connection and what the guest made of them.
 *
 *     offered ──open──▶ opening ──result──▶ open ──close──▶ closing ──torndown──▶ offered
 *        └───────────────────┴───── rescind ───┴───────────────┘ ──▶ released, forgotten
 *
 * The root is not believed blindly: methods that take its messages return false for a channel id out of range or
 * unknown, and for an answer to nothing that was asked.
 */
import type { GuestMemory } from '@ringlet/microkernel';
import type { Channel } from '../channel/channel.ts';
import type { RingChannel } from '../channel/ring-channel.ts';
import type { BodyOf, ToRoot } from '../messages/catalogue.ts';
import type { OfferChannel } from '../messages/connection.ts';
import { USER_BYTES } from '../messages/connection.ts';
import { BusError } from './bus-error.ts';
import { type Ended, type GpadlTable, wholePages } from './gpadl-table.ts';
import { type Offer, type OfferEvent, offerOf, RELID_LIMIT } from './offer.ts';
import { allocateRings, type PageSource, type RingMemory } from './ring-memory.ts';

/** How a channel is opened. */
export interface OpenOptions {
  /** Pages of each ring, header page included; 16 KiB of data and a header when absent. */
  readonly ringPages?: number;
  /** At most 120 bytes that the device reads. */
  readonly userData?: Uint8Array;
  /** Virtual processor that the channel interrupts; 0 when absent. */
  readonly targetVp?: number;
}

const DEFAULT_RING_PAGES = 5;

/** What a table needs of its connection. */
export interface ChannelPort {
  readonly memory: GuestMemory;
  readonly pages: PageSource;
  readonly gpadls: GpadlTable;
  post<N extends ToRoot>(name: N, body: BodyOf<N>): void;
  /** Puts a channel object on rings that the root has accepted. */
  createChannel(offer: Offer, rings: RingMemory, userData: Uint8Array): RingChannel;
  changed(event: OfferEvent): void;
}

interface Slot {
  readonly offer: Offer;
  readonly primary: Slot | undefined;
  state: 'offered' | 'opening' | 'open' | 'closing';
  openId: number;
  rings: RingMemory | undefined;
  gpadl: number;
  userData: Uint8Array;
  targetVp: number;
  channel: RingChannel | undefined;
  opened: ((result: Channel | BusError) => void) | undefined;
  /** Everyone who waits for the closing. */
  closed: Ended[];
  modified: Ended | undefined;
}

/** All offers and channels of one connection. */
export class ChannelTable {
  readonly #port: ChannelPort;
  readonly #slots = new Map<number, Slot>();
  readonly #slotOfChannel = new WeakMap<Channel, Slot>();
  #nextOpenId = 1;
  /** Open channels by relid: what an event flag means. */
  readonly open: (RingChannel | undefined)[] = Array.from({ length: RELID_LIMIT }, () => undefined);

  constructor(port: ChannelPort) {
    this.#port = port;
  }

  /** What is offered now, primaries before their subchannels. */
  get offers(): Offer[] {
    return [...this.#slots.values()].map((slot) => slot.offer);
  }

  /** OFFERCHANNEL. */
  offered(body: OfferChannel): boolean {
    const offer = offerOf(body);
    if (offer.relid === 0 || offer.relid >= RELID_LIMIT || this.#slots.has(offer.relid)) return false;
    const same = [...this.#slots.values()].filter(
      (slot) => slot.offer.interfaceId === offer.interfaceId && slot.offer.instanceId === offer.instanceId,
    );
    if (same.some((slot) => slot.offer.subchannelIndex === offer.subchannelIndex)) return false;
    const primary = offer.subchannelIndex === 0 ? undefined : same.find((slot) => slot.offer.subchannelIndex === 0);
    if (offer.subchannelIndex !== 0 && primary === undefined) return false;
    this.#slots.set(offer.relid, {
      offer,
      primary,
      state: 'offered',
      openId: 0,
      rings: undefined,
      gpadl: 0,
      userData: new Uint8Array(0),
      targetVp: 0,
      channel: undefined,
      opened: undefined,
      closed: [],
      modified: undefined,
    });
    this.#port.changed(this.eventOf(offer));
    return true;
  }

  /** The event that announces, or announced, an offer of this table. */
  eventOf(offer: Offer): OfferEvent {
    const primary = this.#slots.get(offer.relid)?.primary;
    return primary ? { kind: 'subchannel', offer, primary: primary.offer } : { kind: 'offered', offer };
  }

  /** Allocates rings, describes them, opens. `opened` is called exactly once. */
  openChannel(offer: Offer, options: OpenOptions, opened: (result: Channel | BusError) => void): void {
    const slot = this.#slots.get(offer.relid);
    if (slot?.offer !== offer) return opened(new BusError('rescinded', 'the channel is not offered any more'));
    if (slot.state !== 'offered') return opened(new BusError('wrong-state', `the channel is ${slot.state}`));
    const rings = allocateRings(this.#port.memory, this.#port.pages, options.ringPages ?? DEFAULT_RING_PAGES);
    if (!rings) return opened(new BusError('no-memory', 'no contiguous pages for the rings'));
    slot.state = 'opening';
    slot.rings = rings;
    slot.openId = 0;
    slot.opened = opened;
    slot.targetVp = options.targetVp ?? 0;
    slot.userData = new Uint8Array(USER_BYTES);
    slot.userData.set(options.userData ?? []);
    slot.gpadl = this.#port.gpadls.create(offer.relid, wholePages(rings.pages), (error) => {
      if (slot.state !== 'opening') return;
      if (error) this.#notOpened(slot, error);
      else this.#sendOpen(slot);
    });
  }

  /** OPENCHANNEL_RESULT. */
  openResult(body: BodyOf<'OpenResult'>): boolean {
    const slot = this.#slots.get(body.relid);
    if (slot?.state !== 'opening' || slot.openId === 0 || slot.openId !== body.openId) return false;
    if (body.status !== 0) {
      slot.state = 'closing';
      const error = new BusError('refused', `the root refused to open the channel: 0x${body.status.toString(16)}`);
      this.#port.gpadls.tearDown(slot.gpadl, () => this.#notOpened(slot, error));
      return true;
    }
    const channel = this.#port.createChannel(slot.offer, slot.rings!, slot.userData);
    slot.state = 'open';
    slot.channel = channel;
    this.open[slot.offer.relid] = channel;
    this.#slotOfChannel.set(channel, slot);
    // Closing the channel object is how a driver closes: the bus's part follows from it.
    channel.state$.subscribe((state) => {
      if (state === 'closed' && slot.channel === channel && slot.state === 'open') this.#startClosing(slot);
    });
    const opened = slot.opened;
    slot.opened = undefined;
    opened?.(channel);
    return true;
  }

  /** Closes a channel, its subchannels first. `closed` is called when its pages are free again. */
  closeChannel(channel: Channel, closed: Ended): void {
    const slot = this.#slotOfChannel.get(channel);
    // Closed, rescinded or of an earlier connection: nothing is left to do.
    if (slot?.channel !== channel) return closed();
    slot.closed.push(closed);
    if (slot.state === 'open') this.#startClosing(slot);
  }

  /** Moves a channel's interrupts. `modified` is called when no more arrive at the old virtual processor. */
  modifyChannel(channel: Channel, targetVp: number, answered: boolean, modified: Ended): void {
    const slot = this.#slotOfChannel.get(channel);
    if (slot?.channel !== channel || slot.state !== 'open') {
      return modified(new BusError('wrong-state', 'the channel is not open'));
    }
    // A root drops a second request without an answer.
    if (slot.modified) return modified(new BusError('wrong-state', 'the channel is being moved already'));
    slot.targetVp = targetVp;
    if (answered) slot.modified = modified;
    this.#port.post('ModifyChannel', { relid: slot.offer.relid, targetVp });
    if (!answered) modified();
  }

  /** MODIFYCHANNEL_RESPONSE. */
  modifyResult(body: BodyOf<'ModifyChannelResponse'>): boolean {
    const slot = this.#slots.get(body.relid);
    const modified = slot?.modified;
    if (!slot || !modified) return false;
    slot.modified = undefined;
    modified(body.status === 0 ? undefined : new BusError('refused', 'the root refused to move the channel'));
    return true;
  }

  /** RESCIND_CHANNELOFFER. */
  rescinded(relid: number): boolean {
    const slot = this.#slots.get(relid);
    if (!slot) return false;
    const asked = slot.state === 'open' || (slot.state === 'opening' && slot.openId !== 0);
    this.#forget(slot, new BusError('rescinded', 'the root took the offer back'));
    if (asked) this.#port.post('CloseChannel', { relid });
    this.#port.post('RelidReleased', { relid });
    this.#port.changed({ kind: 'rescinded', offer: slot.offer });
    return true;
  }

  /** The connection is over: everything is closed, nothing is posted. */
  clear(): void {
    for (const slot of this.#slots.values()) {
      this.#forget(slot, new BusError('disconnected', 'the bus was disconnected'));
      this.#port.changed({ kind: 'rescinded', offer: slot.offer });
    }
  }

  /** State by relid, for `inspect`. */
  inspect(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.#slots].map(([relid, { offer, state, targetVp }]) => [
        relid,
        { interfaceId: offer.interfaceId, subchannelIndex: offer.subchannelIndex, state, targetVp },
      ]),
    );
  }

  #sendOpen(slot: Slot): void {
    slot.openId = this.#nextOpenId++ >>> 0;
    this.#port.post('OpenChannel', {
      relid: slot.offer.relid,
      openId: slot.openId,
      ringGpadl: slot.gpadl,
      targetVp: slot.targetVp,
      downstreamPageOffset: slot.rings!.ringPages,
      userData: slot.userData,
    });
  }

  #notOpened(slot: Slot, error: BusError): void {
    this.#freeRings(slot);
    slot.state = 'offered';
    slot.openId = 0;
    const opened = slot.opened;
    slot.opened = undefined;
    opened?.(error);
  }

  #startClosing(slot: Slot): void {
    slot.state = 'closing';
    this.open[slot.offer.relid] = undefined;
    slot.channel?.close();
    const subchannels = [...this.#slots.values()].filter((each) => each.primary === slot && each.state === 'open');
    let waiting = subchannels.length;
    const last = (): void => {
      if (--waiting <= 0) this.#sendClose(slot);
    };
    if (waiting === 0) return last();
    for (const each of subchannels) this.closeChannel(each.channel!, last);
  }

  #sendClose(slot: Slot): void {
    if (this.#slots.get(slot.offer.relid) !== slot) return; // rescinded while its subchannels closed
    this.#port.post('CloseChannel', { relid: slot.offer.relid });
    this.#port.gpadls.tearDown(slot.gpadl, () => {
      if (slot.state !== 'closing') return;
      this.#freeRings(slot);
      slot.state = 'offered';
      slot.openId = 0;
      this.#endClosing(slot);
    });
  }

  /** Takes a slot out of the table, whatever its state; everyone who waits for it is told. */
  #forget(slot: Slot, error: BusError): void {
    const { relid } = slot.offer;
    this.#slots.delete(relid);
    this.open[relid] = undefined;
    const opened = slot.opened;
    slot.opened = undefined;
    const wasOpen = slot.state === 'open';
    slot.state = 'closing';
    if (wasOpen) {
      slot.channel?.become('rescinded');
      slot.channel?.become('closed');
    }
    this.#port.gpadls.rescinded(relid);
    this.#freeRings(slot);
    opened?.(error);
    const modified = slot.modified;
    slot.modified = undefined;
    modified?.(error);
    this.#endClosing(slot);
  }

  #endClosing(slot: Slot): void {
    slot.channel = undefined;
    const waiting = slot.closed;
    slot.closed = [];
    for (const closed of waiting) closed();
  }

  #freeRings(slot: Slot): void {
    if (slot.rings) this.#port.pages.free(slot.rings.firstPage, 2 * slot.rings.ringPages);
    slot.rings = undefined;
  }
}
