/** Makes new VHDX files, fixed, dynamic and differencing, as lists of what is to be written where. */
import { NIL_GUID, UserError } from '@ringlet/wire';
import type { NewImage } from '../new-image.ts';
import { Bat, batShape } from './bat.ts';
import { encodeHeader } from './header.ts';
import { BlockState, FILE_TYPE, HEADER_AT, MIB, MOST_BYTES, PAGE, REGION_TABLE_AT } from './layout.ts';
import { encodeMetadata, type Metadata } from './metadata.ts';
import { encodeRegions } from './region-table.ts';

const LOG = { offset: MIB, length: MIB };
const METADATA = { offset: 2 * MIB, length: MIB };
const BAT_AT = 3 * MIB;
const CREATOR = 'Ringlet';

/** Usual block sizes, in bytes. Small ones for differencing disks: a block there costs its space on the first write. */
export const VHDX_BLOCK = 32 * MIB;
export const DIFFERENCING_BLOCK = 2 * MIB;

/** The structures of a new VHDX. @throws UserError for what the format cannot have. */
export function newVhdx(metadata: Metadata, ids: { fileWriteId: string; dataWriteId: string }): NewImage {
  check(metadata);
  const shape = batShape(metadata);
  const batLength = Math.ceil((shape.entries * 8) / MIB) * MIB;
  const end = BAT_AT + batLength;
  const image: NewImage = { size: end, writes: [] };
  const put = (position: number, data: Uint8Array): void => void image.writes.push({ position, data });

  const type = new Uint8Array(8 + 512);
  for (let i = 0; i < FILE_TYPE.length; i++) type[i] = FILE_TYPE.charCodeAt(i);
  for (let i = 0; i < CREATOR.length; i++) type[8 + i * 2] = CREATOR.charCodeAt(i);
  put(0, type);
  HEADER_AT.forEach((at, index) =>
    put(
      at,
      encodeHeader({
        signature: 0,
        checksum: 0,
        sequence: BigInt(index + 1),
        ...ids,
        logId: NIL_GUID,
        logVersion: 0,
        version: 1,
        logLength: LOG.length,
        logOffset: BigInt(LOG.offset),
      }),
    ),
  );
  const regions = encodeRegions({ offset: BAT_AT, length: batLength }, METADATA);
  for (const at of REGION_TABLE_AT) put(at, regions);
  put(METADATA.offset, encodeMetadata(metadata));

  if (metadata.leaveBlocksAllocated) {
    const bat = new Bat(shape);
    const blockMib = metadata.blockSize / MIB;
    for (let block = 0; block < shape.blocks; block++) {
      bat.state[block] = BlockState.FullyPresent;
      bat.home[block] = end / MIB + block * blockMib;
    }
    for (let page = 0; page * PAGE < shape.entries * 8; page++) put(BAT_AT + page * PAGE, bat.encodePage(page));
    image.size = end + shape.blocks * metadata.blockSize;
  }
  return image;
}

function check({ diskSize, sectorSize, physicalSectorSize, blockSize }: Metadata): void {
  const invalid = (what: string, hint: string): UserError => new UserError('disk-invalid', what, { hint });
  if ((sectorSize !== 512 && sectorSize !== 4096) || (physicalSectorSize !== 512 && physicalSectorSize !== 4096)) {
    throw invalid(`a VHDX cannot have sectors of ${sectorSize} bytes`, 'use 512 or 4096');
  }
  if (!(diskSize > 0 && diskSize <= MOST_BYTES && diskSize % sectorSize === 0)) {
    throw invalid(`a VHDX cannot hold ${diskSize} bytes`, `use a multiple of ${sectorSize} up to 64 TiB`);
  }
  if (!(blockSize >= MIB && blockSize <= 256 * MIB && (blockSize & (blockSize - 1)) === 0)) {
    throw invalid(`a VHDX cannot have blocks of ${blockSize} bytes`, 'use a power of two from 1 MiB to 256 MiB');
  }
  if (diskSize / blockSize > 4 * 1024 * 1024) {
    throw invalid(`${diskSize} bytes in blocks of ${blockSize} take too large a table`, 'use larger blocks');
  }
}
