import { createTraceRing, TRACE_HEADER_BYTES, TraceReader, TraceSender, TraceWriter } from '@ringlet/microkernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChannelTrace } from './channel-trace.ts';

const LONGEST_LARGE_SEND = 65_549;

/** What a trace has of a message: bytes that there were, and those that were kept. */
function traced(
  message: Uint8Array,
  headBytes: number,
  at: number,
  snap?: number,
): { length: number; kept: Uint8Array } {
  const ring = createTraceRing(1 << 20);
  const reader = new TraceReader(ring);
  reader.follow(true);
  if (snap !== undefined) reader.snap(snap);
  const trace = new ChannelTrace(new TraceWriter({ now: () => 0 }, ring), 2, 1, 0, 0);
  const memory = new Uint8Array(at + headBytes);
  memory.set(message.subarray(0, headBytes), at);
  trace.data(TraceSender.Root, new DataView(memory.buffer), at, headBytes, message.slice(headBytes));
  const chunk = reader.take();
  const view = new DataView(chunk.buffer);
  const kept = view.getUint32(28, true);
  return { length: view.getUint32(24, true), kept: chunk.slice(TRACE_HEADER_BYTES, TRACE_HEADER_BYTES + kept) };
}

const message = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 31) >> 2);

test('a frame is kept whole, wherever it lies and however long it is, the longest large send included', () => {
  const bytes = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.constant(LONGEST_LARGE_SEND));
  fc.assert(
    fc.property(bytes, fc.integer({ min: 0, max: 120 }), fc.nat(15), (frame, head, at) => {
      const whole = message(head + frame);
      const { length, kept } = traced(whole, head, at);
      expect(length).toBe(whole.length);
      expect(Buffer.from(kept).equals(whole)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('with a snap length its beginning is kept, and how long it was', () => {
  const whole = message(44 + 1514);
  const { length, kept } = traced(whole, 44, 4, 96);
  expect(length).toBe(whole.length);
  // What is before the frame has room of its own.
  expect(kept).toEqual(whole.subarray(0, 128 + 96));
});

test('records of a batch are there when it ends; without one, each at once', () => {
  const ring = createTraceRing(1 << 20);
  const reader = new TraceReader(ring);
  const writer = new TraceWriter({ now: () => 0 }, ring);
  writer.switch(true);
  const trace = new ChannelTrace(writer, 2, 1, 0, 0);
  const write = (): void => trace.data(TraceSender.Root, new DataView(new ArrayBuffer(8)), 0, 8);
  expect(trace.beginBatch()).toBe(trace);
  write();
  write();
  expect(reader.take()).toHaveLength(0);
  trace.endBatch();
  expect(reader.take()).toHaveLength(2 * (TRACE_HEADER_BYTES + 8));
  write();
  expect(reader.take()).toHaveLength(TRACE_HEADER_BYTES + 8);
});
