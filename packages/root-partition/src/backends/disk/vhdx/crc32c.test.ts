import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

test('the published check value, and those of RFC 3720, come out', () => {
  expect(crc32c(ascii('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

test('four bytes that count as zeroes may hold anything', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), fc.nat(60), fc.nat(), (bytes, at, value) => {
      fc.pre(at + 4 <= bytes.length);
      const zeroed = bytes.slice().fill(0, at, at + 4);
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value);
      expect(crc32c(bytes, at)).toBe(crc32c(zeroed));
    }),
  );
});
