/**
 * Damaged and hostile images: whatever is in a file, opening it gives a disk or a `UserError`, in bounded time and
 * memory, and never changes the file. `RINGLET_FUZZ_SECONDS` makes it try for longer.
 */
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiskUser, pattern, submit } from '../../../tests/disk/support/disk-user.ts';
import { Contents, type Random, seeded, SimulatedFile } from '../../../tests/disk/support/simulated-file.ts';
import { IDS, MIB, vhdxContents, vhdxDisk } from '../../../tests/disk/support/vhdx-lab.ts';
import { type Disk, DiskOperation } from './disk.ts';
import { ImageSource } from './image-source.ts';
import { openIso } from './iso.ts';
import { openDisk } from './open-disk.ts';
import { newVhd } from './vhd/create-vhd.ts';
import { DynamicVhdDisk } from './vhd/dynamic-vhd-disk.ts';
import { DynamicHeader, Footer, vhdChecksum } from './vhd/layout.ts';
import { openVhd } from './vhd/open-vhd.ts';
import { crc32c } from './vhdx/crc32c.ts';

const SECONDS = Number(process.env['RINGLET_FUZZ_SECONDS'] ?? 0);
const ROUNDS = 250;
/** What reading one image may ask for at a time: a log, or a table, of the largest size that is accepted. */
const MOST_AT_ONCE = 64 * MIB;

/** An image, where its structures are, and how to make their checksums right again. */
interface Victim {
  name: string;
  contents: Contents;
  /** Ranges worth changing: [position, length]. */
  parts: [number, number][];
  repair(contents: Contents): void;
  open(file: SimulatedFile, source: ImageSource): Disk | undefined;
}

const bytesAt = (contents: Contents, position: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  contents.read(bytes, position);
  return bytes;
};

/** Writes a 32-bit checksum into a structure that `sum` computes it of. */
function sign(contents: Contents, at: number, size: number, field: number, little: boolean, sum: typeof crc32c): void {
  if (size <= field + 4 || size > 4 * MIB) return;
  const bytes = bytesAt(contents, at, size);
  new DataView(bytes.buffer).setUint32(field, sum(bytes, field), little);
  contents.write(at, bytes);
}

function repairVhdx(contents: Contents): void {
  for (const at of [64, 128]) sign(contents, at * 1024, 4096, 4, true, crc32c);
  for (const at of [192, 256]) sign(contents, at * 1024, 65536, 4, true, crc32c);
  for (const at of [MIB, MIB + MIB / 2]) {
    const length = new DataView(bytesAt(contents, at, 64).buffer).getUint32(8, true);
    if (length % 4096 === 0 && length <= MIB / 2) sign(contents, at, length, 4, true, crc32c);
  }
}

const checksum = (bytes: Uint8Array, at?: number): number => vhdChecksum(bytes, at!);

function repairVhd(contents: Contents): void {
  sign(contents, 0, 512, Footer.at.checksum, false, checksum);
  sign(contents, 512, 1024, DynamicHeader.at.checksum, false, checksum);
  const last = contents.size - 512;
  if (last >= 0) sign(contents, last, 512, Footer.at.checksum, false, checksum);
}

/** A VHDX that was left with two entries in its log. */
async function usedVhdx(parent?: boolean): Promise<Contents> {
  const file = new SimulatedFile(
    vhdxContents(parent ? { parent: { linkage: [IDS.dataWriteId], relativePath: 'p.vhdx' } } : {}),
  );
  const user = new DiskUser(vhdxDisk(file, parent ? { parent: vhdxDisk(new SimulatedFile(vhdxContents())) } : {}));
  for (const sector of [0, 5000]) {
    await user.write(sector, pattern(sector, 4096));
    await user.flush();
  }
  return file.contents;
}

