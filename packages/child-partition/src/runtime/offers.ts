/**
 * DeviceOpener: from "a device of this class" to an open channel, now or when the root offers one.
 *
 * An offer is claimed by the first who opens it and free again when its channel is closed.
 */
import { type BusClient, BusError, type Channel, type Offer, type OpenOptions } from '@ringlet/vmbus';
import { filter, map, merge, type Observable, Subject, take } from 'rxjs';
import type { GuestOpenOptions } from './guest.ts';

const TICKS_PER_MILLISECOND = 10_000;

/** Claims offers on behalf of one guest. */
export class DeviceOpener {
  readonly #bus: BusClient;
  readonly #after: (ticks: number, run: () => void) => () => void;
  readonly #claimed = new Set<Offer>();
  readonly #freed = new Subject<Offer>();
  readonly #offerOf = new WeakMap<Channel, Offer>();

  constructor(bus: BusClient, after: (ticks: number, run: () => void) => () => void) {
    this.#bus = bus;
    this.#after = after;
  }

  /** Waits for a device and opens it. @throws BusError */
  async open(interfaceId: string, options: GuestOpenOptions): Promise<Channel> {
    await this.#bus.connect();
    const wanted = (offer: Offer): boolean =>
      offer.subchannelIndex === 0 &&
      offer.interfaceId === interfaceId.toLowerCase() &&
      (options.instanceId === undefined || offer.instanceId === options.instanceId.toLowerCase()) &&
      !this.#claimed.has(offer);
    const offer = await this.#first(this.#offers('offered').pipe(filter(wanted)), interfaceId, options.timeout);
    return this.#openClaimed(offer, options);
  }

  /** Waits for the subchannels 1 to `count` of a channel's device and opens them, in order. @throws BusError */
  async openSubchannels(primary: Channel, count: number, options: OpenOptions): Promise<Channel[]> {
    const device = this.#offerOf.get(primary);
    if (!device) throw new BusError('wrong-state', 'the channel is not a primary channel of this guest');
    const channels: Channel[] = [];
    for (let index = 1; index <= count; index++) {
      const wanted = (offer: Offer): boolean =>
        offer.subchannelIndex === index &&
        offer.interfaceId === device.interfaceId &&
        offer.instanceId === device.instanceId &&
        !this.#claimed.has(offer);
      const offer = await this.#first(
        this.#offers('subchannel').pipe(filter(wanted)),
        `subchannel ${index}`,
        undefined,
      );
      channels.push(await this.#openClaimed(offer, options));
    }
    return channels;
  }

  /** What is offered of a kind, what will be, and what becomes free again. */
  #offers(kind: 'offered' | 'subchannel'): Observable<Offer> {
    const offered = this.#bus.offers$.pipe(
      filter((event) => event.kind === kind),
      map((event) => event.offer),
    );
    return merge(offered, this.#freed);
  }

  /** The first offer, claimed within the emission: two who wait never get the same one. */
  #first(offers: Observable<Offer>, what: string, timeout: number | undefined): Promise<Offer> {
    return new Promise((resolve, reject) => {
      let cancel = (): void => {};
      const waiting = offers.pipe(take(1)).subscribe((offer) => {
        cancel();
        this.#claimed.add(offer);
        resolve(offer);
      });
      if (waiting.closed || timeout === undefined) return;
      cancel = this.#after(timeout * TICKS_PER_MILLISECOND, () => {
        waiting.unsubscribe();
        reject(new BusError('refused', `not offered within ${timeout} ms: ${what}`));
      });
    });
  }

  async #openClaimed(offer: Offer, options: OpenOptions): Promise<Channel> {
    try {
      const channel = await this.#bus.open(offer, options);
      this.#offerOf.set(channel, offer);
      channel.state$.subscribe((state) => {
        if (state === 'closed') this.#release(offer, channel);
      });
      return channel;
    } catch (error) {
      this.#claimed.delete(offer);
      throw error;
    }
  }

  /** The offer can be claimed again once the root has given the old channel up; not if it was taken back. */
  #release(offer: Offer, channel: Channel): void {
    void this.#bus.close(channel).then(() => {
      this.#claimed.delete(offer);
      if (this.#bus.offers.includes(offer)) this.#freed.next(offer);
    });
  }
}
