/** The metadata region of a VHDX (MS-VHDX 2.6): what kind of disk it holds. */
import { guid } from '@ringlet/wire';
import { type ImageSource, plain } from '../image-source.ts';
import {
  FileFlag,
  FileParameters,
  Item,
  ItemFlag,
  METADATA_SIGNATURE,
  METADATA_TABLE_SIZE,
  MetadataEntry,
  MetadataTableHeader,
  MIB,
  MOST_BYTES,
  MOST_ENTRIES,
  viewOf,
} from './layout.ts';
import { encodeLocator, parseLocator, type ParentLocator } from './parent-locator.ts';
import type { Extent } from './region-table.ts';

/** Who the items are for, by id: flags that a new file gives them. */
const FLAGS: Record<string, number> = {
  [Item.FileParameters]: ItemFlag.Required,
  [Item.DiskSize]: ItemFlag.Required | ItemFlag.VirtualDisk,
  [Item.DiskId]: ItemFlag.Required | ItemFlag.VirtualDisk,
  [Item.LogicalSectorSize]: ItemFlag.Required | ItemFlag.VirtualDisk,
  [Item.PhysicalSectorSize]: ItemFlag.Required | ItemFlag.VirtualDisk,
  [Item.ParentLocator]: ItemFlag.Required,
};

/** What the metadata says. */
export interface Metadata {
  blockSize: number;
  /** Blocks keep their place in the file: a fixed disk. */
  leaveBlocksAllocated: boolean;
  /** Bytes. */
  diskSize: number;
  /** 16 bytes as stored. */
  diskId: Uint8Array;
  sectorSize: number;
  physicalSectorSize: number;
  parent?: ParentLocator | undefined;
}

/** Reads and checks the metadata. `diskSizeAt` is where in the file the size stands, for a disk that is resized. */
export function readMetadata(source: ImageSource, region: Extent): Metadata & { diskSizeAt: number } {
  if (region.length < METADATA_TABLE_SIZE) throw source.damaged('its metadata region is too short');
  const items = readItems(source, region);
  const need = (id: string, length: number): Uint8Array => {
    const found = items.get(id);
    if (found === undefined || found.length < length) throw source.damaged(`its metadata has no item ${id}`);
    return source.read(found.offset, length);
  };
  const parameters = FileParameters.decode(need(Item.FileParameters, FileParameters.size))!;
  const { blockSize } = parameters;
  if (blockSize < MIB || blockSize > 256 * MIB || (blockSize & (blockSize - 1)) !== 0) {
    throw source.damaged(`its block size is ${blockSize}`);
  }
  const sectorSize = viewOf(need(Item.LogicalSectorSize, 4)).getUint32(0, true);
  const physicalSectorSize = viewOf(need(Item.PhysicalSectorSize, 4)).getUint32(0, true);
  if (sectorSize !== 512 && sectorSize !== 4096) throw source.damaged(`its sector size is ${sectorSize}`);
  if (physicalSectorSize !== 512 && physicalSectorSize !== 4096) {
    throw source.damaged(`its physical sector size is ${physicalSectorSize}`);
  }
  const diskSize = plain(viewOf(need(Item.DiskSize, 8)).getBigUint64(0, true));
  if (diskSize === 0 || diskSize > MOST_BYTES || diskSize % sectorSize !== 0) {
    throw source.damaged(`its disk size is ${diskSize} bytes`);
  }
  let parent: ParentLocator | undefined;
  if ((parameters.flags & FileFlag.HasParent) !== 0) {
    const found = items.get(Item.ParentLocator);
    if (found === undefined || found.length === 0) throw source.damaged('it has a parent but does not say which');
    parent = parseLocator(source, source.read(found.offset, found.length));
  }
  return {
    blockSize,
    leaveBlocksAllocated: parent === undefined && (parameters.flags & FileFlag.LeaveBlocksAllocated) !== 0,
    diskSize,
    diskId: need(Item.DiskId, 16),
    sectorSize,
    physicalSectorSize: Math.max(physicalSectorSize, sectorSize),
    parent,
    diskSizeAt: items.get(Item.DiskSize)!.offset,
  };
}

/** Encodes a metadata region, as far as it is used. */
export function encodeMetadata(metadata: Metadata): Uint8Array {
  const number = (value: number): Uint8Array => {
    const data = new Uint8Array(4);
    viewOf(data).setUint32(0, value, true);
    return data;
  };
  const size = new Uint8Array(8);
  viewOf(size).setBigUint64(0, BigInt(metadata.diskSize), true);
  const items: [string, Uint8Array][] = [
    [
      Item.FileParameters,
      FileParameters.encode({
        blockSize: metadata.blockSize,
        flags:
          (metadata.leaveBlocksAllocated ? FileFlag.LeaveBlocksAllocated : 0) |
          (metadata.parent ? FileFlag.HasParent : 0),
      }),
    ],
    [Item.DiskSize, size],
    [Item.DiskId, metadata.diskId],
    [Item.LogicalSectorSize, number(metadata.sectorSize)],
    [Item.PhysicalSectorSize, number(metadata.physicalSectorSize)],
  ];
  if (metadata.parent) items.push([Item.ParentLocator, encodeLocator(metadata.parent)]);

  const length = items.reduce((sum, [, data]) => sum + data.length, METADATA_TABLE_SIZE);
  const region = new Uint8Array(length);
  const view = viewOf(region);
  MetadataTableHeader.write(view, 0, { signature: METADATA_SIGNATURE, entryCount: items.length });
  let offset = METADATA_TABLE_SIZE;
  items.forEach(([id, data], index) => {
    const at = MetadataTableHeader.size + index * MetadataEntry.size;
    MetadataEntry.write(view, at, { id, offset, length: data.length, flags: FLAGS[id]! });
    region.set(data, offset);
    offset += data.length;
  });
  return region;
}

/** The system items, with positions in the file. */
function readItems(source: ImageSource, region: Extent): Map<string, Extent> {
  const view = viewOf(source.read(region.offset, METADATA_TABLE_SIZE));
  const table = MetadataTableHeader.read(view, 0);
  if (table.signature !== METADATA_SIGNATURE) throw source.damaged('its metadata table has no signature');
  if (table.entryCount > MOST_ENTRIES) throw source.damaged(`its metadata table has ${table.entryCount} entries`);
  const items = new Map<string, Extent>();
  const seen = new Set<string>();
  for (let i = 0; i < table.entryCount; i++) {
    const entry = MetadataEntry.read(view, MetadataTableHeader.size + i * MetadataEntry.size);
    const user = (entry.flags & ItemFlag.User) !== 0;
    const key = `${entry.id}${user ? ' of the user' : ''}`;
    if (seen.has(key)) throw source.damaged(`its metadata item ${key} is there twice`);
    seen.add(key);
    const inside = entry.length === 0 ? entry.offset === 0 : entry.offset >= METADATA_TABLE_SIZE && entry.length <= MIB;
    if (!inside || entry.offset + entry.length > region.length) {
      throw source.damaged(`its metadata item ${key} lies outside of its region`);
    }
    const known = !user && entry.id in FLAGS;
    if (!known && (entry.flags & ItemFlag.Required) !== 0) {
      throw source.unsupported(`it needs an unknown metadata item, ${key}`);
    }
    if (known) items.set(entry.id, { offset: region.offset + entry.offset, length: entry.length });
  }
  return items;
}

/** A textual id as 16 bytes. */
export function idBytes(text: string): Uint8Array {
  const id = new Uint8Array(16);
  guid.write(viewOf(id), 0, text);
  return id;
}
