import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeEdid } from './edid.ts';

const side = fc.integer({ min: 320, max: 4095 });

test('its bytes add up to nothing, and its header is that of an EDID', () => {
  fc.assert(
    fc.property(side, side, (width, height) => {
      const edid = makeEdid({ width, height });
      expect(edid).toHaveLength(128);
      expect(edid.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
      expect(Array.from(edid.subarray(0, 8))).toEqual([0, 255, 255, 255, 255, 255, 255, 0]);
    }),
  );
});

test.for([
  [640, 480],
  [1366, 768],
  [1920, 1200],
  [3840, 2160],
] as const)('another program finds %i by %i in it, and no fault', ([width, height], context) => {
  const decoded = spawnSync('edid-decode', ['--check'], { input: makeEdid({ width, height }) });
  if (decoded.error) context.skip('edid-decode is not here');
  const text = decoded.stdout.toString();
  expect(text).toContain('EDID conformity: PASS');
  expect(text).not.toContain('Warnings:');
  expect(/DTD 1: +(\d+x\d+) +([\d.]+) Hz/.exec(text)!.slice(1)).toEqual([
    `${width}x${height}`,
    expect.stringMatching(/^(59\.9|60\.0)/),
  ]);
});

test('1920 by 1080 with reduced blanking has a clock of 138.5 MHz, 2080 pixels and 1111 lines', () => {
  const timing = makeEdid({ width: 1920, height: 1080 }).subarray(54, 72);
  const clock = timing[0]! | (timing[1]! << 8);
  const total = (low: number, blank: number, high: number) =>
    (timing[low]! | ((timing[high]! >> 4) << 8)) + (timing[blank]! | ((timing[high]! & 15) << 8));
  // The standard steps its clock by 250 kHz: 138.50; ours is exact.
  expect(clock).toBeGreaterThan(13_845);
  expect(clock).toBeLessThan(13_875);
  expect([total(2, 3, 4), total(5, 6, 7)]).toEqual([2080, 1111]);
});
