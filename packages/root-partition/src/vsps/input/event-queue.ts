/**
 * EventQueue: what a person does, on its way to a guest that takes it when it can.
 *
 * Events wait here while the ring is full, in order, and never more than a bound: a guest that has stopped reading costs a
 * fixed amount of memory, and whoever types hears that nothing is taken any more.
 */
import type { Channel } from '@ringlet/vmbus';

/** How a push ended: everything is in the guest's ring, or the channel was closed before. */
export type Delivery = 'delivered' | 'closed';

/** What is constant about a queue. */
export interface EventQueueOptions<Event> {
  /** Events that wait at most. */
  readonly most: number;
  /** Length of every packet, in bytes. */
  readonly packetBytes: number;
  /** The packet of an event; used before the next call. */
  readonly encode: (event: Event) => Uint8Array;
  /** One event that does what both would have done, or `undefined`; asked only while the first is still waiting. */
  readonly merge?: (waiting: Event, next: Event) => Event | undefined;
}

interface Waiter {
  /** Count of events sent at which everything of this push is. */
  readonly until: number;
  readonly done: (delivery: Delivery) => void;
}

/** Events for one channel. */
export class EventQueue<Event> {
  readonly #options: EventQueueOptions<Event>;
  #waiting: Event[] = [];
  #waiters: Waiter[] = [];
  #channel: Channel | undefined;
  #forRoom = false;
  #sent = 0;

  constructor(options: EventQueueOptions<Event>) {
    this.#options = options;
  }

  /** Events that wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Events that the guest's ring has taken. */
  get sent(): number {
    return this.#sent;
  }

  /** Sends through `channel` from now on, what waits first. */
  open(channel: Channel): void {
    this.#channel = channel;
    this.#forRoom = false;
    this.#send();
  }

  /** Forgets what waits. */
  close(): void {
    this.#channel = undefined;
    this.#waiting = [];
    this.#settle('closed');
  }

  /** Takes all of `events`, or none when they are too many. @returns whether it took them; `done` is called only then */
  push(events: readonly Event[], done: (delivery: Delivery) => void = () => {}): boolean {
    if (this.#waiting.length + events.length > this.#options.most) return false;
    for (const event of events) this.#add(event);
    this.#waiters.push({ until: this.#sent + this.#waiting.length, done });
    this.#send();
    return true;
  }

  /** What waits, for a saved state. */
  save(): Event[] {
    return [...this.#waiting];
  }

  restore(events: readonly Event[]): void {
    this.#waiting = events.slice(0, this.#options.most);
  }

  #add(event: Event): void {
    const last = this.#waiting.at(-1);
    const merged = last === undefined ? undefined : this.#options.merge?.(last, event);
    if (merged === undefined) this.#waiting.push(event);
    else this.#waiting[this.#waiting.length - 1] = merged;
  }

  #send(): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    let taken = 0;
    while (taken < this.#waiting.length && channel.send(this.#options.encode(this.#waiting[taken]!))) taken++;
    this.#waiting.splice(0, taken);
    this.#sent += taken;
    channel.flush();
    if (this.#waiting.length > 0 && !this.#forRoom) {
      this.#forRoom = true;
      channel.whenRoom(this.#options.packetBytes, () => {
        this.#forRoom = false;
        if (this.#channel === channel) this.#send();
      });
    }
    this.#settle('delivered');
  }

  /** Tells those whose events are all sent; when the channel is closed, everybody. */
  #settle(delivery: Delivery): void {
    const all = delivery === 'closed';
    const settled = this.#waiters.filter(({ until }) => all || until <= this.#sent);
    if (settled.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !settled.includes(waiter));
    for (const { done } of settled) done(delivery);
  }
}
