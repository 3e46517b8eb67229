/**
 * The channels of one child: announced, opened, closed, rescinded, given back.
 *
 * Two rules shape everything here. A key (interface, instance, subchannel) has one channel id at a time: a device that
 * returns waits until the child has released the id of its predecessor. And subchannels go before their primary, in
 * every way of going.
 */
import { invariant, UserError } from '@ringlet/wire';
import { MessageStatus, NO_INTERRUPTS } from '../messages/channel.ts';
import { encodeMessage } from '../messages/codec.ts';
import { NO_MONITOR } from '../messages/connection.ts';
import { Announcements } from './announcements.ts';
import { ChannelIndex } from './channel-index.ts';
import { isGone, isQuiet, keyOf, newRecord, inspectRecord, type ChannelRecord } from './channel-record.ts';
import type { GpadlTable } from './gpadls.ts';
import type { RootBusLimits } from './limits.ts';
import type { BusNotifier, ChannelOffer, MessageTarget, OpenOrder, OpenRequest } from './notifier.ts';
import { checkOffer, compareOffers } from './offer-message.ts';
import type { OutQueue } from './out-queue.ts';
import { splitRings } from './rings.ts';

/** What the channels need of the rest of the bus. */
export interface ChannelContext {
  readonly limits: RootBusLimits;
  readonly notifier: BusNotifier;
  readonly gpadls: GpadlTable;
  readonly out: OutQueue;
  /** Whether a child is connected and has asked for offers. */
  readonly announcing: () => boolean;
  /** Whether the connected child has monitor pages. */
  readonly monitored: () => boolean;
  /** A device closed or an id was given back: a disconnect may be complete. */
  readonly settled: () => void;
  readonly fault: (what: string) => void;
  /** Answers a reserved channel, which has its own place for answers and no queue. */
  readonly answerReserved: (message: Uint8Array, target: MessageTarget) => void;
}

/** All channels of one child. */
export class ChannelTable {
  readonly #context: ChannelContext;
  readonly #index: ChannelIndex;
  readonly #announcements: Announcements;
  #lastId = 0;
  #lastTicket = 0;

  constructor(context: ChannelContext) {
    this.#context = context;
    this.#index = new ChannelIndex(context.limits);
    this.#announcements = new Announcements(context.out, (record) => this.#assign(record));
  }

  /** Every channel, in the order of creation. */
  get records(): Iterable<ChannelRecord> {
    return this.#index;
  }

  get count(): number {
    return this.#index.size;
  }

  /** The channel that the root calls `id`. */
  get(id: number): ChannelRecord | undefined {
    return this.#index.get(id);
  }

  /** The channel that the child calls `relid`. */
  byRelid(relid: number): ChannelRecord | undefined {
    return this.#index.relids.find(relid);
  }

  /** Whether nothing of the last child is left but reserved channels. */
  get quiet(): boolean {
    for (const record of this.#index) {
      if (!isQuiet(record) && record.reserved === undefined) return false;
    }
    return true;
  }

