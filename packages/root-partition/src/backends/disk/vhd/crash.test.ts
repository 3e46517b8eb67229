import { describe, expect, test } from 'vitest';
import { crashTrial } from '../../../../tests/disk/support/crash-trial.ts';
import { Contents, seeded } from '../../../../tests/disk/support/simulated-file.ts';
import { newVhd } from './create-vhd.ts';
import { DynamicVhdDisk } from './dynamic-vhd-disk.ts';
import { openVhd } from './open-vhd.ts';

const BLOCK = 64 * 1024;
const BLOCKS = 6;

describe('a crash at any moment leaves a dynamic VHD that opens and holds everything flushed', () => {
  for (let seed = 0; seed < 8; seed++) {
    test(`seed ${seed}`, async () => {
      const image = newVhd({ size: BLOCKS * BLOCK, fixed: false, blockSize: BLOCK, id: new Uint8Array(16), time: 0 });

      const verdict = await crashTrial(
        {
          contents: Contents.of(image),
          open(file) {
            const vhd = openVhd(file.contents.source());
            if (vhd.type !== 'dynamic') throw new Error('it was made dynamic');
            return new DynamicVhdDisk(vhd, file, { readOnly: false });
          },
          initial: () => 0,
          sectorsPerBlock: BLOCK / 512,
          blocks: BLOCKS,
        },
        seeded(seed),
        40,
      );

      expect(verdict.crashes).toBeGreaterThan(20);
      expect(verdict.wrong).toEqual([]);
    });
  }
});
