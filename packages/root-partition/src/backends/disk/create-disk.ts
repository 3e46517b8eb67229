/** Makes new disk images. */
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, realpathSync, rmSync, writeSync } from 'node:fs';
import { UserError } from '@ringlet/wire';
import { hostRefused } from './failures.ts';
import { refuseLocked } from './image-lock.ts';
import { ImageSource } from './image-source.ts';
import type { NewImage } from './new-image.ts';
import { newVhd } from './vhd/create-vhd.ts';
import { DIFFERENCING_BLOCK, newVhdx, VHDX_BLOCK } from './vhdx/create-vhdx.ts';
import { idBytes } from './vhdx/metadata.ts';
import { locatorFor } from './vhdx/open-parent.ts';
import { looksLikeVhdx, openVhdx, type VhdxImage } from './vhdx/open-vhdx.ts';

/** What {@link createDisk} makes. */
export interface CreateDiskOptions {
  /** Format of the image. */
  format: 'raw' | 'vhd' | 'vhdx';
  /** Bytes. Not needed with a parent, whose size is then taken. */
  size?: number;
  /** Every block has its place from the start. The file is sparse all the same. */
  fixed?: boolean;
  /** Bytes in a block of a disk that is not fixed. */
  blockSize?: number;
  /** Bytes in a logical sector of a VHDX: 512, the default, or 4096. */
  sectorSize?: number;
  /** Path of the VHDX that a new differencing VHDX builds on. It must not change any more. */
  parent?: string;
  /** Makes the random GUIDs. */
  newId?: () => string;
}

/**
 * Makes a new disk image at `path`, all zeroes or like its parent.
 *
 * @throws UserError disk-exists, disk-invalid, disk-unreadable, and for the parent what `openDisk` throws
 */
export function createDisk(path: string, options: CreateDiskOptions): void {
  const image = newImage(path, options);
  let fd: number;
  try {
    fd = openSync(path, 'wx');
  } catch (error) {
    throw hostRefused(path, error);
  }
  try {
    ftruncateSync(fd, image.size);
    for (const { position, data } of image.writes) {
      for (let done = 0; done < data.length;) {
        done += writeSync(fd, data, done, data.length - done, position + done);
      }
    }
    fsyncSync(fd);
  } catch (error) {
    rmSync(path, { force: true });
    throw hostRefused(path, error);
  } finally {
    closeSync(fd);
  }
}

function newImage(path: string, options: CreateDiskOptions): NewImage {
  const { format, fixed = false, blockSize, newId = randomUUID, parent } = options;
  if (parent !== undefined) {
    if (format !== 'vhdx' || fixed) {
      throw new UserError('disk-invalid', 'only a VHDX that is not fixed can have a parent', {
        hint: 'use format vhdx',
      });
    }
    return newChild(path, parent, options, newId);
  }
  const { size = 0 } = options;
  if (!(Number.isSafeInteger(size) && size > 0 && size % 512 === 0)) {
    throw new UserError('disk-invalid', `a disk cannot have ${size} bytes`, { hint: 'give a multiple of 512' });
  }
  switch (format) {
    case 'raw':
      return { size, writes: [] };
    case 'vhd':
      return newVhd({ size, fixed, blockSize, id: idBytes(newId()), time: Date.now() / 1000 });
    case 'vhdx': {
      const metadata = {
        blockSize: blockSize ?? VHDX_BLOCK,
        leaveBlocksAllocated: fixed,
        diskSize: size,
        diskId: idBytes(newId()),
        sectorSize: options.sectorSize ?? 512,
        physicalSectorSize: 4096,
      };
      return newVhdx(metadata, { fileWriteId: newId(), dataWriteId: newId() });
    }
    default:
      throw new UserError('disk-invalid', `there is no disk format ${String(format)}`, {
        hint: 'use raw, vhd or vhdx',
      });
  }
}

/** A differencing disk: what belongs to the disk rather than the file comes from its parent. */
function newChild(path: string, parent: string, options: CreateDiskOptions, newId: () => string): NewImage {
  const { metadata, current } = readParent(parent);
  const diskSize = options.size ?? metadata.diskSize;
  if (diskSize < metadata.diskSize) {
    throw new UserError('disk-invalid', `${path} would be smaller than its parent`, { hint: 'leave out the size' });
  }
  if (options.sectorSize !== undefined && options.sectorSize !== metadata.sectorSize) {
    throw new UserError(
      'disk-invalid',
      `${path} must have sectors of ${metadata.sectorSize} bytes, as its parent has`,
      {
        hint: 'leave out the sector size',
      },
    );
  }
  const child = {
    ...metadata,
    diskSize,
    blockSize: options.blockSize ?? DIFFERENCING_BLOCK,
    leaveBlocksAllocated: false,
    parent: locatorFor(path, realpathSync(parent), current.header.dataWriteId),
  };
  return newVhdx(child, { fileWriteId: newId(), dataWriteId: newId() });
}

function readParent(path: string): VhdxImage {
  let fd: number;
  try {
    const real = realpathSync(path);
    refuseLocked(real);
    fd = openSync(real, 'r');
  } catch (error) {
    throw error instanceof UserError ? error : hostRefused(path, error);
  }
  try {
    const source = ImageSource.ofFile(path, fd, fstatSync(fd).size);
    if (!looksLikeVhdx(source)) throw source.unsupported('only a VHDX can be a parent', 'convert it first');
    return openVhdx(source);
  } finally {
    closeSync(fd);
  }
}