  /** Adds a channel. @throws UserError when it cannot be offered. */
  add(offer: ChannelOffer, primary?: ChannelRecord): ChannelRecord {
    checkOffer(offer);
    for (const other of this.#index.withKey(keyOf(offer))) {
      if (isGone(other)) continue;
      throw new UserError('duplicate-device', `${offer.name}: a device with this interface and instance is offered`, {
        hint: 'give each device an instance id of its own',
      });
    }
    if (this.#index.size >= this.#context.limits.offers) {
      throw new UserError('too-many-devices', `${offer.name}: the bus holds ${this.#context.limits.offers} channels`);
    }
    const record = newRecord(++this.#lastId, offer, primary);
    this.#index.add(record);
    this.#makeDue(record);
    this.announce();
    return record;
  }

  /** Sees to it that subchannels 1 to `count` are offered; those that are stay as they are. */
  addSubchannels(primary: ChannelRecord, count: number): void {
    // An old count must not bring subchannels of a closed device back.
    if (isGone(primary) || (primary.device.is !== 'open' && primary.device.is !== 'opening')) return;
    const wanted = Math.min(count, primary.offer.maxSubchannels ?? 0);
    const present = new Set([...primary.subchannels].flatMap((sub) => (isGone(sub) ? [] : sub.offer.subchannelIndex)));
    for (let index = 1; index <= wanted; index++) {
      if (present.has(index)) continue;
      if (this.#index.size >= this.#context.limits.offers) return;
      this.add({ ...primary.offer, subchannelIndex: index }, primary);
    }
  }

  /** The device goes: its subchannels first, then it is closed if open, then the child is told. */
  remove(record: ChannelRecord): void {
    if (record.leaving) return;
    record.leaving = true;
    this.#announcements.drop(record);
    for (const sub of record.subchannels) this.remove(sub);
    const { device } = record;
    if (device.is === 'open') this.#startClosing(record);
    else if (device.is === 'opening') device.cancelled = true;
    else if (device.is === 'closing') device.reopen = undefined;
    else this.#settle(record);
  }

  /** The child asked what there is: everything is announced in the order that gives the same ids at every boot. */
  requestOffers(): void {
    const all = [...this.#index].toSorted((a, b) => compareOffers(a.offer, b.offer));
    for (const record of all) {
      if (record.child === 'released') record.child = 'unaware';
      this.#makeDue(record);
    }
    this.#announcements.add('all-offers');
    this.announce();
  }

  /** Whether ALLOFFERS_DELIVERED is still to be sent. */
  get allOffersDue(): boolean {
    return this.#announcements.allOffersDue;
  }

  /** Sends the offers and rescinds that are due, as long as the child takes them. */
  announce(): void {
    this.#announcements.pump();
  }

  /** OPENCHANNEL, or OPENRESERVEDCHANNEL with the place for its answers. */
  open(record: ChannelRecord, request: OpenRequest, reserved?: MessageTarget): void {
    // The child does not know yet, or asked before it did: the rescind releases whoever waits.
    if (isGone(record)) return;
    const { device } = record;
    if (device.is === 'closed') {
      record.reserved = reserved;
      this.#begin(record, request);
    } else if (device.is === 'closing' && device.reopen === undefined && reserved === undefined && !record.reserved) {
      device.reopen = request;
    } else {
      this.#context.fault('open of a channel that is not closed');
    }
  }

  /** The machine has opened a channel, or could not. Answers to other tickets are too late, and ignored. */
  openCompleted(id: number, ticket: number, opened: boolean): void {
    const record = this.#index.get(id);
    if (record?.device.is !== 'opening' || record.device.ticket !== ticket) return;
    const { request, cancelled } = record.device;
    record.device = opened ? { is: 'open', request } : { is: 'closed' };
    if (cancelled) {
      if (opened) this.#startClosing(record);
      else this.#settle(record);
      return;
    }
    this.#answerOpen(record, request, opened);
    if (!opened) this.#settle(record);
  }

  /** CLOSECHANNEL, or CLOSERESERVEDCHANNEL. There is no answer to the first. */
  close(record: ChannelRecord): void {
    if (isGone(record)) return;
    if (record.device.is === 'open') this.#startClosing(record);
    else this.#context.fault('close of a channel that is not open');
  }

  /** The machine has closed a channel. */
  closeCompleted(id: number, ticket: number): void {
    const record = this.#index.get(id);
    if (record?.device.is !== 'closing' || record.device.ticket !== ticket || ticket === 0) return;
    const { reopen } = record.device;
    record.device = { is: 'closed' };
    if (record.reserved !== undefined) {
      const { reserved } = record;
      record.reserved = undefined;
      this.#context.answerReserved(encodeMessage('CloseReservedChannelResponse', { relid: record.relid }), reserved);
    }
    if (reopen !== undefined) this.#begin(record, reopen);
    else this.#settle(record);
  }

  /** MODIFYCHANNEL. @returns whether interrupts now go to `vp`. */
  retarget(record: ChannelRecord, vp: number): boolean {
    const { device } = record;
    if (isGone(record) || device.is !== 'open') return false;
    // Interrupts cannot be switched on or off this way.
    if (vp === NO_INTERRUPTS || device.request.targetVp === NO_INTERRUPTS) return false;
    if (!this.#context.notifier.retarget(record.id, vp)) return false;
    // Kept in the request, so that a restored channel still interrupts the right processor.
    device.request = { ...device.request, targetVp: vp };
    return true;
  }

  /** RELIDRELEASED. @returns whether the child may give the id up in this state. */
  release(record: ChannelRecord): boolean {
    const { device } = record;
    const free = isQuiet(record) || (device.is === 'closing' && device.reopen === undefined);
    if (!free && !record.leaving) return false;
    this.#giveBack(record, 'released');
    if (isQuiet(record)) this.#settle(record);
    return true;
  }

  /**
   * The child is gone, in whatever state it left its channels.
   *
   * @param force - the whole machine is reset: reserved channels close too, and an opening is not waited for
   */
  disconnect(force: boolean): void {
    this.#announcements.clear();
    // Subchannels first, as always.
    const all = [...this.#index].toSorted((a, b) => b.offer.subchannelIndex - a.offer.subchannelIndex);
    for (const record of all) {
      if (record.reserved !== undefined && !force) {
        if (record.child !== 'rescinded') record.child = 'unaware';
        continue;
      }
      const { device } = record;
      record.reserved = undefined;
      this.#giveBack(record, 'unaware');
      // A subchannel exists while its primary is open; a socket while the guest that holds the other end does.
      if (record.primary !== undefined || record.offer.kind === 'hv-socket') record.leaving = true;
      if (device.is === 'opening' && force) record.device = { is: 'closed' };
      if (device.is === 'opening' && !force) device.cancelled = true;
      else if (device.is === 'open') this.#startClosing(record);
      else if (device.is === 'closing') device.reopen = undefined;
      else this.#settle(record);
    }
  }

  /** What the machine is told to open. `undefined` when the GPADL is no pair of rings. */
  order(record: ChannelRecord, request: OpenRequest): OpenOrder | undefined {
    const ranges = this.#context.gpadls.ranges(record.relid, request.ringGpadl);
    const rings = ranges === undefined ? undefined : splitRings(ranges, request.downstreamPageOffset);
    if (rings === undefined) return undefined;
    const { relid, offer } = record;
    // Without interrupts there is no monitor bit either: whoever opened it polls.
    const monitorId = request.targetVp === NO_INTERRUPTS ? NO_MONITOR : record.monitorId;
    return { relid, subchannelIndex: offer.subchannelIndex, request, monitorId, ...rings };
  }

  /** Puts back a record as it was saved. */
  adopt(record: ChannelRecord): void {
    this.#lastId = Math.max(this.#lastId, record.id);
    this.#index.add(record);
    if (record.relid !== 0) this.#index.relids.restore(record);
  }

  /** Carries on with a restored channel: what was under way is asked for again. */
  resume(record: ChannelRecord): void {
    const { device } = record;
    if (device.is === 'opening') {
      const { cancelled } = device;
      record.device = { is: 'closed' };
      if (cancelled) this.#settle(record);
      else this.#begin(record, device.request);
    } else if (device.is === 'open') {
      const order = this.order(record, device.request);
      if (order === undefined || !this.#context.notifier.reopen(record.id, order)) this.abandon(record);
    } else if (device.is === 'closing') {
      this.#tellClose(record);
    } else {
      this.#settle(record);
    }
  }

  /** A restored channel without a device: the child is told, and nobody is asked to close anything. */
  abandon(record: ChannelRecord): void {
    record.device = { is: 'closed' };
    record.reserved = undefined;
    record.leaving = true;
    record.unclaimed = false;
    for (const sub of record.subchannels) this.abandon(sub);
    this.#settle(record);
  }

  /** Announces what the child has not heard of. */
  announceNew(): void {
    for (const record of this.#index) this.#makeDue(record);
    this.announce();
  }

  /** Whether a channel of these ids exists, or the child still holds the id of one. */
  holds(ids: Pick<ChannelOffer, 'interfaceId' | 'instanceId'>): boolean {
    return this.#index.withKey(keyOf({ ...ids, subchannelIndex: 0 })).size > 0;
  }

  /** After a restore: ALLOFFERS_DELIVERED had not been sent yet. */
  expectAllOffers(): void {
    this.#announcements.add('all-offers');
  }

  inspect(): Record<string, unknown>[] {
    return Array.from(this.#index, inspectRecord);
  }

  #begin(record: ChannelRecord, request: OpenRequest): void {
    const order = this.order(record, request);
    if (order === undefined) {
      this.#context.fault('open without a pair of rings');
      this.#answerOpen(record, request, false);
      return;
    }
    const ticket = ++this.#lastTicket;
    record.device = { is: 'opening', ticket, request, cancelled: false };
    this.#context.notifier.open(record.id, ticket, order);
  }

  #answerOpen(record: ChannelRecord, request: OpenRequest, opened: boolean): void {
    const status = opened ? MessageStatus.Success : MessageStatus.Failure;
    const answer = encodeMessage('OpenResult', { relid: record.relid, openId: request.openId, status });
    const { reserved } = record;
    if (reserved === undefined) {
      this.#context.out.push(answer);
    } else {
      if (!opened) record.reserved = undefined;
      this.#context.answerReserved(answer, reserved);
    }
  }

  #startClosing(record: ChannelRecord): void {
    record.device = { is: 'closing', ticket: 0, reopen: undefined };
    for (const sub of record.subchannels) this.remove(sub);
    this.#tellClose(record);
  }

  /** Tells the device to close, unless it was told or a subchannel is still in use. */
  #tellClose(record: ChannelRecord): void {
    const { device } = record;
    if (device.is !== 'closing' || device.ticket !== 0) return;
    if (![...record.subchannels].every(isQuiet)) return;
    device.ticket = ++this.#lastTicket;
    this.#context.notifier.close(record.id, device.ticket);
  }

  /** The device is closed: what waited for that happens now. */
  #settle(record: ChannelRecord): void {
    invariant(isQuiet(record), 'a channel settles when its device is closed');
    // A reserved channel kept its id over a disconnect, until now.
    if (record.child === 'unaware' && record.relid !== 0) this.#giveBack(record, 'unaware');
    if (record.leaving) this.#leave(record);
    else this.#makeDue(record);
    const { primary } = record;
    if (primary?.device.is === 'closing') this.#tellClose(primary);
    else if (primary?.leaving === true && isQuiet(primary)) this.#leave(primary);
    this.announce();
    this.#context.settled();
  }

  #leave(record: ChannelRecord): void {
    for (const sub of record.subchannels) if (!sub.leaving || !isQuiet(sub)) return;
    if (record.device.is === 'closed') {
      record.device = { is: 'removed' };
      this.#context.notifier.removed(record.id);
    }
    if (record.child === 'offered') this.#announcements.add(record);
    else if (record.child !== 'rescinded') this.#index.delete(record);
  }

  /** The id is the child's no more; its GPADLs go with it. */
  #giveBack(record: ChannelRecord, child: 'unaware' | 'released'): void {
    record.child = child;
    this.#announcements.drop(record);
    if (record.relid === 0) return;
    const { relid } = record;
    this.#context.gpadls.dropChannel(relid);
    this.#index.relids.free(record);
    for (const other of this.#index.withKey(record.key)) {
      if (other !== record && other.relid === 0 && child === 'released') other.formerRelid = relid;
    }
  }

  #makeDue(record: ChannelRecord): void {
    const due = record.child === 'unaware' && !record.leaving && record.reserved === undefined;
    if (due && this.#context.announcing()) this.#announcements.add(record);
  }

  #assign(record: ChannelRecord): boolean {
    for (const other of this.#index.withKey(record.key)) if (other.relid !== 0) return false;
    return this.#index.relids.assign(record, this.#context.monitored());
  }
}
