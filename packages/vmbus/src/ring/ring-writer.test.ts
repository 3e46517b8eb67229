import { PAGE_SIZE } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { PacketType } from '../channel/packet.ts';
import { Control, FEATURE_PENDING_SEND_SIZE } from './layout.ts';
import { guestMemory, pageRun } from './ring-fixture.ts';
import { RingMemory } from './ring-memory.ts';
import { RingReader } from './ring-reader.ts';
import { RingWriter } from './ring-writer.ts';

function emptyRing(dataPages = 1) {
  const memory = RingMemory.map(guestMemory({ pages: 1 + dataPages }), pageRun(0, 1 + dataPages))!;
  const control = (word: number) => memory.words[memory.control + word]!;
  const poke = (word: number, value: number) => Atomics.store(memory.words, memory.control + word, value);
  const word = (position: number) => memory.words[memory.word(position)]! >>> 0;
  return { memory, control, poke, word, writer: new RingWriter(memory) };
}

function write(writer: RingWriter, payload: Uint8Array, low = 0): boolean {
  if (!writer.begin(PacketType.InBand, 0, low, 0, 0, payload.length)) return false;
  writer.write(payload);
  writer.end();
  return true;
}

test('R12: a ring without a data page, or with a page that is not there, cannot be mapped', () => {
  const guest = guestMemory({ pages: 2 });

  expect(RingMemory.map(guest, [0])).toBeUndefined();
  expect(RingMemory.map(guest, [0, 2])).toBeUndefined();
  expect(RingMemory.map(guest, [0, 1])!.size).toBe(PAGE_SIZE);
});

test('R13: the header words are where the format puts them', () => {
  expect(Control).toEqual({ WriteIndex: 0, ReadIndex: 1, InterruptMask: 2, PendingSendSize: 3, FeatureBits: 16 });
});

test('R14: the producer declares that it uses the pending send size, and waits for nothing', () => {
  const { memory, control, poke } = emptyRing();
  poke(Control.PendingSendSize, 512);

  new RingWriter(memory);

  expect(control(Control.FeatureBits)).toBe(FEATURE_PENDING_SEND_SIZE);
  expect(control(Control.PendingSendSize)).toBe(0);
});

test('vmbus gotcha 13: feature bits that the opener set stay set', () => {
  const { memory, control, poke } = emptyRing();
  poke(Control.FeatureBits, 0b101);

  new RingWriter(memory);
  new RingReader(memory);

  expect(control(Control.FeatureBits)).toBe(0b101);
});

test('R2: a packet takes its descriptor, its payload rounded up to eight, and a footer; its length leaves the footer out', () => {
  const { writer, control, word } = emptyRing();

  write(writer, Uint8Array.of(1, 2, 3), 0xabcd);
  writer.commit();

  expect(word(0)).toBe((2 << 16) | PacketType.InBand);
  expect(word(4)).toBe(3);
  expect(word(8)).toBe(0xabcd);
  expect(word(16)).toBe(0x030201);
  expect(word(20)).toBe(0);
  expect(control(Control.WriteIndex)).toBe(32);
});

test('R3: the footer says where its packet began', () => {
  const { writer, word } = emptyRing();

  write(writer, new Uint8Array(8));
  write(writer, new Uint8Array(16));

  expect([word(24), word(28)]).toEqual([0, 0]);
  expect([word(32 + 32), word(32 + 36)]).toEqual([0, 32]);
});

test('R1: a packet that would fill the ring completely is refused, and what was written stays', () => {
  const { memory, writer } = emptyRing();
  const reader = new RingReader(memory);

  expect(write(writer, new Uint8Array(PAGE_SIZE - 24))).toBe(false);
  expect(write(writer, new Uint8Array(PAGE_SIZE - 32).fill(7))).toBe(true);
  expect(write(writer, new Uint8Array(0))).toBe(false);
  writer.commit();

  expect(reader.next()).toBe(true);
  expect(reader.payload()).toEqual(new Uint8Array(PAGE_SIZE - 32).fill(7));
});

test('R18: a packet longer than its length field can say is refused, in a ring that would hold it', () => {
  const { writer } = emptyRing(200);

  expect(writer.begin(PacketType.InBand, 0, 0, 0, 0, 0xffff * 8 - 8)).toBe(false);
  expect(writer.begin(PacketType.InBand, 0, 0, 0, 0, 0xffff * 8 - 16)).toBe(true);
});

test('R18: a payload that lies in memory and is longer than the length field can say is refused like any other', () => {
  const { writer } = emptyRing(256);
  expect(writer.hasRoom(8)).toBe(true);

  expect(writer.put(PacketType.InBand, 0, 0, 0, 0, 0xffff * 8)).toBe(false);
  expect(writer.uncommitted).toBe(0);
});

