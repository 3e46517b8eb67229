import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTraceRing, TRACE_HEADER_BYTES, TraceReader, TraceWriter } from './trace-ring.ts';

const clock = (times: number[]) => ({ now: () => times.shift() ?? 0 });

/** Writes a record whose bytes are its number. */
function write(writer: TraceWriter, number: number, bytes: number): boolean {
  const at = writer.open(5, 1, number & 0xffff, 2, 7, 1, bytes, bytes);
  if (at < 0) return false;
  writer.bytes.fill(number & 0xff, at * 4, at * 4 + bytes);
  writer.close();
  return true;
}

/** Numbers and lengths of the records in a chunk. */
function read(chunk: Uint8Array): [number, number][] {
  const view = new DataView(chunk.buffer);
  const records: [number, number][] = [];
  for (let at = 0; at < chunk.length; at += view.getUint32(at, true)) {
    if (view.getUint8(at + 4) === 0) continue;
    const kept = view.getUint32(at + 28, true);
    const number = view.getUint16(at + 6, true);
    const body = chunk.subarray(at + TRACE_HEADER_BYTES, at + TRACE_HEADER_BYTES + kept);
    expect(body.every((byte) => byte === (number & 0xff))).toBe(true);
    records.push([number, kept]);
  }
  return records;
}

test('what is written is read in order, whatever the lengths; what does not fit is dropped and counted', () => {
  const steps = fc.array(fc.oneof({ weight: 4, arbitrary: fc.nat(200) }, fc.constant('read' as const)), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(steps, (todo) => {
      const ring = createTraceRing(1024);
      const writer = new TraceWriter(clock([]), ring);
      const reader = new TraceReader(ring);
      reader.follow(true);
      const expected: [number, number][] = [];
      const got: [number, number][] = [];
      let dropped = 0;
      for (const [number, step] of todo.entries()) {
        if (step === 'read') got.push(...read(reader.take()));
        else if (write(writer, number, step)) expected.push([number, step]);
        else dropped++;
      }
      got.push(...read(reader.take()));
      expect(got).toEqual(expected);
      expect(reader.takeDropped()).toBe(dropped);
      expect(reader.takeDropped()).toBe(0);
    }),
  );
});

test('a writer without a ring is off, and one with a ring does as its ring says', () => {
  const writer = new TraceWriter(clock([]));
  expect(writer.on).toBe(false);
  writer.plug(createTraceRing(1024));
  writer.switch(true);
  expect(writer.on).toBe(true);
});

test('records have the time that was read last', () => {
  const ring = createTraceRing(1024);
  const writer = new TraceWriter(clock([1e9 + 0.5]), ring);
  writer.tick();
  write(writer, 1, 8);
  expect(new DataView(new TraceReader(ring).take().buffer).getFloat64(8, true)).toBe(1e9 + 0.5);
});

test('while nobody reads, what is oldest makes room; what is read is whole records, the last of them', () => {
  const steps = fc.array(fc.oneof({ weight: 40, arbitrary: fc.nat(90) }, fc.constant('read' as const)), {
    minLength: 100,
    maxLength: 300,
  });
  fc.assert(
    fc.property(steps, (todo) => {
      const ring = createTraceRing(1 << 14);
      const writer = new TraceWriter(clock([]), ring);
      const reader = new TraceReader(ring);
      let written: [number, number][] = [];
      let before = 0;
      const look = (): void => {
        const got = read(reader.take());
        expect(got).toEqual(written.slice(written.length - got.length));
        // Of the eighth that is used, a part, a record that does not end with it, and another where it goes around.
        const bytes = written.reduce((sum, [, kept]) => sum + TRACE_HEADER_BYTES + ((kept + 7) & ~7), 0);
        const sure = 2048 - 256 - 2 * 128;
        expect(got.length).toBeGreaterThanOrEqual(bytes < sure ? written.length : sure / 128);
        const lost = reader.before === undefined ? 0 : reader.before - before;
        expect(lost).toBe(written.length - got.length);
        before += written.length;
        written = [];
      };
      for (const [number, step] of todo.entries()) {
        if (step === 'read') look();
        else if (write(writer, number, step)) written.push([number, step]);
      }
      look();
      expect(reader.takeDropped()).toBe(0);
    }),
    { numRuns: 50 },
  );
});
