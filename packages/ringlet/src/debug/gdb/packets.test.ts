import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Arrival, bytesOf, hexOf, LONGEST_PACKET, numberOf, packetOf, PacketReader } from './packets.ts';

/** Text of bytes, one a character. */
const data = fc.uint8Array({ maxLength: 300 }).map((bytes) => String.fromCharCode(...bytes));

/** Feeds bytes in pieces of any sizes. */
function read(reader: PacketReader, bytes: Uint8Array, sizes: readonly number[]): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    arrivals.push(...reader.push(bytes.subarray(at, at + size))!);
    at += size;
  }
  return arrivals;
}

test('a packet arrives as it was sent, however the line cuts it, and whatever was before it', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(data, { maxLength: 4 }), sizes, (packets, pieces) => {
      const bytes = Uint8Array.from(packets.flatMap((packet) => [0x2b, ...packetOf(packet)]));
      const arrivals = read(new PacketReader(), bytes, pieces);
      expect(arrivals).toEqual(packets.map((packet) => ({ kind: 'packet', data: packet })));
    }),
  );
});

test('any bytes at all are read without harm, and a packet behind them is heard', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const reader = new PacketReader();
      expect(reader.push(noise)).toBeDefined();
      // A packet that the noise began is given up when the next begins, at the latest when that comes again.
      const arrivals = [...reader.push(packetOf('qC'))!, ...reader.push(packetOf('qC'))!];
      expect(arrivals).toContainEqual({ kind: 'packet', data: 'qC' });
    }),
  );
});

test('a wrong checksum is told, Ctrl-C and a request for the last packet are heard between packets', () => {
  const reader = new PacketReader();
  const kinds = (text: string): string[] => reader.push(Buffer.from(text, 'latin1'))!.map(({ kind }) => kind);
  expect(kinds('$g#68')).toEqual(['damaged']);
  expect(kinds('$g#zz')).toEqual(['damaged']);
  expect(kinds('+\u0003-$g#67')).toEqual(['interrupt', 'again', 'packet']);
});

test('a packet without an end is not kept for ever', () => {
  expect(new PacketReader().push(Buffer.from(`$${'a'.repeat(2 * LONGEST_PACKET + 1)}`))).toBeUndefined();
});

test('numbers and bytes are hexadecimal digits and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(bytesOf(hexOf(bytes))).toEqual(bytes);
    }),
  );
  expect([
    bytesOf('0'),
    bytesOf('0g'),
    numberOf(''),
    numberOf('0x1'),
    numberOf('1'.repeat(17)),
    numberOf(undefined),
  ]).toEqual(Array.from({ length: 6 }, () => undefined));
  expect(numberOf('ffffffff81000000')).toBe(0xffff_ffff_8100_0000n);
});