for (const scattered of [false, true]) {
  test(`what is put from memory arrives, whatever its length and place, on ${scattered ? 'scattered' : 'adjacent'} pages`, () => {
    const guest = guestMemory({ pages: 6, scattered });
    const ring = RingMemory.map(guest, pageRun(0, 4))!;
    const source = guest.find(4 * PAGE_SIZE, PAGE_SIZE, 3);
    const sink = guest.find(5 * PAGE_SIZE, PAGE_SIZE, 3);
    for (let i = 0; i < PAGE_SIZE; i++) guest.bytes[source + i] = i ^ (i >> 8);
    const writer = new RingWriter(ring);
    const reader = new RingReader(ring);

    for (let length = 0; length < 2000; length += 13) {
      // Unsigned, as a reader gives them.
      expect(writer.put(PacketType.Completion, 0, 0xffff_0000 + length, 0xffff_ffff, source + 8, length)).toBe(true);
      writer.prepare();
      writer.commit();

      expect(reader.next()).toBe(true);
      expect([reader.transactionLow, reader.transactionHigh]).toEqual([0xffff_0000 + length, 0xffff_ffff]);
      const sent = guest.bytes.slice(source + 8, source + 8 + length);
      expect(reader.payload().slice(0, length)).toEqual(sent);
      reader.moveTo(sink, length);
      expect(guest.bytes.slice(sink, sink + (length & ~7))).toEqual(sent.slice(0, length & ~7));
      reader.commit();
    }
  });
}

test('preparing memory for what is written next changes nothing', () => {
  const { memory, writer } = emptyRing();
  write(writer, new Uint8Array(100));
  memory.words.fill(0x5a5a5a5a, memory.word(200), memory.word(0) + PAGE_SIZE / 4);
  const before = memory.bytes.slice();

  writer.prepare();

  expect(memory.bytes.slice()).toEqual(before);
});

test('S1: the commit that ends an idle spell asks for a signal, the next ones do not', () => {
  const { memory, writer } = emptyRing();
  const reader = new RingReader(memory);
  reader.unmask();

  write(writer, new Uint8Array(8));
  write(writer, new Uint8Array(8));
  expect(writer.commit()).toBe(true);
  write(writer, new Uint8Array(8));
  expect(writer.commit()).toBe(false);
  while (reader.next());
  reader.commit();
  write(writer, new Uint8Array(8));
  expect(writer.commit()).toBe(true);
});

test('S1: a masked reader is not signalled', () => {
  const { memory, writer } = emptyRing();
  new RingReader(memory);

  write(writer, new Uint8Array(8));

  expect(writer.commit()).toBe(false);
});

test('a commit of nothing publishes nothing and signals nobody', () => {
  const { writer } = emptyRing();

  expect(writer.commit()).toBe(false);
});

test('S7: waiting for more than can ever be free is refused rather than slept on', () => {
  const { writer, control } = emptyRing();

  expect(writer.awaitRoom(writer.longest + 8)).toBe(false);
  expect(control(Control.PendingSendSize)).toBe(0);
});

test('S7: space that came back before the request was seen is found by the look after it', () => {
  const { memory, writer } = emptyRing();
  const reader = new RingReader(memory);
  write(writer, new Uint8Array(4000));
  writer.commit();
  expect(writer.hasRoom(4000)).toBe(false);

  while (reader.next());
  reader.commit();

  expect(writer.awaitRoom(4000)).toBe(true);
});

test('S8: a writer that waits asks for a quarter of the ring, and for no more once it has what it needs', () => {
  const { writer, control } = emptyRing(4);

  writer.awaitRoom(24);
  expect(control(Control.PendingSendSize)).toBe(PAGE_SIZE);
  writer.stopWaiting();
  expect(control(Control.PendingSendSize)).toBe(0);
});

test('S8: what is asked for can always be free', () => {
  const { writer, control } = emptyRing();

  writer.awaitRoom(writer.longest);

  expect(control(Control.PendingSendSize)).toBe(PAGE_SIZE - 8);
});

test('R7: a read index outside the ring or off a boundary is a fault, whichever load finds it', () => {
  const outside = emptyRing();
  outside.poke(Control.ReadIndex, PAGE_SIZE);
  const crooked = emptyRing();
  crooked.poke(Control.ReadIndex, 12);

  expect(write(outside.writer, new Uint8Array(8))).toBe(false);
  expect(outside.writer.fault).toBe('read-index-invalid');
  expect(crooked.writer.hasRoom(24)).toBe(false);
  expect(crooked.writer.fault).toBe('read-index-invalid');
});

test('R7: a writer that attaches to a ring whose write index is broken writes nothing', () => {
  const { memory, poke } = emptyRing();
  poke(Control.WriteIndex, 0x7fff_fff8);

  const writer = new RingWriter(memory);

  expect(writer.fault).toBe('write-index-invalid');
  expect(write(writer, new Uint8Array(8))).toBe(false);
});

test('S14: after taking over a ring with packets nobody was told of, a signal is owed', () => {
  const { memory, writer } = emptyRing();
  new RingReader(memory).unmask();
  write(writer, new Uint8Array(8));
  writer.commit();

  expect(new RingWriter(memory).owesSignal()).toBe(true);
  expect(emptyRing().writer.owesSignal()).toBe(false);
});

test('a packet that is written beyond what it reserved is our mistake, not memory corruption', () => {
  const { writer } = emptyRing();
  writer.begin(PacketType.InBand, 0, 0, 0, 0, 8);

  expect(() => writer.write(new Uint8Array(9))).toThrow('within what it reserved');
});
