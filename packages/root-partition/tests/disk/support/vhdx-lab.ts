/** VHDX files in memory, with GUIDs that count up, for tests that need a hand in the file. */
import type { Disk } from '../../../src/backends/disk/disk.ts';
import type { ImageSource } from '../../../src/backends/disk/image-source.ts';
import { newVhdx } from '../../../src/backends/disk/vhdx/create-vhdx.ts';
import type { Metadata } from '../../../src/backends/disk/vhdx/metadata.ts';
import { openVhdx } from '../../../src/backends/disk/vhdx/open-vhdx.ts';
import { VhdxDisk } from '../../../src/backends/disk/vhdx/vhdx-disk.ts';
import { Contents, type SimulatedFile } from './simulated-file.ts';

export const MIB = 1024 * 1024;

/** GUID number `n`. */
export const guidOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Ids of every file made here. */
export const IDS = { fileWriteId: guidOf(1), dataWriteId: guidOf(2) };

/** A small disk with the smallest blocks. */
export const SMALL: Metadata = {
  blockSize: MIB,
  leaveBlocksAllocated: false,
  diskSize: 6 * MIB,
  diskId: new Uint8Array(16).fill(9),
  sectorSize: 512,
  physicalSectorSize: 4096,
};

/** A new file. */
export function vhdxContents(change: Partial<Metadata> = {}): Contents {
  return Contents.of(newVhdx({ ...SMALL, ...change }, IDS));
}

let ids = 100;

/** Opens a file for writing, or reading. */
export function vhdxDisk(
  file: SimulatedFile,
  options: { parent?: Disk; readOnly?: boolean; source?: ImageSource } = {},
): VhdxDisk {
  return new VhdxDisk(openVhdx(options.source ?? file.contents.source()), file, {
    readOnly: options.readOnly ?? false,
    newId: () => guidOf(ids++),
    parent: options.parent,
  });
}
