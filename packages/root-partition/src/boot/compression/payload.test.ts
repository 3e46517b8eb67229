import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../boot-fixture.ts';
import { decompressPayload } from './payload.ts';

const TEXT = 'All work and no play. '.repeat(40);
const ZSTD = 'KLUv/WRwAu0AALBBbGwgd29yayBhbmQgbm8gcGxheS4gAQCuZjWbBBL84w==';
const XZ =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4ANvACJdACCbLEB3N5xr//KMOGKw+Qc1orsYc9RSdJ+I+IYoFJd+LgAAAADeE3RDKPvABwABPvAGAAAAgb16kLHEZ/sCAAAAAARZWg==';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** Appends the plain size, as the kernel's build does for all formats but gzip. */
function payload(base64: string, size = TEXT.length): Uint8Array {
  const packed = Buffer.from(base64, 'base64');
  const data = new Uint8Array(packed.length + 4);
  data.set(packed);
  new DataView(data.buffer).setUint32(packed.length, size, true);
  return data;
}

test.each([
  ['zstd', payload(ZSTD)],
  ['xz', payload(XZ)],
  ['gzip', new Uint8Array(gzipSync(TEXT))],
])('a payload in %s is decompressed', (format, data) => {
  const plain = decompressPayload(data);
  expect(plain.format).toBe(format);
  expect(text(plain.data)).toBe(TEXT);
});

test('a payload that is an ELF file already is taken as it is', () => {
  const data = bytes('\x7fELF and so on');
  expect(decompressPayload(data)).toEqual({ format: 'none', data });
});

test('an XZ payload that holds more or less than it says is refused', () => {
  expect(() => decompressPayload(payload(XZ, TEXT.length - 1))).toThrow('holds more than it says');
  expect(() => decompressPayload(payload(XZ, TEXT.length + 1))).toThrow('instead of 881');
});

test('a damaged zstd payload ends in an error, or in as many bytes as it says', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (position, change) => {
      const changed = payload(ZSTD);
      const at = 4 + (position % (changed.length - 8));
      changed[at] = changed[at]! ^ change;
      let length = TEXT.length;
      const code = refusal(() => (length = decompressPayload(changed).data.length));
      expect([code === 'none' || code === 'file-damaged', length]).toEqual([true, TEXT.length]);
    }),
  );
});

test('a gzip payload that claims another size than it has is refused', () => {
  const data = new Uint8Array(gzipSync(TEXT));
  new DataView(data.buffer).setUint32(data.length - 4, TEXT.length - 1, true);
  expect(() => decompressPayload(data)).toThrow('not a valid');
});

test('a payload that claims an absurd size is refused before memory is taken', () => {
  expect(() => decompressPayload(payload(XZ, 0xffff_fff0))).toThrow('claims to hold 4294967280 bytes');
  expect(() => decompressPayload(payload(XZ, 0))).toThrow('claims to hold 0 bytes');
});

test('a payload in a format that only the kernel can read says so, and what to do', () => {
  expect(() => decompressPayload(bytes('BZh91AY&SY and so on'))).toThrow('bzip2');
  expect(() => decompressPayload(new Uint8Array(4))).toThrow('too short');
});
