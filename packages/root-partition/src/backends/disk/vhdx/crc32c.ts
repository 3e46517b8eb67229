/** CRC-32C (Castagnoli), eight bytes at a time by eight tables: what VHDX checks its structures with. */

/** The polynomial 0x1EDC6F41, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
/** Table n, entry b: what byte b does to the remainder after n more zero bytes. */
const TABLES = makeTables();

/**
 * The CRC-32C of `bytes`; with `hole`, of `bytes` with the four from there on taken as zeroes, as structures that
 * hold their own checksum are.
 */
export function crc32c(bytes: Uint8Array, hole?: number): number {
  if (hole === undefined) return ~update(-1, bytes, 0, bytes.length) >>> 0;
  let crc = update(-1, bytes, 0, hole);
  for (let i = 0; i < 4; i++) crc = (crc >>> 8) ^ TABLES[crc & 0xff]!;
  return ~update(crc, bytes, hole + 4, bytes.length) >>> 0;
}

function update(crc: number, bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (; at + 8 <= to; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      TABLES[0x700 | (crc & 0xff)]! ^
      TABLES[0x600 | ((crc >>> 8) & 0xff)]! ^
      TABLES[0x500 | ((crc >>> 16) & 0xff)]! ^
      TABLES[0x400 | (crc >>> 24)]! ^
      TABLES[0x300 | bytes[at + 4]!]! ^
      TABLES[0x200 | bytes[at + 5]!]! ^
      TABLES[0x100 | bytes[at + 6]!]! ^
      TABLES[bytes[at + 7]!]!;
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}
