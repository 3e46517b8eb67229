import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newVhd } from './create-vhd.ts';
import { geometryFor, sectorsOf } from './geometry.ts';
import { ascii, Footer, MOST_GEOMETRY } from './layout.ts';

test('a geometry never holds more than the disk', () => {
  fc.assert(
    fc.property(fc.integer({ min: 68, max: 2 ** 32 }), (sectors) => {
      const { cylinders, heads, sectorsPerTrack } = geometryFor(sectors);
      const held = cylinders * heads * sectorsPerTrack;
      expect(held).toBeLessThanOrEqual(sectors);
      expect(cylinders).toBeLessThanOrEqual(65535);
      expect(heads).toBeLessThanOrEqual(16);
    }),
  );
});

test('the largest geometry stands for all larger disks', () => {
  for (const sectors of [MOST_GEOMETRY, MOST_GEOMETRY + 1, 0xff00_0000]) {
    expect(geometryFor(sectors)).toEqual({ cylinders: 65535, heads: 16, sectorsPerTrack: 255 });
  }
});

describe('the size of a disk', () => {
  const footer = Footer.decode(
    newVhd({ size: 100 * 2 ** 20, fixed: true, id: new Uint8Array(16), time: 0 }).writes[0]!.data,
  )!;
  const byGeometry = footer.cylinders * footer.heads * footer.sectorsPerTrack;

  for (const creator of ['win ', 'qem2', 'd2v ', 'tap\0', 'vbox']) {
    test(`is the size field’s when "${creator}" made it`, () => {
      expect(sectorsOf({ ...footer, creator: ascii(creator) })).toBe(204800);
    });
  }

  for (const creator of ['vpc ', 'qemu']) {
    test(`is the geometry’s when "${creator}" made it, unless that is the largest there is`, () => {
      expect(sectorsOf({ ...footer, creator: ascii(creator) })).toBe(byGeometry);
      const large = { ...footer, creator: ascii(creator), currentSize: 2n ** 40n };
      expect(sectorsOf({ ...large, cylinders: 65535, heads: 16, sectorsPerTrack: 255 })).toBe(2 ** 31);
    });
  }
});
