import fc from 'fast-check';
import { expect, test } from 'vitest';
import { write32 } from '../packet/bytes.ts';
import { FrameReader } from './frame-reader.ts';

function streamOf(frames: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + 4 + length, 0));
  let at = 0;
  for (const frame of frames) {
    write32(bytes, at, frame.length);
    bytes.set(frame, at + 4);
    at += 4 + frame.length;
  }
  return bytes;
}

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      (frames, cuts) => {
        const read: Uint8Array[] = [];
        const reader = new FrameReader((frame) => read.push(frame.slice()));
        const bytes = streamOf(frames);
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const end = at + cuts[cut % cuts.length]!;
          expect(reader.push(bytes.subarray(at, end))).toBe(true);
          at = end;
        }
        expect(read).toEqual(frames);
      },
    ),
  );
});

test('a length that no frame has ends the stream, whole or in parts', () => {
  const whole = new FrameReader(() => {});
  expect(whole.push(Uint8Array.of(0, 2, 0, 0))).toBe(false);
  const parts = new FrameReader(() => {});
  expect(parts.push(Uint8Array.of(0x47, 0x45))).toBe(true);
  expect(parts.push(Uint8Array.of(0x54, 0x20))).toBe(false);
});
