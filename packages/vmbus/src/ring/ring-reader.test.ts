import { PAGE_SIZE } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { PacketType } from '../channel/packet.ts';
import { Control } from './layout.ts';
import { guestMemory, pageRun } from './ring-fixture.ts';
import { RingMemory } from './ring-memory.ts';
import { RingReader } from './ring-reader.ts';
import { RingWriter } from './ring-writer.ts';

/** A ring whose producer is a hand that can write anything. */
function handWrittenRing(dataPages = 1) {
  const memory = RingMemory.map(guestMemory({ pages: 1 + dataPages }), pageRun(0, 1 + dataPages))!;
  const poke = (word: number, value: number) => Atomics.store(memory.words, memory.control + word, value);
  const put = (position: number, ...words: number[]) =>
    words.forEach((value, i) => (memory.words[memory.word(position + 4 * i)] = value));
  return { memory, poke, put, reader: new RingReader(memory) };
}

const descriptor = (type: number, offset8: number, length8: number, flags = 0, low = 0, high = 0): number[] => [
  type | (offset8 << 16),
  length8 | (flags << 16),
  low,
  high,
];

/** What a reader makes of one packet of these words, published with `bytes` in the ring. */
function faultOf(words: number[], bytes: number): string | undefined {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...words);
  poke(Control.WriteIndex, bytes);
  expect(reader.next()).toBe(false);
  return reader.fault;
}

const { InBand, TransferPages, GpaDirect, Completion } = PacketType;

test('R6: equal indices mean an empty ring, not a full one', () => {
  const { reader } = handWrittenRing();

  expect(reader.waiting()).toBe(false);
  expect(reader.next()).toBe(false);
  expect(reader.fault).toBeUndefined();
});

test('R4: a descriptor that was published only in part is a fault', () => {
  expect(faultOf(descriptor(InBand, 2, 2), 8)).toBe('descriptor-invalid');
});

test('R4: a payload that begins inside the descriptor is a fault', () => {
  expect(faultOf(descriptor(InBand, 1, 3), 32)).toBe('descriptor-invalid');
});

test('R4: a payload that begins after its packet is a fault', () => {
  expect(faultOf(descriptor(InBand, 4, 3), 32)).toBe('descriptor-invalid');
});

test('R4: a packet longer than what was published is a fault', () => {
  expect(faultOf(descriptor(InBand, 2, 0xffff), 32)).toBe('descriptor-invalid');
});

test('R4: flags that no specification defines are a fault', () => {
  expect(faultOf(descriptor(InBand, 2, 3, 2), 32)).toBe('flags-unknown');
});

test('R4: ranges need room for their header below the payload', () => {
  expect(faultOf(descriptor(GpaDirect, 2, 3), 32)).toBe('ranges-invalid');
  expect(faultOf(descriptor(TransferPages, 2, 3), 32)).toBe('ranges-invalid');
});

test('R5: a packet whose footer was not published is a fault, not a step past the write index', () => {
  expect(faultOf(descriptor(InBand, 2, 3), 24)).toBe('descriptor-invalid');
});

test('R7: a write index outside the ring or off a boundary is a fault at the load that finds it', () => {
  const outside = handWrittenRing();
  outside.poke(Control.WriteIndex, PAGE_SIZE);
  const crooked = handWrittenRing();
  crooked.poke(Control.WriteIndex, 28);

  expect(outside.reader.waiting()).toBe(false);
  expect(outside.reader.fault).toBe('write-index-invalid');
  expect(crooked.reader.next()).toBe(false);
  expect(crooked.reader.fault).toBe('write-index-invalid');
});

test('R7: a write index that turns bad between two loads does no harm to the packets found before', () => {
  const { memory, poke, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  writer.begin(InBand, 0, 1, 0, 0, 0);
  writer.end();
  writer.commit();
  reader.waiting();

  poke(Control.WriteIndex, 3);

  expect(reader.next()).toBe(true);
  expect(reader.next()).toBe(false);
  expect(reader.fault).toBe('write-index-invalid');
});

test('R7: a reader that attaches to a ring whose read index is broken reads nothing', () => {
  const { memory, poke } = handWrittenRing();
  poke(Control.ReadIndex, 4);

  const reader = new RingReader(memory);

  expect(reader.fault).toBe('read-index-invalid');
  expect(reader.next()).toBe(false);
});

test('R8: reserved fields of range headers may hold anything', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(GpaDirect, 5, 6), 0xdeadbeef, 1, 16, 0, 7, 0);
  put(56, ...descriptor(TransferPages, 4, 5), 0xffff_cafe, 1, 100, 200);
  poke(Control.WriteIndex, 104);

  expect(reader.next()).toBe(true);
  expect([reader.rangeLength(0), reader.rangeOffset(0), reader.rangePage(0, 0)]).toEqual([16, 0, 7]);
  expect(reader.next()).toBe(true);
  expect([reader.transferSet, reader.rangeLength(0), reader.rangeOffset(0)]).toEqual([0xcafe, 100, 200]);
});

