import fc from 'fast-check';
import {
  BalloonResponse,
  decodePageRange,
  encodeMemoryMessage,
  HotAddRange,
  HotAddResponse,
  MemoryCapabilities,
  MemoryHeader,
  MemoryMessage,
  MemoryStatus,
  MemoryVersion,
  type PageRange,
  pageRangesOf,
} from '@ringlet/protocols';
import type { DeviceWorld } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { type Answer, guestHands, recordedWorld, smallMemory } from '../../testing/guest-hands.ts';
import { vspRules } from '../../testing/vsp-rules.ts';
import DynamicMemory, { type DynamicMemoryOptions } from './dynamic-memory.ts';

const RAM: PageRange = { first: 0x100, count: 0x10000 };
const ROOM: PageRange = { first: 0x20000, count: 0x18000 };
const CHUNK = 0x8000;
/** What Linux reports: balloon, hot add, 128 MiB. */
const LINUX = 0b1_1111n;

/** A pool of pages that takes and gives, and remembers. */
class Pool {
  free = 0x20000;
  readonly taken: PageRange[] = [];
  readonly given: PageRange[] = [];
  take(ranges: readonly PageRange[]): void {
    this.taken.push(...ranges);
    for (const { count } of ranges) this.free += count;
  }
  give({ first, count }: PageRange): number {
    const pages = Math.min(count, this.free);
    this.free -= pages;
    if (pages > 0) this.given.push({ first, count: pages });
    return pages;
  }
}

class Tested extends DynamicMemory {
  constructor(world: DeviceWorld, options: Partial<DynamicMemoryOptions> = {}) {
    super(world, { memory: { ram: [RAM], room: ROOM }, supply: new Pool(), ...options });
  }
}

vspRules(test, Tested);

const version = (number: number, last = 0): Uint8Array =>
  encodeMemoryMessage(MemoryMessage.VersionRequest, 1, MemoryVersion.encode({ version: number, isLastAttempt: last }));
const capabilities = (flags: bigint): Uint8Array =>
  encodeMemoryMessage(
    MemoryMessage.Capabilities,
    2,
    MemoryCapabilities.encode({ flags, minimumPages: 0n, highestPage: 2n ** 64n - 1n }),
  );
const status = (committed: number): Uint8Array =>
  encodeMemoryMessage(
    MemoryMessage.Status,
    3,
    MemoryStatus.encode({
      available: 100n,
      committed: BigInt(committed),
      pageFile: 0n,
      free: 0n,
      pageFileWrites: 0,
      ioDifference: 0,
    }),
  );
const gives = (ranges: readonly PageRange[], more = 0, count = ranges.length): Uint8Array =>
  encodeMemoryMessage(
    MemoryMessage.BalloonResponse,
    4,
    BalloonResponse.encode({ counts: (count << 1) | more }),
    ranges,
  );
const unballooned = encodeMemoryMessage(MemoryMessage.UnballoonResponse, 5);
const hotAdded = (pages: number, result: number): Uint8Array =>
  encodeMemoryMessage(MemoryMessage.HotAddResponse, 6, HotAddResponse.encode({ pages, result }));

function memoryAndGuest(options: Partial<DynamicMemoryOptions> = {}) {
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const pool = new Pool();
  const device = new Tested(world, { supply: pool, ...options });
  const guest = guestHands(device, memory);
  const ask = (message?: Uint8Array) => (message ? guest.send(message) : guest.receive()).map(read);
  return { device, world, pool, ask };
}

function read({ payload }: Answer) {
  const { type, size } = MemoryHeader.decode(payload)!;
  const word = payload.length >= 16 ? new DataView(payload.buffer, payload.byteOffset).getUint32(8, true) : 0;
  return { type, size, word, payload };
}

/** One whose guest has a driver as Linux has. */
function ready(options: Partial<DynamicMemoryOptions> = {}, flags = LINUX) {
  const parts = memoryAndGuest(options);
  parts.ask(version(0x0002_0000));
  parts.ask(capabilities(flags));
  return parts;
}

test.each([[0x0002_0000], [0x0001_0000], [0x0000_0003]])('version %i is spoken', (number) => {
  const { device, ask } = memoryAndGuest();
  expect(ask(version(number))).toMatchObject([{ type: MemoryMessage.VersionResponse, size: 16, word: 1 }]);
  const answers = ask(capabilities(LINUX)).map(({ type }) => type);
  const told = number >= 0x0001_0000 ? [MemoryMessage.Information] : [];
  expect(answers).toEqual([MemoryMessage.CapabilitiesResponse, ...told]);
  expect(device.state).toBe('ready');
});

