import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addToSum, foldSum, pseudoHeaderSum } from './checksum.ts';
import { formatIpv6, Ipv6Addresses, isIpv6, parseIpv6 } from './ipv6-addresses.ts';

const address = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('an address has one number, which is none of IPv4, and comes back from it', () => {
  const addresses = new Ipv6Addresses();
  const out = new Uint8Array(20);
  fc.assert(
    fc.property(address, (bytes) => {
      const ip = addresses.numberOf(bytes, 0);
      addresses.write(out, 3, ip);
      expect(isIpv6(ip)).toBe(true);
      expect(addresses.numberOf(bytes, 0)).toBe(ip);
      expect(out.subarray(3, 19)).toEqual(bytes);
      expect(addresses.parse(addresses.format(ip))).toBe(ip);
      // As a key of a map, with a port behind it.
      expect(Number.isSafeInteger(ip * 65_536 + 65_535)).toBe(true);
    }),
  );
});

test("the sum of a pseudo-header is that of the addresses' words", () => {
  const addresses = new Ipv6Addresses();
  fc.assert(
    fc.property(address, address, fc.nat(0xffff), (one, two, length) => {
      const sum = pseudoHeaderSum(addresses.numberOf(one, 0), addresses.numberOf(two, 0), 6, length);
      expect(foldSum(sum)).toBe(foldSum(addToSum(addToSum(6 + length, one, 0, 16), two, 0, 16)));
    }),
  );
});

test('text is read and written as RFC 5952 has it', () => {
  for (const text of ['::', '::1', '2001:db8::1', 'fe80::5054:ff:fe12:3456', '2001:db8:0:1:1:1:1:1', 'fd00::']) {
    expect(formatIpv6(parseIpv6(text)!)).toBe(text);
  }
  expect(formatIpv6(parseIpv6('FE80:0::0001%eth0')!)).toBe('fe80::1');
  expect(formatIpv6(parseIpv6('::ffff:10.0.2.2')!)).toBe('::ffff:a00:202');
  for (const text of ['', '10.0.2.2', ':::', '1::2::3', 'g::', 'host.example']) expect(parseIpv6(text)).toBeUndefined();
});

test('the table is bounded: what is not used is forgotten, what is used or pinned is not, and no number comes back soon', () => {
  const addresses = new Ipv6Addresses();
  const bytesOf = (index: number): Uint8Array => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(10, index);
    return bytes;
  };
  const pinned = addresses.pin(bytesOf(0xffff_fff0));
  const busy = addresses.numberOf(bytesOf(0xffff_fff1), 0);
  const idle = addresses.numberOf(bytesOf(0xffff_fff2), 0);
  const seen = new Set([pinned, busy, idle]);
  for (let i = 0; i < 100_000; i++) {
    seen.add(addresses.numberOf(bytesOf(i), 0));
    // A number of its own, once it was forgotten, would be one more.
    if (i % 1000 === 0) seen.add(addresses.numberOf(bytesOf(0xffff_fff1), 0));
  }
  expect(seen.size).toBe(100_003);
  expect([pinned, busy, idle].map((ip) => addresses.knows(ip))).toEqual([true, true, false]);
  expect(addresses.numberOf(bytesOf(0xffff_fff2), 0)).not.toBe(idle);
});
