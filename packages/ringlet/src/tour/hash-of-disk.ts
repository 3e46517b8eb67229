/** The hash of a disk's content, computed by the host through the same backends but without a guest. */
import type { Hash } from 'node:crypto';
import { type Disk, DiskOperation, type DiskRequest, DiskStatus, openDisk } from '@ringlet/root-partition';

const CHUNK_BYTES = 1024 * 1024;

/** Reads every sector of the image at `path` and adds it to `hash`. @returns the digest in hexadecimal */
export async function hashOfDisk(path: string, hash: Hash): Promise<string> {
  const disk = openDisk(path, { readOnly: true });
  const bytes = new Uint8Array(new SharedArrayBuffer(CHUNK_BYTES));
  try {
    const sectorsAtOnce = CHUNK_BYTES / disk.sectorSize;
    for (let sector = 0; sector < disk.sectorCount; sector += sectorsAtOnce) {
      const count = Math.min(sectorsAtOnce, disk.sectorCount - sector);
      await read(disk, sector, count, bytes);
      hash.update(bytes.subarray(0, count * disk.sectorSize));
    }
  } finally {
    await new Promise((closed) => disk.close(closed));
  }
  return hash.digest('hex');
}

function read(disk: Disk, sector: number, count: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const request: DiskRequest = {
      operation: DiskOperation.Read,
      sector,
      count,
      forceUnitAccess: false,
      bytes,
      runCount: 1,
      runOffset: Float64Array.of(0),
      runLength: Float64Array.of(count * disk.sectorSize),
      complete: (status) =>
        status === DiskStatus.Ok ? resolve() : reject(new Error(`sector ${sector}: status ${status}`)),
    };
    disk.submit(request);
  });
}
