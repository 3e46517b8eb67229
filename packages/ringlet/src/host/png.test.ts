import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { encodePng } from './png.ts';

const picture = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 30 }))
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height * 4, maxLength: width * height * 4 })
      .map((pixels) => ({ width, height, pixels })),
  );

/** What another program finds in the file. */
function decode(png: Uint8Array): { width: number; height: number; colours: number[] } {
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-png-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'picture.png'), png);
  const { stdout, stderr, status } = spawnSync('pngtopnm', [join(folder, 'picture.png')], { maxBuffer: 2 ** 26 });
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  // P6 is three bytes a pixel; P5 one, which pngtopnm chooses where all are grey; P4 is a bit.
  const [, format, width, height] = /^(P[456])\s(\d+)\s(\d+)\s(?:\d+\s)?/.exec(stdout.toString('latin1', 0, 40))!;
  expect(format).toBe('P6');
  return {
    width: Number(width),
    height: Number(height),
    colours: [...stdout.subarray(-Number(width) * Number(height) * 3)],
  };
}

test('another program reads the same pixels', { timeout: 120_000 }, (context) => {
  if (spawnSync('pngtopnm', ['--version']).error) context.skip('pngtopnm is not here: install netpbm');
  fc.assert(
    fc.property(picture, ({ width, height, pixels }) => {
      // One pixel that is not grey keeps the other program from choosing another form.
      pixels.set([1, 2, 3]);
      const decoded = decode(encodePng({ width, height, pixels }));
      expect(decoded).toEqual({ width, height, colours: [...pixels].filter((_, i) => i % 4 !== 3) });
    }),
    { numRuns: 15 },
  );
});
