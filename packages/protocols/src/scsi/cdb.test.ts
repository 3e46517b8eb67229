import fc from 'fast-check';
import { expect, test } from 'vitest';
import { be16, be32, be64, cdbAddress, cdbBlocks, cdbSize, putBe16, putBe32, putBe64, putTransferCdb } from './cdb.ts';
import { ScsiOp } from './opcodes.ts';

test('the size of a CDB follows from its group', () => {
  const sizes = [ScsiOp.Read6, ScsiOp.Read10, ScsiOp.ModeSense10, ScsiOp.Read16, ScsiOp.Read12, 0x60, 0xc0].map(
    cdbSize,
  );

  expect(sizes).toEqual([6, 10, 10, 16, 12, 16, 16]);
});

test.each([
  ['READ (6)', [0x08, 0xff, 0x12, 0x34, 5], 0x1f_1234, 5],
  ['READ (6) of 256 blocks', [0x08, 0, 0, 1, 0], 1, 256],
  ['READ (10)', [0x28, 0, 0x80, 1, 2, 3, 0, 0x12, 0x34], 0x8001_0203, 0x1234],
  ['READ (12)', [0xa8, 0, 0, 1, 2, 3, 0x80, 0, 0, 1], 0x01_0203, 0x8000_0001],
  ['READ (16)', [0x88, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff], 0x1_0000_0002, 0xffff_ffff],
])('the address and count of %s are read from where they stand', (_, cdb, address, blocks) => {
  const bytes = Uint8Array.from({ length: 16 }, (__, i) => cdb[i] ?? 0);

  expect([cdbAddress(bytes), cdbBlocks(bytes)]).toEqual([address, blocks]);
});

test('the largest address stays far above any disk, though a number cannot hold it exactly', () => {
  const cdb = Uint8Array.of(0x88, 0, ...Array.from({ length: 14 }, () => 0xff));

  expect(cdbAddress(cdb)).toBeGreaterThanOrEqual(2 ** 63);
});

test('a transfer that is written is read back, and takes the long form only where it must', () => {
  const address = fc.oneof(fc.nat(0xffff_ffff), fc.maxSafeNat());
  const blocks = fc.oneof(fc.nat(0xffff), fc.nat(0xffff_ffff));

  fc.assert(
    fc.property(address, blocks, fc.boolean(), fc.boolean(), (sector, count, write, fua) => {
      const cdb = new Uint8Array(16).fill(0xee);

      const size = putTransferCdb(cdb, write, sector, count, fua);

      const short = sector + count <= 2 ** 32 && count <= 0xffff;
      expect(size).toBe(short ? 10 : 16);
      expect([cdbAddress(cdb), cdbBlocks(cdb), cdbSize(cdb[0]!)]).toEqual([sector, count, size]);
      expect([ScsiOp.Write10, ScsiOp.Write16].includes(cdb[0] as 0x2a)).toBe(write);
      expect((cdb[1]! & 0x08) !== 0).toBe(fua);
    }),
  );
});

test('big-endian numbers survive', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffff_ffff), fc.maxSafeNat(), (half, word, wide) => {
      const data = new Uint8Array(16);
      putBe16(data, 1, half);
      putBe32(data, 3, word);
      putBe64(data, 7, wide);
      expect([be16(data, 1), be32(data, 3), be64(data, 7)]).toEqual([half, word, wide]);
    }),
  );
});