test('R9: a GPA-direct packet without a range is a fault', () => {
  expect(faultOf([...descriptor(GpaDirect, 3, 3), 0, 0], 32)).toBe('ranges-invalid');
});

test('R9: a transfer-pages packet without a range is legal', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(TransferPages, 3, 3), 5, 0);
  poke(Control.WriteIndex, 32);

  expect(reader.next()).toBe(true);
  expect(reader.rangeCount).toBe(0);
  expect(reader.rangeLength(0)).toBe(0);
  expect(reader.rangePage(0, 0)).toBe(-1);
});

test('R11: in-band, transfer-pages, GPA-direct and completion packets are read, every other type is a fault', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(Completion, 2, 2));
  poke(Control.WriteIndex, 24);

  expect(reader.next()).toBe(true);
  expect(reader.type).toBe(Completion);
  for (const type of [0, 1, 5, 8, 0xa, 0xc, 0xffff]) expect(faultOf(descriptor(type, 2, 2), 24)).toBe('type-unknown');
});

test('R17: a packet that wraps in its descriptor, payload or footer reads like any other', () => {
  const { memory, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  const bytesBeforeTheWrap = [8, 16, 24, 40, 48];

  const seen = bytesBeforeTheWrap.map((left) => {
    const position = reader.inspect()['next'] as number;
    writer.begin(InBand, 0, 0, 0, 0, PAGE_SIZE - position - left - 24);
    writer.end();
    writer.commit();
    reader.next();
    reader.commit();
    writer.begin(InBand, 1, 0x1111, 0x2222, 0, 24);
    writer.write(Uint8Array.from({ length: 24 }, (_, i) => i + left));
    writer.end();
    writer.commit();
    reader.next();
    reader.commit();
    return [reader.transactionLow, reader.transactionHigh, reader.u8(23), reader.u32(4)];
  });

  expect(seen).toEqual(bytesBeforeTheWrap.map((left) => [0x1111, 0x2222, 23 + left, 0x07060504 + left * 0x01010101]));
});

test('R19: an offset beyond the first page, an empty range, and more pages than the header holds are faults', () => {
  const range = (length: number, offset: number, ...pages: number[]) =>
    faultOf([...descriptor(GpaDirect, 5, 5), 0, 1, length, offset, ...pages], 48);

  expect(range(16, 0x1000, 7, 0)).toBe('ranges-invalid');
  expect(range(0, 0, 7, 0)).toBe('ranges-invalid');
  expect(range(4097, 0, 7, 0)).toBe('ranges-invalid');
  expect(range(1, 0xffffffff, 7, 0)).toBe('ranges-invalid');
  expect(range(0xffffffff, 0xfff, 7, 0)).toBe('ranges-invalid');
});

test('R19: more ranges than their header holds are a fault', () => {
  expect(faultOf([...descriptor(GpaDirect, 5, 5), 0, 2, 16, 0, 7, 0], 48)).toBe('ranges-invalid');
  expect(faultOf([...descriptor(GpaDirect, 5, 5), 0, 0xffffffff, 16, 0, 7, 0], 48)).toBe('ranges-invalid');
  expect(faultOf([...descriptor(TransferPages, 5, 5), 0, 3, 16, 0, 7, 0], 48)).toBe('ranges-invalid');
});

test('R19: ranges are what they were when the packet was read, whatever the peer writes afterwards', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(GpaDirect, 6, 7), 0, 1, 4096, 16, 7, 0, 9, 1);
  poke(Control.WriteIndex, 64);
  reader.next();

  put(0, ...Array.from({ length: 16 }, () => -1));

  expect([reader.rangeLength(0), reader.rangeOffset(0)]).toEqual([4096, 16]);
  expect([reader.rangePage(0, 0), reader.rangePage(0, 1), reader.rangePage(0, 2)]).toEqual([7, 0x1_0000_0009, -1]);
  expect([reader.type, reader.length, reader.completionRequested]).toEqual([GpaDirect, 8, false]);
});

test('ranges may be followed by unused header: Linux sends one of fixed size for a storage request of few pages', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(GpaDirect, 36, 44), 0, 1, 512, 0, 3, 0);
  poke(Control.WriteIndex, 44 * 8 + 8);

  expect(reader.next()).toBe(true);
  expect([reader.rangeCount, reader.length]).toEqual([1, 64]);
});

test('ranges of one packet are gone in the next', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(GpaDirect, 5, 5), 0, 1, 16, 0, 7, 0);
  put(48, ...descriptor(InBand, 2, 2));
  poke(Control.WriteIndex, 72);

  reader.next();
  reader.next();

  expect(reader.rangeCount).toBe(0);
  expect(reader.rangePage(0, 0)).toBe(-1);
});

