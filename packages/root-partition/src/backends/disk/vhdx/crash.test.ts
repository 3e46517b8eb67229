import { describe, expect, test } from 'vitest';
import { crashTrial, type Trial } from '../../../../tests/disk/support/crash-trial.ts';
import { DiskUser } from '../../../../tests/disk/support/disk-user.ts';
import { valueSectors } from '../../../../tests/disk/support/sector-history.ts';
import { Contents, seeded, SimulatedFile } from '../../../../tests/disk/support/simulated-file.ts';
import type { Disk } from '../disk.ts';
import { newVhdx } from './create-vhdx.ts';
import { MIB } from './layout.ts';
import type { Metadata } from './metadata.ts';
import { openVhdx } from './open-vhdx.ts';
import { VhdxDisk } from './vhdx-disk.ts';

const BLOCKS = 6;
const DISK: Metadata = {
  blockSize: MIB,
  leaveBlocksAllocated: false,
  diskSize: BLOCKS * MIB,
  diskId: new Uint8Array(16),
  sectorSize: 512,
  physicalSectorSize: 4096,
};
const IDS = { fileWriteId: guid(1), dataWriteId: guid(2) };
const SEEDS = Number(process.env['RINGLET_FUZZ_SECONDS'] ?? 0) > 0 ? 200 : 8;

function guid(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

function opener(parent?: () => Disk): (file: SimulatedFile) => VhdxDisk {
  let ids = 100;
  return (file) =>
    new VhdxDisk(openVhdx(file.contents.source()), file, {
      readOnly: false,
      newId: () => guid(ids++),
      parent: parent?.(),
    });
}

describe('a crash at any moment leaves a VHDX that opens and holds everything flushed', () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    test(`dynamic, seed ${seed}`, async () => {
      const trial: Trial = {
        contents: Contents.of(newVhdx(DISK, IDS)),
        open: opener(),
        initial: () => 0,
        sectorsPerBlock: DISK.blockSize / 512,
        blocks: BLOCKS,
      };

      const verdict = await crashTrial(trial, seeded(seed), 40);

      expect(verdict.crashes).toBeGreaterThan(20);
      expect(verdict.wrong).toEqual([]);
    });

    test(`differencing, seed ${seed}`, async () => {
      const below = Contents.of(newVhdx(DISK, IDS));
      const base = new DiskUser(opener()(new SimulatedFile(below)));
      await base.write(0, valueSectors(7, DISK.diskSize / 512, 512));
      await base.close();
      const parent = { linkage: [guid(2)], relativePath: 'base.vhdx' };
      const trial: Trial = {
        contents: Contents.of(newVhdx({ ...DISK, parent }, IDS)),
        open: opener(() => opener()(new SimulatedFile(below))),
        initial: () => 7,
        sectorsPerBlock: DISK.blockSize / 512,
        blocks: BLOCKS,
      };

      const verdict = await crashTrial(trial, seeded(1000 + seed), 40);

      expect(verdict.wrong).toEqual([]);
    });
  }
});
