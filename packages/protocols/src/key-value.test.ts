import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeKvpValue,
  encodeKvpEntry,
  fitsKvp,
  KVP_PAYLOAD_BYTES,
  KvpDelete,
  KvpEntry,
  KvpEnumerate,
  KvpIpInfo,
} from './key-value.ts';

const text = (maxLength: number) => fc.string({ unit: 'binary-ascii', maxLength }).map((s) => s.replaceAll('\0', '0'));
const value = fc.oneof(
  text(1023),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
);

test('IC10: any key and value that fit come back from the wire as they were', () => {
  fc.assert(
    fc.property(text(255), value, (key, expected) => {
      fc.pre(key.length > 0);
      expect(fitsKvp(key, expected)).toBe(true);
      const entry = KvpEntry.decode(KvpEntry.encode(encodeKvpEntry(key, expected)))!;
      expect(entry.key).toBe(key);
      expect(decodeKvpValue(entry)).toBe(expected);
    }),
  );
});

test('IC10: sizes on the wire are bytes and include the terminator', () => {
  const entry = encodeKvpEntry('ab', 'xyz');

  expect(entry).toMatchObject({ valueType: 1, keySize: 6, valueSize: 8 });
});

test('keys and values that do not fit are told apart', () => {
  expect(fitsKvp('', 'x')).toBe(false);
  expect(fitsKvp('k'.repeat(256), 'x')).toBe(false);
  expect(fitsKvp('k', 'v'.repeat(1024))).toBe(false);
  expect(fitsKvp('k', 2 ** 32)).toBe(false);
  expect(fitsKvp('k', -1n)).toBe(false);
});

test('an entry with a size or type that cannot be is no value, whatever its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: KvpEntry.size, maxLength: KvpEntry.size }), (data) => {
      const entry = KvpEntry.decode(data)!;
      expect(() => decodeKvpValue(entry)).not.toThrow();
    }),
  );
  expect(decodeKvpValue({ ...encodeKvpEntry('k', 7), valueSize: 5 })).toBeUndefined();
  expect(decodeKvpValue({ ...encodeKvpEntry('k', 'v'), valueSize: 2049 })).toBeUndefined();
});

test('bodies lie where Linux reads them', () => {
  const fromPacket = 28 + 4; // IC headers, then operation, pool and padding
  expect(fromPacket + KvpEntry.at.key).toBe(44);
  expect(fromPacket + KvpEntry.at.value).toBe(556);
  expect(fromPacket + KvpDelete.at.key).toBe(36);
  expect(fromPacket + KvpEnumerate.at.entry + KvpEntry.at.value).toBe(560);
  expect(28 + KvpIpInfo.at.adapter).toBe(30);
  expect(28 + KvpIpInfo.at.nameServers).toBe(5408);
  expect(KVP_PAYLOAD_BYTES).toBe(2580);
});
