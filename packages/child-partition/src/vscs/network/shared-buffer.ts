/** Shared buffer: contiguous guest pages that the root knows by a GPADL. */
import { Access, PAGE_SIZE } from '@ringlet/microkernel';
import type { Channel, Gpadl } from '@ringlet/vmbus';
import { NetworkError } from './network-error.ts';
import type { NetworkGuest } from './network-guest.ts';

/** A buffer of the driver's, for as long as the channel is open. */
export class SharedBuffer {
  readonly byteLength: number;
  /** Where it begins in `memory.bytes`. */
  readonly offset: number;
  readonly #guest: NetworkGuest;
  readonly #firstPage: number;
  readonly #gpadl: Gpadl;

  private constructor(guest: NetworkGuest, place: { firstPage: number; pages: number; offset: number }, gpadl: Gpadl) {
    this.#guest = guest;
    this.#firstPage = place.firstPage;
    this.byteLength = place.pages * PAGE_SIZE;
    this.offset = place.offset;
    this.#gpadl = gpadl;
  }

  /** Takes the pages and tells the root. @throws NetworkError, BusError */
  static async make(guest: NetworkGuest, channel: Channel, pages: number): Promise<SharedBuffer> {
    const offer = guest.bus.offers.find(({ relid }) => relid === channel.relid);
    if (offer === undefined) throw new NetworkError('making a buffer', 'gone');
    const firstPage = guest.pages.allocate(pages);
    const offset = firstPage < 0 ? -1 : guest.memory.find(firstPage * PAGE_SIZE, pages * PAGE_SIZE, Access.ReadWrite);
    if (offset < 0) throw new NetworkError('making a buffer', 'no-memory');
    const list = Float64Array.from({ length: pages }, (_, i) => firstPage + i);
    try {
      const gpadl = await guest.bus.createGpadl(offer, { byteCount: pages * PAGE_SIZE, byteOffset: 0, pages: list });
      return new SharedBuffer(guest, { firstPage, pages, offset }, gpadl);
    } catch (error) {
      guest.pages.free(firstPage, pages);
      throw error;
    }
  }

  /** The GPADL's number. */
  get id(): number {
    return this.#gpadl.id;
  }

  /** Takes it back, and frees its pages once the root touches them no more. */
  release(): void {
    const free = (): void => this.#guest.pages.free(this.#firstPage, this.byteLength / PAGE_SIZE);
    // When the bus is gone, so is the GPADL.
    this.#guest.bus.tearDownGpadl(this.#gpadl).then(free, free);
  }
}