async function victims(): Promise<Victim[]> {
  const vhdxParts: [number, number][] = [
    [0, 16],
    [64 * 1024, 80],
    [128 * 1024, 80],
    [192 * 1024, 80],
    [256 * 1024, 80],
    [MIB, 128],
    [MIB + 4096, 16],
    [MIB + MIB / 2, 128],
    [2 * MIB, 32 + 6 * 32],
    [2 * MIB + 65536, 300],
    [3 * MIB, 64],
  ];
  const vhd = Contents.of(newVhd({ size: MIB, fixed: false, blockSize: 65536, id: new Uint8Array(16), time: 0 }));
  const vhdFile = new SimulatedFile(vhd);
  const writer = new DiskUser(openDynamic(vhdFile, vhdFile.contents.source())!);
  for (const sector of [0, 500, 1000]) await writer.write(sector, pattern(sector, 1024));
  await writer.close();
  const fixed = Contents.of(newVhd({ size: MIB, fixed: true, id: new Uint8Array(16), time: 0 }));
  const iso = new Contents();
  iso.setSize(40 * 2048);
  for (const [index, type] of [1, 0, 255].entries()) {
    iso.write((16 + index) * 2048, Uint8Array.of(type, ...Buffer.from('CD001\x01')));
  }
  return [
    {
      name: 'VHDX with a log to replay',
      contents: await usedVhdx(),
      parts: vhdxParts,
      repair: repairVhdx,
      open: (file, source) => vhdxDisk(file, { source }),
    },
    {
      name: 'differencing VHDX',
      contents: await usedVhdx(true),
      parts: [...vhdxParts, [5 * MIB, 64]],
      repair: repairVhdx,
      open: (file, source) =>
        vhdxDisk(file, { source, parent: vhdxDisk(new SimulatedFile(vhdxContents()), { readOnly: true }) }),
    },
    {
      name: 'dynamic VHD',
      contents: vhdFile.contents,
      parts: [
        [0, 90],
        [512, 48],
        [1536, 64],
        [vhdFile.contents.size - 512, 90],
      ],
      repair: repairVhd,
      open: openDynamic,
    },
    {
      name: 'fixed VHD',
      contents: fixed,
      parts: [[fixed.size - 512, 90]],
      repair: repairVhd,
      open: openDynamic,
    },
    {
      name: 'ISO',
      contents: iso,
      parts: [
        [16 * 2048, 8],
        [17 * 2048, 8],
        [18 * 2048, 8],
      ],
      repair: () => undefined,
      open: (_file, source) => void openIso(source),
    },
  ];
}

function openDynamic(file: SimulatedFile, source: ImageSource): Disk | undefined {
  const vhd = openVhd(source);
  return vhd.type === 'dynamic' ? new DynamicVhdDisk(vhd, file, { readOnly: false }) : undefined;
}

/** Values that break assumptions more often than random ones. */
const EDGES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** A copy with some of its bytes changed or its end cut off. */
function mutate(victim: Victim, random: Random): Contents {
  const contents = victim.contents.clone();
  const pick = (below: number): number => Math.floor(random() * below);
  const changes = 1 + pick(4);
  for (let i = 0; i < changes; i++) {
    const [position, length] = victim.parts[pick(victim.parts.length)]!;
    const at = position + pick(length);
    const value = random() < 0.5 ? EDGES[pick(EDGES.length)]! : pick(256);
    const repeat = random() < 0.2 ? 1 + pick(8) : 1;
    contents.write(at, new Uint8Array(repeat).fill(value));
  }
  if (random() < 0.7) victim.repair(contents);
  if (random() < 0.15) contents.setSize(random() < 0.5 ? pick(contents.size) : contents.size - pick(2048));
  return contents;
}

/** Opens a mutant and, when it opens, works on it. @returns what was wrong with that. */
async function provoke(victim: Victim, contents: Contents): Promise<string | undefined> {
  const file = new SimulatedFile(contents);
  let most = 0;
  const source = new ImageSource('mutant', contents.size, (bytes, position) => {
    most = Math.max(most, bytes.length);
    return contents.read(bytes, position);
  });
  try {
    const disk = victim.open(file, source);
    if (most > MOST_AT_ONCE) return `it read ${most} bytes at once`;
    if (disk === undefined) return undefined;
    const data = new Uint8Array(64 * disk.sectorSize);
    for (let sector = 0; sector + 64 < disk.sectorCount && sector < 8192; sector += 509) {
      await submit(disk, DiskOperation.Read, sector, 64, data);
      await submit(disk, DiskOperation.Write, sector, 64, data);
    }
    await submit(disk, DiskOperation.Flush, 0, 0);
    await new Promise((resolve) => disk.close(resolve));
  } catch (error) {
    if (!(error instanceof UserError)) return String((error as Error).stack);
  }
  return undefined;
}

describe('a mutated image is a disk or a user’s error', async () => {
  for (const [index, victim] of (await victims()).entries()) {
    test(
      `${victim.name}`,
      async () => {
        const end = Date.now() + (SECONDS * 1000) / 5;
        const wrong: string[] = [];
        for (let round = 0; round < ROUNDS || Date.now() < end; round++) {
          const fault = await provoke(victim, mutate(victim, seeded(index * 1e6 + round)));
          if (fault !== undefined) wrong.push(`round ${round}: ${fault}`);
        }
        expect(wrong).toEqual([]);
      },
      20_000 + SECONDS * 1000,
    );
  }
});

