import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSize, parseSize, sizeInBytes } from './size.ts';

test('a bare number is bytes', () => {
  expect(parseSize('4096', '--memory')).toBe(4096);
});

test('units are binary, in either case and with or without their B', () => {
  expect(['1K', '1k', '1KB', '1KiB', '1kib'].map(sizeInBytes)).toEqual([1024, 1024, 1024, 1024, 1024]);
  expect(['2M', '2G', '2T'].map(sizeInBytes)).toEqual([2 * 1024 ** 2, 2 * 1024 ** 3, 2 * 1024 ** 4]);
});

test('a fraction is a size when it comes out in whole bytes', () => {
  expect(sizeInBytes('1.5G')).toBe(1.5 * 1024 ** 3);
  expect(sizeInBytes('0.3')).toBeUndefined();
});

test.each(['', 'M', '-1', '1e3', '12X', '0x10', '1 2', '9999999T'])('%j is not a size', (text) => {
  expect(() => parseSize(text, '--memory')).toThrow(expect.objectContaining({ code: 'size-invalid' }));
});

test('no text makes it return anything but a whole number of bytes or nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const bytes = sizeInBytes(text);
      expect(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0)).toBe(true);
    }),
  );
});

test('sizes are shown in the largest unit that keeps them readable', () => {
  expect([512, 1024, 64 * 1024 ** 2, 1.5 * 1024 ** 3].map(formatSize)).toEqual([
    '512 bytes',
    '1 KiB',
    '64 MiB',
    '1.5 GiB',
  ]);
});
