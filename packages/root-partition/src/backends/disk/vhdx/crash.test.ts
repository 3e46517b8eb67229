import { describe, expect, test } from 'vitest';
import { crashTrial } from '../../../../tests/disk/support/crash-trial.ts';
import { DiskUser } from '../../../../tests/disk/support/disk-user.ts';
import { valueSectors } from '../../../../tests/disk/support/sector-history.ts';
import { seeded, SimulatedFile } from '../../../../tests/disk/support/simulated-file.ts';
import { IDS, SMALL, vhdxContents, vhdxDisk } from '../../../../tests/disk/support/vhdx-lab.ts';

const SECTORS = SMALL.diskSize / 512;
const SHAPE = { sectorsPerBlock: SMALL.blockSize / 512, blocks: SMALL.diskSize / SMALL.blockSize };
const SEEDS = Number(process.env['RINGLET_FUZZ_SECONDS'] ?? 0) > 0 ? 200 : 5;

describe('a crash at any moment leaves a VHDX that opens and holds everything flushed', () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    test(`dynamic, seed ${seed}`, async () => {
      const verdict = await crashTrial(
        { ...SHAPE, contents: vhdxContents(), open: (file) => vhdxDisk(file), initial: () => 0 },
        seeded(seed),
        40,
      );

      expect(verdict.crashes).toBeGreaterThan(20);
      expect(verdict.wrong).toEqual([]);
    });

    test(`differencing, seed ${seed}`, async () => {
      const below = vhdxContents();
      const base = new DiskUser(vhdxDisk(new SimulatedFile(below)));
      await base.write(0, valueSectors(7, SECTORS, 512));
      await base.close();
      const parent = { linkage: [IDS.dataWriteId], relativePath: 'base.vhdx' };

      const verdict = await crashTrial(
        {
          ...SHAPE,
          contents: vhdxContents({ parent }),
          open: (file) => vhdxDisk(file, { parent: vhdxDisk(new SimulatedFile(below), { readOnly: true }) }),
          initial: () => 7,
        },
        seeded(1000 + seed),
        40,
      );

      expect(verdict.wrong).toEqual([]);
    });
  }
});