describe('a mutated file', () => {
  let directory = '';
  beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'ringlet-hostile-'))));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('is not changed by opening and closing it, even to keep, and nothing is left beside it', async () => {
    const changed: string[] = [];
    for (const victim of await victims()) {
      for (let round = 0; round < 12; round++) {
        const contents = mutate(victim, seeded(round + 77));
        const path = join(directory, 'mutant');
        const fd = openSync(path, 'w');
        for (const { position, data } of contents.pages()) writeSync(fd, data, 0, data.length, position);
        ftruncateSync(fd, contents.size);
        closeSync(fd);
        const before = createHash('sha1').update(readFileSync(path)).digest('hex');
        for (const keep of [false, true]) {
          try {
            await new DiskUser(openDisk(path, { keep })).close();
          } catch (error) {
            if (!(error instanceof UserError)) throw error;
          }
        }
        const after = createHash('sha1').update(readFileSync(path)).digest('hex');
        if (after !== before) changed.push(`${victim.name}, round ${round}`);
      }
    }
    expect(changed).toEqual([]);
    expect(readdirSync(directory)).toEqual(['mutant']);
  });
});

describe('particular lies', () => {
  const lie = (change: (contents: Contents) => void) => (): unknown => {
    const contents = vhdxContents({ leaveBlocksAllocated: true });
    change(contents);
    repairVhdx(contents);
    return vhdxDisk(new SimulatedFile(contents));
  };
  const entry = (block: number, state: number, mib: number): ((contents: Contents) => void) => {
    const data = new Uint8Array(8);
    new DataView(data.buffer).setBigUint64(0, BigInt(state) | (BigInt(mib) << 20n), true);
    return (contents) => contents.write(3 * MIB + block * 8, data);
  };
  const u32 = (position: number, value: number) => (contents: Contents) => {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, value, true);
    contents.write(position, data);
  };

  const lies: [string, RegExp, () => unknown][] = [
    ['a block outside of the file', /outside of the file/, lie(entry(0, 6, 1_000_000))],
    ['a block at 2^44 MiB', /outside of the file/, lie(entry(0, 6, 2 ** 44 - 1))],
    ['two blocks in one place', /on top of something/, lie(entry(0, 6, 5))],
    ['a block on top of the table', /on top of something/, lie(entry(0, 6, 3))],
    ['a block on top of the header section', /outside of the file/, lie(entry(0, 6, 0))],
    ['a reserved state', /in state 4/, lie(entry(0, 4, 4))],
    ['a part of a block with no parent', /in state 7/, lie(entry(0, 7, 4))],
    ['a block size of 3 MiB', /block size/, lie(u32(2 * MIB + 65536, 3 * MIB))],
    ['a disk of 2^62 bytes', /disk size/, lie(u32(2 * MIB + 65536 + 8 + 4, 2 ** 30))],
    ['a table too short for its disk', /too short/, lie(u32(2 * MIB + 65536 + 8 + 4, 2 ** 9))],
    ['a log on top of the metadata', /overlap/, lie((c) => [64, 128].forEach((at) => u32(at * 1024 + 72, 2 * MIB)(c)))],
    [
      'a log of 1 GiB',
      /log is 1024 MiB|outside/,
      lie((c) => [64, 128].forEach((at) => u32(at * 1024 + 68, 2 ** 30)(c))),
    ],
    [
      'a log id and no entry',
      /no entry of it is valid/,
      lie((c) => [64, 128].forEach((at) => u32(at * 1024 + 48, 7)(c))),
    ],
    [
      'an unknown region that is required',
      /unknown region/,
      lie((c) => [192, 256].forEach((at) => u32(at * 1024 + 16, 9)(c))),
    ],
    [
      'two regions of one id',
      /twice/,
      lie((c) => [192, 256].forEach((at) => c.write(at * 1024 + 48, bytesAt(c, at * 1024 + 16, 16)))),
    ],
    ['version 2', /version is 2/, lie((c) => [64, 128].forEach((at) => c.write(at * 1024 + 66, Uint8Array.of(2, 0))))],
  ];
  for (const [name, message, open] of lies) {
    test(`${name} is refused`, () => {
      expect(open).toThrow(message);
      expect(open).toThrow(UserError);
    });
  }
});
