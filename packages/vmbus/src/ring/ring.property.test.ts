import { PAGE_SIZE } from '@ringlet/microkernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketType } from '../channel/packet.ts';
import { Control } from './layout.ts';
import { guestMemory, pageRun } from './ring-fixture.ts';
import { RingMemory } from './ring-memory.ts';
import { RingReader } from './ring-reader.ts';
import { RingWriter } from './ring-writer.ts';

const DATA_PAGES = 3;

/** A ring, the memory it lies in, and one page beside it that packets are moved from and to. */
function ring(scattered: boolean) {
  const guest = guestMemory({ pages: DATA_PAGES + 3, scattered });
  const memory = RingMemory.map(guest, pageRun(0, DATA_PAGES + 1))!;
  const scratch = [guest.find((DATA_PAGES + 1) * PAGE_SIZE, 1, 1), guest.find((DATA_PAGES + 2) * PAGE_SIZE, 1, 1)];
  return { guest, memory, writer: new RingWriter(memory), reader: new RingReader(memory), scratch };
}

type Range = { length: number; offset: number; pages: number[] };
type Step =
  | { do: 'write'; payload: Uint8Array; low: number; high: number; completion: boolean; ranges: Range[] }
  | { do: 'move'; quads: number; seed: number }
  | { do: 'commit' | 'read' | 'return' };

const word = fc.integer({ min: 0, max: 0xffffffff });
const range: fc.Arbitrary<Range> = fc
  .record({ length: fc.integer({ min: 1, max: 12_000 }), offset: fc.integer({ min: 0, max: 4095 }), seed: word })
  .map(({ length, offset, seed }) => ({
    length,
    offset,
    pages: Array.from({ length: Math.ceil((offset + length) / PAGE_SIZE) }, (_, i) => seed * 2 ** 20 + i),
  }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      payload: fc.uint8Array({ maxLength: 700, size: 'max' }),
      low: word,
      high: word,
      completion: fc.boolean(),
      ranges: fc.oneof(fc.constant<Range[]>([]), fc.array(range, { minLength: 1, maxLength: 3 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('move' as const), quads: fc.integer({ min: 0, max: 512 }), seed: word }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'commit' as const }) },
  { weight: 4, arbitrary: fc.constant({ do: 'read' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'return' as const }) },
);

const padded = (payload: Uint8Array): Uint8Array => {
  const whole = new Uint8Array((payload.length + 7) & ~7);
  whole.set(payload);
  return whole;
};

/** What was written, as a reader should see it. */
function seen(reader: RingReader) {
  return {
    type: reader.type,
    completion: reader.completionRequested,
    low: reader.transactionLow,
    high: reader.transactionHigh,
    payload: reader.payload(),
    ranges: Array.from({ length: reader.rangeCount }, (_, r) => ({
      length: reader.rangeLength(r),
      offset: reader.rangeOffset(r),
      pages: Array.from({ length: Math.ceil((reader.rangeOffset(r) + reader.rangeLength(r)) / PAGE_SIZE) }, (_, p) =>
        reader.rangePage(r, p),
      ),
    })),
  };
}