test('another version is refused; after the last attempt there is nothing more to say', () => {
  const { device, world, ask } = memoryAndGuest();
  expect(ask(version(0x0003_0000))[0]!.word).toBe(0);
  expect(device.state).toBe('negotiating');
  expect(ask(version(7, 1))[0]!.word).toBe(0);
  expect(device.state).toBe('refused');
  expect(world.guestErrors).toEqual(['version that is not spoken here', 'version that is not spoken here']);
});

test('a target below what the guest has is asked for, and what it gives goes to the pool', () => {
  const { device, pool, ask } = ready();
  device.target = RAM.count - 0x3000;
  expect(ask()).toMatchObject([{ type: MemoryMessage.BalloonRequest, size: 16, word: 0x3000 }]);
  const first = { first: 0x400, count: 0x200 };
  expect(ask(gives([first, { first: 0x800, count: 0x200 }], 1))).toEqual([]);
  expect(device.ballooned).toBe(0x400);
  ask(gives([{ first: 0x1000, count: 0x2c00 }]));
  expect(pool.taken.map(({ count }) => count)).toEqual([0x200, 0x200, 0x2c00]);
  expect(device.assigned).toBe(device.target);
  expect(ask()).toEqual([]);
});

test('a target above it gives pages back before it adds new ones', () => {
  const { device, pool, ask } = ready();
  device.target = RAM.count - 0x300;
  ask();
  ask(gives([{ first: 0x400, count: 0x300 }]));
  device.target = RAM.count + CHUNK;
  const [request] = ask();
  expect(request).toMatchObject({ type: MemoryMessage.UnballoonRequest });
  expect(pageRangesOf(request!.payload, 1)).toEqual([{ first: 0x400, count: 0x300 }]);
  expect(pool.given).toEqual([{ first: 0x400, count: 0x300 }]);
  const [add] = ask(unballooned);
  expect(add).toMatchObject({ type: MemoryMessage.HotAddRequest, size: 16 });
  expect(decodePageRange(HotAddRange.decode(add!.payload.subarray(8))!.range)).toEqual({
    first: ROOM.first,
    count: CHUNK,
  });
  ask(hotAdded(CHUNK, 1));
  expect(device.assigned).toBe(RAM.count + CHUNK);
});

test('memory is added in units of the guest, and the balloon takes what is too much', () => {
  const { device, ask } = ready();
  device.target = RAM.count + 0x1000;
  ask();
  const [request] = ask(hotAdded(CHUNK, 1));
  expect(request).toMatchObject({ type: MemoryMessage.BalloonRequest, word: CHUNK - 0x1000 });
  // What was added can be given away as what was there from the start.
  ask(gives([{ first: ROOM.first, count: CHUNK - 0x1000 }]));
  expect(device.assigned).toBe(device.target);
});

test('a guest without that alignment gets 2 MiB at a time', () => {
  const { device, ask } = ready({}, 0b11n);
  device.target = RAM.count + 0x200;
  const range = HotAddRange.decode(ask()[0]!.payload.subarray(8))!.range;
  expect(decodePageRange(range)).toEqual({ first: ROOM.first, count: 0x200 });
});

test('a guest that cannot add memory now is asked again later, for the same; one that never can is not', () => {
  const { device, pool, world, ask } = ready();
  device.target = RAM.count + CHUNK;
  ask();
  expect(ask(hotAdded(0, 0))).toEqual([]);
  world.advance(300_000_000);
  expect(ask()).toMatchObject([{ type: MemoryMessage.HotAddRequest }]);
  expect(pool.given.length).toBe(1);
  expect(ask(hotAdded(0, 1))).toEqual([]);
  // What was meant for it is the pool's again.
  expect(pool.taken).toEqual([{ first: ROOM.first, count: CHUNK }]);
  world.advance(900_000_000);
  expect(ask()).toEqual([]);
  expect(device.assigned).toBe(RAM.count);
});

test('a pool that has nothing is asked again', () => {
  const { device, pool, world, ask } = ready();
  pool.free = 0x100;
  device.target = RAM.count + CHUNK;
  expect(ask()).toEqual([]);
  expect(pool.free).toBe(0x100);
  pool.free = CHUNK;
  world.advance(10_000_000);
  expect(ask()).toMatchObject([{ type: MemoryMessage.HotAddRequest }]);
});

