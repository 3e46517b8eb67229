/**
 * Command descriptor blocks: where address and length stand in each size of CDB (SPC-4, 4.2.2), both ways, without objects.
 *
 *     size  address      length          operation codes
 *       6   1..3 (21 b)  4   (0 = 256)   0x00..0x1f
 *      10   2..5         7..8            0x20..0x5f
 *      12   2..5         6..9            0xa0..0xbf
 *      16   2..9         10..13          0x80..0x9f
 *
 * Addresses are numbers. Those beyond 2^53 lose low bits, and stay far above any real disk's last sector.
 */
import { ScsiOp } from './opcodes.ts';

/** Bytes of the longest CDB handled here. */
export const CDB_SIZE = 16;

const HIGH_WORD = 2 ** 32;

/** A big-endian 16-bit value at `at`. */
export function be16(data: Uint8Array, at: number): number {
  return (data[at]! << 8) | data[at + 1]!;
}

/** A big-endian 32-bit value at `at`. */
export function be32(data: Uint8Array, at: number): number {
  return ((data[at]! << 24) | (data[at + 1]! << 16) | (data[at + 2]! << 8) | data[at + 3]!) >>> 0;
}

/** A big-endian 64-bit value at `at`, as a number. */
export function be64(data: Uint8Array, at: number): number {
  return be32(data, at) * HIGH_WORD + be32(data, at + 4);
}

/** Writes a big-endian 16-bit value. */
export function putBe16(data: Uint8Array, at: number, value: number): void {
  data[at] = value >>> 8;
  data[at + 1] = value;
}

/** Writes a big-endian 32-bit value. */
export function putBe32(data: Uint8Array, at: number, value: number): void {
  data[at] = value >>> 24;
  data[at + 1] = value >>> 16;
  data[at + 2] = value >>> 8;
  data[at + 3] = value;
}

/** Writes a big-endian 64-bit value, of which a number holds 53 bits. */
export function putBe64(data: Uint8Array, at: number, value: number): void {
  putBe32(data, at, Math.floor(value / HIGH_WORD));
  putBe32(data, at + 4, value % HIGH_WORD);
}

/** Bytes of the CDB that an operation code begins: its top three bits are the group. 16 for groups of vendors' own. */
export function cdbSize(opcode: number): number {
  switch (opcode >> 5) {
    case 0:
      return 6;
    case 1:
    case 2:
      return 10;
    case 5:
      return 12;
    default:
      return CDB_SIZE;
  }
}

/** Logical block address of a block command of any size. */
export function cdbAddress(cdb: Uint8Array): number {
  switch (cdbSize(cdb[0]!)) {
    case 6:
      return ((cdb[1]! & 0x1f) << 16) | (cdb[2]! << 8) | cdb[3]!;
    case 10:
    case 12:
      return be32(cdb, 2);
    default:
      return be64(cdb, 2);
  }
}

/** Number of blocks of a block command of any size; a 0 of the six-byte form is 256. */
export function cdbBlocks(cdb: Uint8Array): number {
  switch (cdbSize(cdb[0]!)) {
    case 6:
      return cdb[4] === 0 ? 256 : cdb[4]!;
    case 10:
      return be16(cdb, 7);
    case 12:
      return be32(cdb, 6);
    default:
      return be32(cdb, 10);
  }
}

/**
 * Fills in a READ or WRITE: of 10 bytes where the address and count fit, of 16 otherwise.
 *
 * @param forceUnitAccess - the FUA bit: durable, or from the medium, before it completes
 * @returns bytes of CDB
 */
export function putTransferCdb(
  cdb: Uint8Array,
  write: boolean,
  address: number,
  blocks: number,
  forceUnitAccess: boolean,
): number {
  cdb.fill(0);
  cdb[1] = forceUnitAccess ? 0x08 : 0;
  if (address + blocks <= HIGH_WORD && blocks <= 0xffff) {
    cdb[0] = write ? ScsiOp.Write10 : ScsiOp.Read10;
    putBe32(cdb, 2, address);
    putBe16(cdb, 7, blocks);
    return 10;
  }
  cdb[0] = write ? ScsiOp.Write16 : ScsiOp.Read16;
  putBe64(cdb, 2, address);
  putBe32(cdb, 10, blocks);
  return 16;
}
