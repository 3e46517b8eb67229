/** Channel fixture: a driver on real rings, and the device's end of them in the hands of a test. */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { type Channel, type Packet, RingChannel } from '@ringlet/vmbus';

const RING_PAGES = 4;
const PAGES = 64;

/** What the driver is given of its guest. */
export interface FixtureGuest {
  readonly memory: GuestMemory;
  readonly pages: { allocate(count: number): number; free(firstPage: number, count: number): void };
  /** Runs of pages that are allocated: first page and count. */
  readonly taken: ReadonlyMap<number, number>;
}

/** A driver and the other end of its channel. */
export interface DriverFixture<Driver> {
  readonly driver: Driver;
  readonly guest: FixtureGuest;
  /** Sends as the device does, and lets the driver work. */
  readonly send: (message: Uint8Array) => Promise<void>;
  /** What the driver has sent since the last call. */
  readonly received: () => Uint8Array[];
  readonly close: () => void;
}

interface FixtureDriver {
  packet(packet: Packet, channel: Channel): void;
  closed(): void;
}

/** Makes a driver. */
export function driverFixture<Driver extends FixtureDriver>(
  make: (channel: Channel, guest: FixtureGuest) => Driver,
): DriverFixture<Driver> {
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(PAGES * PAGE_SIZE + Slat.tableBytes(PAGES)) });
  const slat = new Slat(node, PAGES * PAGE_SIZE, PAGES);
  for (let page = 0; page < PAGES; page++) slat.map(page, page, Access.ReadWrite);
  const memory = new GuestMemory(node, slat);
  const run = (first: number): Float64Array => Float64Array.from({ length: RING_PAGES }, (_, i) => first + i);
  const end = (incoming: number, outgoing: number): RingChannel =>
    new RingChannel({
      relid: 1,
      subchannelIndex: 0,
      userData: new Uint8Array(120),
      memory,
      incoming: run(incoming),
      outgoing: run(outgoing),
      signal: () => {},
    });
  const host = end(0, RING_PAGES);
  const child = end(RING_PAGES, 0);
  const sent: Uint8Array[] = [];
  host.onPacket((packet) => void sent.push(packet.payload()));
  const taken = new Map<number, number>();
  let next = 2 * RING_PAGES;
  const guest: FixtureGuest = {
    memory,
    taken,
    pages: {
      allocate(count) {
        if (next + count > PAGES) return -1;
        taken.set(next, count);
        return (next += count) - count;
      },
      free: (first) => void taken.delete(first),
    },
  };
  const driver = make(child, guest);
  child.onPacket((packet, channel) => driver.packet(packet, channel));
  return {
    driver,
    guest,
    async send(message) {
      host.send(message);
      host.flush();
      while (child.poll(64));
      // What awaited the message goes on before the test does.
      for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    },
    received() {
      while (host.poll(64));
      return sent.splice(0);
    },
    close: () => driver.closed(),
  };
}