test('a guest that gives less is left alone for a while', () => {
  const { device, world, ask } = ready();
  device.target = RAM.count - 0x1000;
  ask();
  expect(ask(gives([]))).toEqual([]);
  expect(device.busy).toBe(false);
  world.advance(299_000_000);
  expect(ask()).toEqual([]);
  world.advance(1_000_000);
  expect(ask()).toMatchObject([{ type: MemoryMessage.BalloonRequest, word: 0x1000 }]);
});

test.each<[string, PageRange[]]>([
  ['outside its memory', [{ first: RAM.first + RAM.count, count: 1 }]],
  ['half outside', [{ first: RAM.first - 1, count: 2 }]],
  ['of the room that nothing was added in', [{ first: ROOM.first, count: 1 }]],
  ['none', [{ first: RAM.first, count: 0 }]],
  ['more than were asked for', [{ first: RAM.first, count: 0x101 }]],
  ['far away', [{ first: 2 ** 40 - 1, count: 1 }]],
])('pages %s are not taken', (_, ranges) => {
  const { device, pool, world, ask } = ready();
  device.target = RAM.count - 0x100;
  ask();
  ask(gives(ranges));
  expect([pool.taken, device.ballooned]).toEqual([[], 0]);
  expect(world.guestErrors).toEqual(['pages that it cannot give']);
});

test('a page is given once', () => {
  const { device, pool, world, ask } = ready();
  device.target = RAM.count - 0x100;
  ask();
  ask(
    gives(
      [
        { first: 0x500, count: 2 },
        { first: 0x501, count: 2 },
      ],
      1,
    ),
  );
  ask(gives([{ first: 0x500, count: 2 }]));
  expect(pool.taken).toEqual([{ first: 0x500, count: 2 }]);
  expect(world.guestErrors).toEqual(['pages that it cannot give', 'pages that it cannot give']);
});

test('an answer to nothing, or without the ranges that it says it has, changes nothing', () => {
  const { device, world, ask } = ready();
  const before = JSON.stringify(device.inspect());
  for (const message of [
    gives([]),
    unballooned,
    hotAdded(1, 1),
    gives([], 0, 511),
    gives([{ first: 0x500, count: 1 }]),
  ]) {
    expect(ask(message)).toEqual([]);
  }
  expect(JSON.stringify(device.inspect())).toBe(before);
  expect(world.guestErrors.length).toBe(5);
});

test('when the channel closes, what the guest gave away is its memory again', () => {
  const { device, pool, ask } = ready();
  device.target = RAM.count - 0x100;
  ask();
  ask(
    gives([
      { first: 0x500, count: 0x80 },
      { first: 0x700, count: 0x80 },
    ]),
  );
  let closed = false;
  device.closed(undefined as never, () => (closed = true));
  expect(closed).toBe(true);
  expect(pool.given).toEqual(pool.taken);
  expect([device.assigned, device.state]).toEqual([RAM.count, 'closed']);
});

test('demand is what the guest reports, without what it gave away', () => {
  const demands: number[] = [];
  const { device, ask } = ready({ reported: (demand) => demands.push(demand) });
  ask(status(0x5000));
  device.target = RAM.count - 0x1000;
  ask();
  ask(gives([{ first: 0x500, count: 0x1000 }]));
  ask(status(0x6000));
  expect(demands).toEqual([0x5000, 0x5000]);
});

test('saved in the middle of a step, it goes on with it', () => {
  const { device, ask } = ready();
  device.target = RAM.count - 0x300;
  ask();
  ask(gives([{ first: 0x500, count: 0x100 }], 1));
  const saved = JSON.parse(JSON.stringify(device.save())) as ReturnType<DynamicMemory['save']>;
  const other = memoryAndGuest();
  other.device.restore(saved);
  expect(other.device.save()).toEqual(saved);
  other.ask(gives([{ first: 0x700, count: 0x200 }]));
  expect(other.device.assigned).toBe(RAM.count - 0x300);
});

test('messages that make no sense never break its books', () => {
  const word = fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.constant(0xffff_ffff),
    fc.integer({ min: 0, max: 0x2_0000 }),
  );
  const message = fc.record({ type: fc.integer({ min: 0, max: 13 }), words: fc.array(word, { maxLength: 24 }) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
      const { device, pool, ask } = ready();
      device.target = RAM.count - 0x800;
      const whole = pool.free + device.assigned;
      for (const { type, words } of messages) {
        ask(encodeMemoryMessage(type, 1, new Uint8Array(Uint32Array.from(words).buffer)));
        device.target = RAM.count + (words[0] ?? 0) - 0x800;
      }
      const { offered } = device.save();
      expect(pool.free + device.assigned + offered).toBe(whole);
      expect(device.assigned).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 50 },
  );
});
