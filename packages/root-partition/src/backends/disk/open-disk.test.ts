import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiskUser, pattern } from '../../../tests/disk/support/disk-user.ts';
import { createDisk } from './create-disk.ts';
import { openDisk } from './open-disk.ts';

const MIB = 1024 * 1024;
let directory = '';
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'ringlet-open-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const coded = (code: string): Error => expect.objectContaining({ code }) as Error;

/** A file with `data` at `position` and zeroes around it. */
function fileWith(name: string, size: number, position: number, data: Uint8Array | string): string {
  const bytes = new Uint8Array(size);
  bytes.set(typeof data === 'string' ? Buffer.from(data, 'latin1') : data, position);
  writeFileSync(at(name), bytes);
  return at(name);
}

async function isoDisk(name: string) {
  const iso = new Uint8Array(40 * 2048);
  iso.set(Buffer.from('\x01CD001\x01', 'latin1'), 16 * 2048);
  iso.set(Buffer.from('\xffCD001\x01', 'latin1'), 17 * 2048);
  iso.set(pattern(1, 2048), 20 * 2048);
  writeFileSync(at(name), iso);
  return openDisk(at(name));
}

describe('what an image is', () => {
  test('is told by its contents', async () => {
    createDisk(at('a.bin'), { format: 'vhdx', size: MIB });
    createDisk(at('b.bin'), { format: 'vhd', size: MIB });
    createDisk(at('c.bin'), { format: 'vhd', size: MIB, fixed: true });
    createDisk(at('d.bin'), { format: 'raw', size: MIB });
    createDisk(at('e.bin'), { format: 'vhdx', size: MIB, fixed: true });

    const disks = ['a', 'b', 'c', 'd', 'e'].map((name) => openDisk(at(`${name}.bin`), { readOnly: true }));

    expect(disks.map((disk) => disk.kind)).toEqual(['vhdx', 'vhd', 'vhd fixed', 'raw', 'vhdx fixed']);
    for (const disk of disks) await new DiskUser(disk).close();
  });

  test('an ISO image is an optical disc of 2048-byte sectors that nobody writes', async () => {
    const disc = await isoDisk('disc.iso');

    expect(disc).toMatchObject({ kind: 'iso', optical: true, readOnly: true, sectorSize: 2048, sectorCount: 40 });
    const user = new DiskUser(disc);
    expect(Buffer.compare(await user.read(20, 1), pattern(1, 2048))).toBe(0);
    await user.close();
  });

  test('an ISO image without a primary descriptor is damaged', () => {
    const path = fileWith('no-primary.iso', 20 * 2048, 16 * 2048, '\xffCD001\x01');
    expect(() => openDisk(path)).toThrow(coded('disk-damaged'));
  });

  for (const [name, position, magic] of [
    ['QCOW2', 0, 'QFI\xfb'],
    ['VMDK', 0, 'KDMV'],
    ['VDI', 64, '\x7f\x10\xda\xbe'],
  ] as const) {
    test(`a ${name} image is not taken for a raw one`, () => {
      const path = fileWith(`foreign.${name}`, 4096, position, magic);
      expect(() => openDisk(path)).toThrow(coded('disk-unsupported'));
    });
  }

  test('a format that was given counts more than the contents', async () => {
    createDisk(at('guest-made.vhdx'), { format: 'vhdx', size: MIB });
    const disk = openDisk(at('guest-made.vhdx'), { format: 'raw', readOnly: true });
    expect(disk.kind).toBe('raw');
    await new DiskUser(disk).close();
    expect(() => openDisk(at('d.bin'), { format: 'vhdx' })).toThrow(coded('disk-damaged'));
    expect(() => openDisk(at('d.bin'), { format: 'vhd' })).toThrow(coded('disk-damaged'));
    expect(() => openDisk(at('d.bin'), { format: 'iso' })).toThrow(coded('disk-damaged'));
  });

  test('a raw image that does not end with a sector ends in zeroes', async () => {
    const path = fileWith('odd.img', 1000, 0, pattern(1, 1000));
    const user = new DiskUser(openDisk(path, { readOnly: true }));
    expect(user.disk.sectorCount).toBe(2);
    const data = await user.read(0, 2);
    expect(Buffer.compare(data.subarray(0, 1000), pattern(1, 1000))).toBe(0);
    expect(data.subarray(1000).every((byte) => byte === 0)).toBe(true);
    await user.close();
  });
});