/** Carries out the steps on one ring. @returns what was read, and the ring's bytes at the end. */
function run(scattered: boolean, steps: readonly Step[]) {
  const { guest, memory, writer, reader, scratch } = ring(scattered);
  const unpublished: ReturnType<typeof seen>[] = [];
  const published: ReturnType<typeof seen>[] = [];
  const expected: ReturnType<typeof seen>[] = [];
  const read: ReturnType<typeof seen>[] = [];
  const moved: Uint8Array[] = [];
  for (const now of steps) {
    if (now.do === 'write') {
      const { payload, low, high, completion, ranges } = now;
      const direct = ranges.length > 0;
      const header = direct ? 8 + ranges.reduce((sum, { pages }) => sum + 8 + 8 * pages.length, 0) : 0;
      const type = direct ? PacketType.GpaDirect : PacketType.InBand;
      if (!writer.begin(type, completion ? 1 : 0, low, high, header, payload.length)) continue;
      if (direct) {
        writer.u32(0);
        writer.u32(ranges.length);
        for (const { pages, offset, length } of ranges) writer.range(pages, offset, length);
      }
      writer.write(payload);
      writer.end();
      unpublished.push({ type, completion, low, high, payload: padded(payload), ranges });
    } else if (now.do === 'move') {
      const bytes = Uint8Array.from({ length: now.quads * 8 }, (_, i) => (i * 7 + now.seed) & 0xff);
      guest.bytes.set(bytes, scratch[0]!);
      if (!writer.put(PacketType.Completion, 0, 0, 0, scratch[0]!, bytes.length)) continue;
      unpublished.push({ type: PacketType.Completion, completion: false, low: 0, high: 0, payload: bytes, ranges: [] });
    } else if (now.do === 'commit') {
      writer.commit();
      published.push(...unpublished.splice(0));
    } else if (now.do === 'read') {
      const next = published.shift();
      if (next !== undefined) expected.push(next);
      if (!reader.next()) continue;
      read.push(seen(reader));
      const length = Math.min(reader.length, PAGE_SIZE);
      reader.moveTo(scratch[1]!, length);
      moved.push(guest.bytes.slice(scratch[1]!, scratch[1]! + length));
    } else {
      reader.commit();
    }
  }
  const bytes = new Uint8Array(memory.size);
  memory.copyOut(0, bytes);
  const control = Object.values(Control).map((index) => memory.words[memory.control + index]);
  return { read, expected, moved, fault: reader.fault ?? writer.fault, bytes, control };
}

test('what is written and published is what is read, in order, whatever the sizes and wraps', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 120, size: 'max' }), (scattered, steps) => {
      const { read, expected, moved, fault } = run(scattered, steps);
      expect(fault).toBeUndefined();
      expect(read).toEqual(expected);
      expect(moved).toEqual(expected.map(({ payload }) => payload.subarray(0, PAGE_SIZE)));
    }),
    { numRuns: 30 },
  );
});

test('scattered pages hold the same bytes as adjacent ones', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const adjacent = run(false, steps);
      const scattered = run(true, steps);
      expect(scattered.bytes).toEqual(adjacent.bytes);
      expect(scattered.control).toEqual(adjacent.control);
      expect(scattered.read).toEqual(adjacent.read);
    }),
    { numRuns: 20 },
  );
});

test('any field of a payload reads the same word by word, byte by byte and as a copy, across wraps and pages', () => {
  const fields = fc.tuple(
    fc.boolean(),
    fc.integer({ min: 0, max: (DATA_PAGES * PAGE_SIZE) / 8 - 1 }),
    fc.integer({ min: 0, max: 60 }),
  );
  fc.assert(
    fc.property(fields, ([scattered, startQuad, at]) => {
      const { writer, reader } = ring(scattered);
      const bytes = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 0xff);
      for (const filler of [startQuad * 4, startQuad * 8 - startQuad * 4]) {
        if (filler >= 24) {
          writer.begin(PacketType.InBand, 0, 0, 0, 0, (filler & ~7) - 24);
          writer.end();
        }
        writer.commit();
        while (reader.next());
        reader.commit();
      }
      writer.begin(PacketType.InBand, 0, 0, 0, 0, bytes.length);
      writer.write(bytes);
      writer.end();
      writer.commit();
      reader.next();

      const view = new DataView(bytes.buffer);
      const copy = new Uint8Array(3);
      reader.copyTo(copy, at);
      expect(reader.u8(at)).toBe(bytes[at]);
      expect(reader.u16(at)).toBe(view.getUint16(at, true));
      expect(reader.u32(at)).toBe(view.getUint32(at, true));
      expect(copy).toEqual(bytes.slice(at, at + 3));
    }),
    { numRuns: 300 },
  );
});
