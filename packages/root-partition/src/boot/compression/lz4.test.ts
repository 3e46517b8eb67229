import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../boot-fixture.ts';
import { UserError } from '@ringlet/wire';
import { decompressLz4 } from './lz4.ts';

const MAGIC = [0x02, 0x21, 0x4c, 0x18];

function frame(...blocks: number[][]): Uint8Array {
  return Uint8Array.from([
    ...MAGIC,
    ...blocks.flatMap((block) => [block.length & 0xff, block.length >> 8, 0, 0, ...block]),
  ]);
}

const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const codes = (letters: string): number[] => Array.from(letters, (letter) => letter.charCodeAt(0));

test('a block of literals is what it says', () => {
  expect(text(decompressLz4(frame([0x50, ...codes('plain')]), 5))).toBe('plain');
});

test('a match that overlaps itself repeats what it writes', () => {
  // Three literals, then 4 + 5 bytes from 3 back, then one literal.
  expect(text(decompressLz4(frame([0x35, ...codes('abc'), 3, 0, 0x10, ...codes('!')]), 13))).toBe('abcabcabcabc!');
});

test('lengths go on while bytes are 255', () => {
  const literals = Array.from({ length: 15 + 255 + 3 }, () => 0x78);
  const data = decompressLz4(frame([0xf0, 255, 3, ...literals]), literals.length);
  expect(text(data)).toBe('x'.repeat(literals.length));
});

test('blocks and frames are joined', () => {
  const two = Uint8Array.from([...frame([0x10, 0x61], [0x10, 0x62]), ...frame([0x10, 0x63])]);
  expect(text(decompressLz4(two, 3))).toBe('abc');
});

test.each([
  ['a block is cut short', frame([0x50, ...codes('plain')]).slice(0, -1), 5],
  ['a block has no size', Uint8Array.from([...MAGIC, 1, 0]), 0],
  ['literals go on past their block', frame([0x60, ...codes('plain')]), 6],
  ['a match has no distance', frame([0x10, 0x61, 1]), 5],
  ['a match has distance 0', frame([0x10, 0x61, 0, 0, 0x10, 0x62]), 6],
  ['a match reaches into the block before', frame([0x40, ...codes('abcd')], [0x10, 0x61, 2, 0, 0x10, 0x62]), 10],
  ['a length goes on past its block', frame([0xf0, 255, 255]), 600],
  ['it holds more than announced', frame([0x50, ...codes('plain')]), 4],
  ['it holds less than announced', frame([0x50, ...codes('plain')]), 6],
])('refused when %s', (_, input, length) => {
  expect(() => decompressLz4(input, length)).toThrow(UserError);
});

test('no input writes more than was announced, or fails in another way', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(300), (block, length) => {
      expect(['none', 'file-damaged']).toContain(refusal(() => decompressLz4(frame(Array.from(block)), length)));
    }),
  );
});