describe('what a user did wrong', () => {
  test('has a code for each mistake', () => {
    writeFileSync(at('empty'), '');
    mkdirSync(at('directory'));
    createDisk(at('there.img'), { format: 'raw', size: MIB });
    const parent = at('there.img');
    const mistakes: [string, () => unknown][] = [
      ['disk-not-found', () => openDisk(at('nowhere'))],
      ['disk-not-found', () => openDisk(join(at('there.img'), 'below-a-file'))],
      ['disk-unsupported', () => openDisk(at('directory'))],
      ['disk-unsupported', () => openDisk(at('empty'))],
      ['disk-unsupported', () => openDisk('/dev/null')],
      ['disk-invalid', () => openDisk(at('there.img'), { keep: true, readOnly: true })],
      ['disk-invalid', () => openDisk(at('there.img'), { sectorSize: 1000 })],
      ['disk-exists', () => createDisk(at('there.img'), { format: 'raw', size: MIB })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'raw', size: 100 })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'raw' })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'vhd', size: 3e12 + 512 })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'vhd', size: MIB, blockSize: 5000 })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'vhdx', size: MIB, blockSize: 512 })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'vhdx', size: 2 ** 47 })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'vhdx', size: MIB, sectorSize: 1024 })],
      ['disk-invalid', () => createDisk(at('new'), { format: 'vhd', parent })],
      ['disk-unsupported', () => createDisk(at('new'), { format: 'vhdx', parent })],
      ['disk-not-found', () => createDisk(at('new'), { format: 'vhdx', parent: at('nowhere') })],
    ];
    for (const [code, mistake] of mistakes) expect(mistake).toThrow(coded(code));
    expect(readdirSync(directory)).not.toContain('new');
  });

  test('an image that is being kept is open to nobody else, until it is closed', async () => {
    createDisk(at('kept.vhdx'), { format: 'vhdx', size: MIB });
    const user = new DiskUser(openDisk(at('kept.vhdx'), { keep: true }));

    expect(() => openDisk(at('kept.vhdx'), { keep: true })).toThrow(coded('disk-locked'));
    expect(() => openDisk(at('kept.vhdx'))).toThrow(coded('disk-locked'));
    await user.close();
    await new DiskUser(openDisk(at('kept.vhdx'), { keep: true })).close();
    expect(readdirSync(directory)).not.toContain('kept.vhdx.lock');
  });

  test('an image that cannot be opened is not left locked', () => {
    createDisk(at('cut.vhdx'), { format: 'vhdx', size: MIB });
    truncateSync(at('cut.vhdx'), 3 * MIB);
    expect(() => openDisk(at('cut.vhdx'), { keep: true })).toThrow(coded('disk-damaged'));
    expect(readdirSync(directory)).not.toContain('cut.vhdx.lock');
  });
});

describe('the parent of a differencing disk', () => {
  function chain(name: string): { parent: string; child: string } {
    const parent = at(`${name}-parent.vhdx`);
    const child = at(`${name}-child.vhdx`);
    createDisk(parent, { format: 'vhdx', size: 2 * MIB, blockSize: MIB });
    createDisk(child, { format: 'vhdx', parent });
    return { parent, child };
  }

  test('is found beside a child that was moved with it, and where it was by a child that was moved alone', async () => {
    const { parent, child } = chain('moved');
    mkdirSync(at('both'));
    copyFileSync(parent, join(at('both'), 'moved-parent.vhdx'));
    copyFileSync(child, join(at('both'), 'child.vhdx'));
    mkdirSync(at('alone'));
    copyFileSync(child, join(at('alone'), 'child.vhdx'));

    for (const path of [join(at('both'), 'child.vhdx'), join(at('alone'), 'child.vhdx')]) {
      const user = new DiskUser(openDisk(path, { readOnly: true }));
      expect(user.disk.sectorCount).toBe(4096);
      await user.read(0, 8);
      await user.close();
    }
  });

  test('is refused when it has changed since, is gone, or is being written', async () => {
    const { parent, child } = chain('changed');
    const writer = new DiskUser(openDisk(parent, { keep: true }));
    expect(() => openDisk(child)).toThrow(coded('disk-locked'));
    await writer.write(0, pattern(1, 512));
    await writer.close();
    expect(() => openDisk(child)).toThrow(coded('disk-parent'));
    rmSync(parent);
    expect(() => openDisk(child)).toThrow(coded('disk-parent'));
  });

  test('that is the disk itself is refused', () => {
    const { parent, child } = chain('cycle');
    rmSync(parent);
    copyFileSync(child, parent);
    const before = readFileSync(child);
    expect(() => openDisk(child, { keep: true })).toThrow(coded('disk-parent'));
    expect(Buffer.compare(readFileSync(child), before)).toBe(0);
  });
});

test.each(['x.vhdx', 'x.VHD', 'x.iso'])(
  'a file named %s that is none is refused, unless it is said to be raw',
  (name) => {
    const path = fileWith(name, MIB, 0, 'not an image');
    expect(() => openDisk(path)).toThrow(coded('disk-damaged'));
    expect(openDisk(path, { format: 'raw' }).kind).toBe('raw+overlay');
  },
);
