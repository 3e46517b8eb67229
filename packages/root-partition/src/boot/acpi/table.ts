/** What all ACPI tables share: a header of 36 bytes, and a checksum over all (ACPI specification 6.4, section 5.2.6). */
import { bytes, struct, u32, u8 } from '@ringlet/wire';

/** The header that every table starts with. */
export const TableHeader = struct('DESCRIPTION_HEADER', 36, {
  signature: bytes(4),
  length: u32,
  revision: u8,
  checksum: u8,
  oemId: bytes(6),
  oemTableId: bytes(8),
  oemRevision: u32,
  creatorId: bytes(4),
  creatorRevision: u32,
});

/** Who made the tables. */
export const OEM_ID = ascii('RNGLET');

const OEM_TABLE_ID = ascii('RINGLET ');
const CREATOR_ID = ascii('RNGL');

/**
 * Makes a table.
 *
 * @param signature - four characters
 * @param body - what follows the header
 */
export function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const data = new Uint8Array(TableHeader.size + body.length);
  TableHeader.write(new DataView(data.buffer), 0, {
    signature: ascii(signature),
    length: data.length,
    revision,
    checksum: 0,
    oemId: OEM_ID,
    oemTableId: OEM_TABLE_ID,
    oemRevision: 1,
    creatorId: CREATOR_ID,
    creatorRevision: 1,
  });
  data.set(body, TableHeader.size);
  data[TableHeader.at.checksum] = complement(data);
  return data;
}

/** The byte that makes the sum of all bytes a multiple of 256, when it is 0 now. */
export function complement(data: Uint8Array): number {
  return -data.reduce((sum, byte) => sum + byte, 0) & 0xff;
}

/** One byte a character. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
