/** The region table of a VHDX (MS-VHDX 2.2.3): where the BAT and the metadata are. */
import { type ImageSource, plain } from '../image-source.ts';
import { crc32c } from './crc32c.ts';
import {
  MIB,
  MOST_ENTRIES,
  Region,
  REGION_TABLE_AT,
  REGION_TABLE_SIZE,
  RegionEntry,
  RegionTableHeader,
  SIGNATURE,
  viewOf,
} from './layout.ts';

/** A range of the file, in bytes. */
export interface Extent {
  offset: number;
  length: number;
}

/** The regions of a file: the two that are known, and all, the unknown included. */
export interface Regions {
  bat: Extent;
  metadata: Extent;
  all: Extent[];
}

/** Reads the first valid copy of the table. @throws UserError when there is none or it asks for the impossible. */
export function readRegions(source: ImageSource): Regions {
  const table = REGION_TABLE_AT.map((at) => validTable(source, at)).find((found) => found !== undefined);
  if (table === undefined) throw source.damaged('neither of its region tables is valid');
  const view = viewOf(table);
  const { entryCount } = RegionTableHeader.read(view, 0);
  const found = new Map<string, Extent>();
  for (let i = 0; i < entryCount; i++) {
    const entry = RegionEntry.read(view, RegionTableHeader.size + i * RegionEntry.size);
    const extent = { offset: plain(entry.offset), length: entry.length };
    if (found.has(entry.id)) throw source.damaged(`its region ${entry.id} is there twice`);
    if (extent.offset % MIB !== 0 || extent.offset < MIB || extent.length % MIB !== 0 || extent.length === 0) {
      throw source.damaged(`its region ${entry.id} is not where a region can be`);
    }
    if (!source.holds(extent.offset, extent.length)) {
      throw source.damaged(`its region ${entry.id} lies outside of the file`);
    }
    const known = entry.id === Region.Bat || entry.id === Region.Metadata;
    if (!known && (entry.required & 1) !== 0) throw source.unsupported(`it needs an unknown region, ${entry.id}`);
    found.set(entry.id, extent);
  }
  const bat = found.get(Region.Bat);
  const metadata = found.get(Region.Metadata);
  if (bat === undefined || metadata === undefined) throw source.damaged('it has no BAT or no metadata');
  return { bat, metadata, all: [...found.values()] };
}

/** Encodes a region table of the two known regions. */
export function encodeRegions(bat: Extent, metadata: Extent): Uint8Array {
  const table = new Uint8Array(REGION_TABLE_SIZE);
  const view = viewOf(table);
  RegionTableHeader.write(view, 0, { signature: SIGNATURE.regi, checksum: 0, entryCount: 2 });
  const entry = (index: number, id: string, extent: Extent): void =>
    RegionEntry.write(view, RegionTableHeader.size + index * RegionEntry.size, {
      id,
      offset: BigInt(extent.offset),
      length: extent.length,
      required: 1,
    });
  entry(0, Region.Bat, bat);
  entry(1, Region.Metadata, metadata);
  view.setUint32(RegionTableHeader.at.checksum, crc32c(table, RegionTableHeader.at.checksum), true);
  return table;
}

function validTable(source: ImageSource, at: number): Uint8Array | undefined {
  if (!source.holds(at, REGION_TABLE_SIZE)) return undefined;
  const table = source.read(at, REGION_TABLE_SIZE);
  const header = RegionTableHeader.read(viewOf(table), 0);
  if (header.signature !== SIGNATURE.regi || header.entryCount > MOST_ENTRIES) return undefined;
  return header.checksum === crc32c(table, RegionTableHeader.at.checksum) ? table : undefined;
}
