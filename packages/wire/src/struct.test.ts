import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  array,
  bytes,
  guid,
  i16,
  i32,
  isGuid,
  reserved,
  struct,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
  utf16,
} from './index.ts';

const Sample = struct('SAMPLE', 80, {
  byte: u8,
  _pad: reserved(1),
  half: u16,
  word: u32,
  signed: i32,
  quad: u64,
  bigHalf: u16be,
  bigWord: u32be,
  bigQuad: u64be,
  id: guid,
  raw: bytes(5),
  name: utf16(6),
  list: array(u8, 11),
  signedHalf: i16,
});

const text = fc.string({ unit: 'grapheme-ascii', maxLength: 6 }).map((s) => s.replaceAll('\0', ''));
const sample = fc.record({
  byte: fc.integer({ min: 0, max: 0xff }),
  half: fc.integer({ min: 0, max: 0xffff }),
  word: fc.integer({ min: 0, max: 0xffffffff }),
  signed: fc.integer(),
  quad: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  bigHalf: fc.integer({ min: 0, max: 0xffff }),
  bigWord: fc.integer({ min: 0, max: 0xffffffff }),
  bigQuad: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  id: fc.uuid(),
  raw: fc.uint8Array({ minLength: 5, maxLength: 5 }),
  name: text,
  signedHalf: fc.integer({ min: -0x8000, max: 0x7fff }),
  list: fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 11, maxLength: 11 }),
});

test('what a struct encodes, it decodes', () => {
  fc.assert(
    fc.property(sample, (value) => {
      expect(Sample.decode(Sample.encode(value))).toEqual(value);
    }),
  );
});

test('input shorter than the struct decodes to undefined, longer input is accepted', () => {
  expect(Sample.decode(new Uint8Array(Sample.size - 1))).toBeUndefined();
  expect(Sample.decode(new Uint8Array(Sample.size + 9))).toBeDefined();
});

test('a struct whose fields do not add up to its specified size fails at declaration', () => {
  expect(() => struct('WRONG', 9, { only: u64 })).toThrow('specified as 9 bytes, its fields take 8');
});

test('offsets are those of the fields in order, without padding of our own', () => {
  expect(Sample.at.half).toBe(2);
  expect(Sample.at.id).toBe(34);
});

test('a GUID is mixed-endian on the wire', () => {
  const view = new DataView(new ArrayBuffer(16));
  guid.write(view, 0, 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f');
  const wire = Array.from(new Uint8Array(view.buffer), (b) => b.toString(16).padStart(2, '0')).join('');
  expect(wire).toBe('d96361baa104294db60572e2ffb1dc7f');
});

test('text that is not a GUID is refused', () => {
  expect(isGuid('ba6163d9-04a1-4d29-b605-72e2ffb1dc7')).toBe(false);
  expect(() => guid.write(new DataView(new ArrayBuffer(16)), 0, 'nonsense')).toThrow(TypeError);
});

test('a value too long for its field is refused rather than cut', () => {
  const view = new DataView(new ArrayBuffer(64));
  expect(() => bytes(4).write(view, 0, new Uint8Array(5))).toThrow(RangeError);
  expect(() => utf16(2).write(view, 0, 'abc')).toThrow(RangeError);
  expect(() => array(u8, 2).write(view, 0, [1, 2, 3])).toThrow(RangeError);
});

test('a byte field is a copy: a later write by the peer does not change it', () => {
  const memory = new Uint8Array(4).fill(7);
  const value = bytes(4).read(new DataView(memory.buffer), 0);
  memory.fill(9);
  expect(Array.from(value)).toEqual([7, 7, 7, 7]);
});
