/**
 * Debian's kernels, decompressed here and by the host's own tools. Skips without apt, or where it reaches no archive.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readAr } from '../../src/boot/archive/ar.ts';
import { decompressPayload } from '../../src/boot/compression/payload.ts';
import { decompressXz } from '../../src/boot/compression/xz/xz.ts';
import { parseBzImage } from '../../src/boot/image/bzimage.ts';
import { parseElf } from '../../src/boot/image/elf.ts';
import { pvhEntry } from '../../src/boot/pvh/load-pvh.ts';
import { debianKernel, FLAVOURS } from './support/debian-kernels.ts';
import { capture, filter, lacking } from './support/tools.ts';

const NATIVE = { lz4: ['lz4', '-dc'], xz: ['xz', '-dc', '--single-stream'] } as const;
const FORMATS = { 'cloud-amd64': 'lz4', amd64: 'xz' } as const;
const missing = lacking('apt-get', 'dpkg-deb', 'xz', 'lz4');

const sha256 = (pieces: Iterable<Uint8Array>): string => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
};

describe.each(FLAVOURS)(`kernel %s${missing}`, (flavour) => {
  const kernel = missing === '' ? debianKernel(flavour) : undefined;
  const image = kernel === undefined ? undefined : parseBzImage(kernel.image);

  test.skipIf(image === undefined)('its payload comes out as the native tool has it', () => {
    const { format, data } = decompressPayload(image!.payload);
    expect(format).toBe(FORMATS[flavour]);
    const [program, ...options] = NATIVE[FORMATS[flavour]];
    // The size behind the payload is not part of it.
    expect(sha256([data])).toBe(sha256([filter(image!.payload.subarray(0, -4), program, ...options)]));
  });

  test.skipIf(image === undefined)('it is a 64-bit kernel at 16 MiB with a PVH entry', () => {
    const elf = parseElf(decompressPayload(image!.payload).data);
    expect([elf.width, elf.entry, elf.segments[0]!.address]).toEqual([64, 0x100_0000, 0x100_0000]);
    expect(pvhEntry(elf)).toBeGreaterThan(0x100_0000);
  });
});

describe(`a Debian package${missing}`, () => {
  const kernel = missing === '' ? debianKernel('cloud-amd64') : undefined;

  test.skipIf(kernel === undefined)('its members come out as dpkg has them', () => {
    const [first, control, data] = Array.from(readAr(readFileSync(kernel!.package)));
    expect([first, control, data].map((member) => member?.name)).toEqual([
      'debian-binary',
      'control.tar.xz',
      'data.tar.xz',
    ]);
    const native = (member: string): string => sha256([capture('dpkg-deb', member, kernel!.package)]);
    expect(sha256(decompressXz(control!.data))).toBe(native('--ctrl-tarfile'));
    expect(sha256(decompressXz(data!.data))).toBe(native('--fsys-tarfile'));
  });
});