test('ranges of a reverted packet are gone, even if the peer makes it another packet meanwhile', () => {
  const { poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(GpaDirect, 5, 5), 0, 1, 16, 0, 7, 0);
  poke(Control.WriteIndex, 48);
  reader.next();
  reader.revert();
  put(0, ...descriptor(InBand, 2, 5));

  expect(reader.next()).toBe(true);

  expect(reader.type).toBe(InBand);
  expect(reader.rangeCount).toBe(0);
});

test('R20: packets before a broken one can be returned, the broken one stays where it is', () => {
  const { memory, poke, put, reader } = handWrittenRing();
  put(0, ...descriptor(InBand, 2, 2));
  put(24, ...descriptor(InBand, 2, 900));
  poke(Control.WriteIndex, 64);

  expect(reader.next()).toBe(true);
  expect(reader.next()).toBe(false);
  reader.commit();

  expect(Atomics.load(memory.words, memory.control + Control.ReadIndex)).toBe(24);
});

test('a payload read beyond its end gives zeroes, not the ring or the memory behind it', () => {
  const { memory, poke, put, reader } = handWrittenRing();
  memory.words.fill(-1, memory.control + 1024);
  put(0, ...descriptor(InBand, 2, 3));
  poke(Control.WriteIndex, 32);
  reader.next();

  expect(reader.u8(7)).toBe(0xff);
  expect([8, -1, 1e9, NaN].map((at) => reader.u8(at))).toEqual([0, 0, 0, 0]);
  expect([8, -4, 1e9, NaN].map((at) => reader.u32(at))).toEqual([0, 0, 0, 0]);
  expect(reader.u32(6)).toBe(0xffff);
  const target = new Uint8Array(12);
  reader.copyTo(target, 4);
  expect([...target]).toEqual([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test('S2: space is announced once, by the commit that crosses what the producer waits for', () => {
  const { memory, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  for (let i = 0; i < 3; i++) {
    writer.begin(InBand, 0, 0, 0, 0, 1000);
    writer.end();
  }
  writer.commit();
  writer.awaitRoom(3000);
  const commits = Array.from({ length: 3 }, () => {
    reader.next();
    return reader.commit();
  });

  expect(commits).toEqual([false, true, false]);
});

test('R15: a pending send size counts only if the producer declared that it uses it', () => {
  const { memory, poke, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  poke(Control.FeatureBits, 0);
  writer.begin(InBand, 0, 0, 0, 0, 1000);
  writer.end();
  writer.commit();
  writer.awaitRoom(4088);
  reader.next();

  expect(reader.commit()).toBe(false);
});

test('R16: a producer that asks for ring size minus one is told when the ring is empty', () => {
  const { memory, poke, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  writer.begin(InBand, 0, 0, 0, 0, 1000);
  writer.end();
  writer.commit();
  poke(Control.PendingSendSize, PAGE_SIZE - 1);
  reader.next();

  expect(reader.commit()).toBe(true);
});

test('S3: a packet published before the mask was cleared is found by the look after it', () => {
  const { memory, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  reader.waiting();
  writer.begin(InBand, 0, 0, 0, 0, 0);
  writer.end();

  expect(writer.commit()).toBe(false);
  expect(reader.unmask()).toBe(true);
});

test('S5: a consumer starts masked, whatever the header says, and clears the mask before it first sleeps', () => {
  const { memory, poke } = handWrittenRing();
  poke(Control.InterruptMask, 0);
  const mask = () => Atomics.load(memory.words, memory.control + Control.InterruptMask);

  const reader = new RingReader(memory);
  expect(mask()).toBe(1);
  reader.unmask();
  expect(mask()).toBe(0);
});

test('S6: a mask that someone else set is reported', () => {
  const { poke, reader } = handWrittenRing();
  reader.unmask();

  poke(Control.InterruptMask, 1);
  reader.mask();

  expect(reader.fault).toBe('externally-masked');
});

test('S14: after taking over a ring whose producer waits for space that there is, a signal is owed', () => {
  const { memory, poke } = handWrittenRing();
  poke(Control.PendingSendSize, 1024);

  expect(new RingReader(memory).owesSignal()).toBe(true);
  expect(handWrittenRing().reader.owesSignal()).toBe(false);
});

test('a reverted packet comes again, and is not returned to the producer', () => {
  const { memory, reader } = handWrittenRing();
  const writer = new RingWriter(memory);
  writer.begin(InBand, 0, 42, 0, 0, 0);
  writer.end();
  writer.commit();

  reader.next();
  reader.revert();
  reader.commit();

  expect(Atomics.load(memory.words, memory.control + Control.ReadIndex)).toBe(0);
  expect(reader.next()).toBe(true);
  expect(reader.transactionLow).toBe(42);
});
