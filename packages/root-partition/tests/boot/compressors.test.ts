/** What the host's compressors write, read here: every option that changes the format, over data that strains it. */
import { describe, expect, test } from 'vitest';
import { decompressLz4 } from '../../src/boot/compression/lz4.ts';
import { decompressPayload } from '../../src/boot/compression/payload.ts';
import { decompressXz } from '../../src/boot/compression/xz/xz.ts';
import { filter, lacking } from './support/tools.ts';

/** Bytes from a seed: `choose` makes each from a number below 2^16. */
function made(length: number, choose: (random: number, at: number) => number): Uint8Array {
  let seed = 12345;
  return Uint8Array.from({ length }, (_, at) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return choose(seed >>> 16, at);
  });
}

const SAMPLES = {
  'one byte': made(1, () => 65),
  text: made(300_000, (random) => 97 + (random % 7)),
  noise: made(2_200_000, (random) => random >> 8),
  'noise, then the same again': (() => {
    const half = made(1_100_000, (random) => random >> 8);
    return Buffer.concat([half, half]);
  })(),
  'calls and jumps': made(400_000, (random) =>
    random % 4 === 0 ? [0xe8, 0xe9, 0, 0xff][(random >> 8) % 4]! : random % 5,
  ),
  zeros: new Uint8Array(9_000_000),
} as const;
const samples = Object.entries(SAMPLES);

const plain = (data: Uint8Array): Buffer => Buffer.concat(Array.from(decompressXz(data), (piece) => piece.slice()));

describe.each(samples)('%s', (_, data) => {
  const noXz = lacking('xz');
  test
    .skipIf(noXz !== '')
    .each([
      [['--check=none']],
      [['--check=crc32', '--x86', '--lzma2=dict=64KiB']],
      [['--check=crc64', '--lzma2=dict=4KiB,lc=0,lp=4,pb=4']],
      [['--check=sha256', '--x86=start=4096', '--lzma2=lc=4,lp=0,pb=0,nice=5']],
      [['--block-size=100000', '-0']],
      [['-T2', '--block-size=1MiB']],
      [['-9e']],
    ])(`xz %j${noXz}`, (options) => {
    const packed = filter(data, 'xz', '-c', '-F', 'xz', ...options);
    expect(plain(packed).equals(data)).toBe(true);
  });

  const noLz4 = lacking('lz4');
  test.skipIf(noLz4 !== '').each([['-1'], ['-9']])(`lz4 -l %s${noLz4}`, (level) => {
    const packed = filter(data, 'lz4', '-l', '-c', level);
    expect(Buffer.compare(decompressLz4(packed, data.length), data)).toBe(0);
  });

  const noZstd = lacking('zstd');
  test.skipIf(noZstd !== '').each([
    ['-1', '--no-check'],
    ['-22', '--ultra'],
  ])(`zstd %s %s${noZstd}`, (...options) => {
    const size = new Uint8Array(Uint32Array.of(data.length).buffer);
    const packed = Buffer.concat([filter(data, 'zstd', '-c', ...options), size]);
    expect(Buffer.compare(decompressPayload(packed).data, data)).toBe(0);
  });
});
