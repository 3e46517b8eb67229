import { describe, expect, test } from 'vitest';
import { DiskUser, pattern, submit } from '../../../../tests/disk/support/disk-user.ts';
import { valueOf, valueSectors } from '../../../../tests/disk/support/sector-history.ts';
import { seeded, SimulatedFile } from '../../../../tests/disk/support/simulated-file.ts';
import { guidOf, IDS, MIB, SMALL, vhdxContents, vhdxDisk } from '../../../../tests/disk/support/vhdx-lab.ts';
import { DiskOperation, DiskStatus } from '../disk.ts';
import { HEADER_AT, PAGE } from './layout.ts';
import { encodeLogEntry } from './log-entry.ts';
import { openVhdx } from './open-vhdx.ts';

const BLOCK = MIB / 512;
const NIL = '00000000-0000-0000-0000-000000000000';

/** Ends what is under way until `promise` has a value. */
async function stepUntil<T>(file: SimulatedFile, promise: Promise<T>): Promise<T> {
  let ended = false;
  void promise.finally(() => (ended = true)).catch(() => undefined);
  while (!ended) {
    file.step();
    await Promise.resolve();
    await Promise.resolve();
  }
  return promise;
}

const headerOf = (file: SimulatedFile) => openVhdx(file.contents.source()).current.header;

describe('what a VHDX that is written to looks like', () => {
  test('opening and reading it changes nothing, and neither does closing it', async () => {
    const file = new SimulatedFile(vhdxContents());
    const user = new DiskUser(vhdxDisk(file));

    await user.read(0, 100);
    await user.flush();
    await user.close();

    expect(file.events.filter((event) => event.type !== 'sync')).toEqual([]);
  });

  test('the headers change before anything else does, with new ids for the file and its data', async () => {
    const file = new SimulatedFile(vhdxContents());
    const before = headerOf(file);

    await new DiskUser(vhdxDisk(file)).write(0, pattern(1, 512));

    const writes = file.events.filter((event) => event.type === 'write').map((event) => event.position);
    const after = headerOf(file);
    expect(writes.slice(0, 2).toSorted((a, b) => a - b)).toEqual([...HEADER_AT]);
    expect(after.fileWriteId).not.toBe(before.fileWriteId);
    expect(after.dataWriteId).not.toBe(before.dataWriteId);
    expect(after.sequence).toBe(before.sequence + 2n);
  });

  test('while it is in use its log has an id; when it is closed the log is empty and unused space is cut off', async () => {
    const file = new SimulatedFile(vhdxContents());
    const user = new DiskUser(vhdxDisk(file));
    await user.write(0, pattern(1, MIB));
    await user.write(BLOCK, pattern(2, MIB));
    await user.flush();
    const used = headerOf(file).logId;
    const full = file.contents.size;

    await user.unmap(BLOCK, BLOCK);
    await user.close();

    expect(used).not.toBe(NIL);
    expect(headerOf(file).logId).toBe(NIL);
    expect(file.contents.size).toBe(full - MIB);
  });

  test('a write through is in the table when it is answered', async () => {
    const file = new SimulatedFile(vhdxContents());
    await new DiskUser(vhdxDisk(file)).write(0, valueSectors(5, 1, 512), { forceUnitAccess: true });

    const crashed = new SimulatedFile(file.crashedAfter(file.events.length, () => 0.9));
    const found = await new DiskUser(vhdxDisk(crashed)).read(0, 1);

    expect(valueOf(found)).toBe(5);
  });
});

describe('space', () => {
  test('many writes at once to one absent block take one place', async () => {
    const file = new SimulatedFile(vhdxContents(), seeded(1));
    const disk = vhdxDisk(file);
    const writes = Array.from({ length: 64 }, (_, i) =>
      submit(disk, DiskOperation.Write, i * 8, 8, valueSectors(i + 1, 8, 512)),
    );

    const statuses = await stepUntil(file, Promise.all(writes));
    const read = await stepUntil(file, new DiskUser(disk).read(0, 64 * 8));

    expect(new Set(statuses)).toEqual(new Set([DiskStatus.Ok]));
    expect(disk.inspect()).toMatchObject({ present: 1, fileMib: 5 });
    expect(Array.from({ length: 64 }, (_, i) => valueOf(read.subarray(i * 4096, i * 4096 + 4096)))).toEqual(
      Array.from({ length: 64 }, (_, i) => i + 1),
    );
  });

  test('a file does not grow when blocks are written and unmapped again and again without a flush', async () => {
    const file = new SimulatedFile(vhdxContents({ diskSize: 600 * MIB }));
    file.recording = false;
    const user = new DiskUser(vhdxDisk(file));

    for (let i = 0; i < 400; i++) {
      await user.write(i * BLOCK, pattern(i, 512));
      await user.unmap(i * BLOCK, BLOCK);
    }

    expect(user.disk.inspect()['fileMib']).toBeLessThan(300);
  });

  test('space that another block gave up is zeroed before it is used', async () => {
    const file = new SimulatedFile(vhdxContents());
    const user = new DiskUser(vhdxDisk(file));
    await user.write(0, pattern(1, MIB));
    await user.unmap(0, BLOCK);
    await user.flush();

    await user.write(3 * BLOCK + 5, pattern(2, 512));
    const block = await user.read(3 * BLOCK, BLOCK);

    const expected = new Uint8Array(MIB);
    expected.set(pattern(2, 512), 5 * 512);
    expect(Buffer.compare(block, expected)).toBe(0);
    expect(user.disk.inspect()).toMatchObject({ present: 1, fileMib: 5 });
  });

  test('a block that is being read keeps its place when it is unmapped', async () => {
    const file = new SimulatedFile(vhdxContents(), seeded(2));
    const disk = vhdxDisk(file);
    const user = new DiskUser(disk);
    await stepUntil(file, user.write(0, pattern(1, MIB)));
    const read = user.read(0, BLOCK);

    await user.unmap(0, BLOCK);
    const data = await stepUntil(file, read);

    expect(Buffer.compare(data, pattern(1, MIB))).toBe(0);
    expect(disk.inspect()).toMatchObject({ present: 1, heldBackMib: 0 });
  });

  test('a write that finds no space fails alone, and works once there is some', async () => {
    const file = new SimulatedFile(vhdxContents());
    const disk = vhdxDisk(file);
    const user = new DiskUser(disk);
    await user.write(0, pattern(1, 512));
    file.failNext = { kind: 'write', status: DiskStatus.NoSpace };

    const failed = await submit(disk, DiskOperation.Write, BLOCK, 1, pattern(2, 512));
    await user.write(BLOCK, pattern(3, 512));

    expect(failed).toBe(DiskStatus.NoSpace);
    expect(Buffer.compare(await user.read(BLOCK, 1), pattern(3, 512))).toBe(0);
    expect(Buffer.compare(await user.read(0, 1), pattern(1, 512))).toBe(0);
  });
});

describe('a host that fails', () => {
  for (const kind of ['write', 'sync', 'size'] as const) {
    test(`a flush whose ${kind} fails is answered so, and the next one brings everything`, async () => {
      const file = new SimulatedFile(vhdxContents());
      const disk = vhdxDisk(file);
      const user = new DiskUser(disk);
      await user.write(0, valueSectors(5, 8, 512));
      file.failNext = { kind, status: DiskStatus.IoError };

      const failed = await submit(disk, DiskOperation.Flush, 0, 0);
      await user.flush();
      const crashed = new SimulatedFile(file.crashedAfter(file.events.length, () => 0.9));

      expect(failed).toBe(DiskStatus.IoError);
      expect(valueOf(await new DiskUser(vhdxDisk(crashed)).read(0, 8))).toBe(5);
    });
  }

  test('while nothing can be made durable, unmapped space is not used again, and writes say why', async () => {
    const file = new SimulatedFile(vhdxContents({ diskSize: 400 * MIB }));
    file.recording = false;
    const disk = vhdxDisk(file);
    const statuses: number[] = [];
    await submit(disk, DiskOperation.Write, 0, 1, pattern(0, 512));
    file.failNext = { kind: 'sync', status: DiskStatus.IoError, always: true };
    for (let block = 0; block < 300; block++) {
      statuses.push(await submit(disk, DiskOperation.Write, block * BLOCK, 1, pattern(block, 512)));
      await submit(disk, DiskOperation.Unmap, block * BLOCK, BLOCK);
    }

    expect(statuses.slice(0, 257).every((status) => status === DiskStatus.Ok)).toBe(true);
    expect(statuses.slice(257).every((status) => status === DiskStatus.IoError)).toBe(true);
    file.failNext = undefined;
    expect(await submit(disk, DiskOperation.Write, 0, 1, pattern(1, 512))).toBe(DiskStatus.Ok);
  });

  test('a header that cannot be written fails the first write, and the second tries again', async () => {
    const file = new SimulatedFile(vhdxContents());
    const disk = vhdxDisk(file);
    file.failNext = { kind: 'write', status: DiskStatus.IoError };

    const first = await submit(disk, DiskOperation.Write, 0, 1, pattern(1, 512));
    const second = await submit(disk, DiskOperation.Write, 0, 1, pattern(2, 512));

    expect([first, second]).toEqual([DiskStatus.IoError, DiskStatus.Ok]);
  });
});

test('a disk that grows while the first writes to it wait keeps them, and starts its file once', async () => {
  const file = new SimulatedFile(vhdxContents({ diskSize: MIB + MIB / 2 }), seeded(4));
  const disk = vhdxDisk(file);
  const before = headerOf(file).sequence;
  const write = submit(disk, DiskOperation.Write, BLOCK, 4, valueSectors(1, 4, 512));
  const growth = new Promise((resolve) => disk.resize(4 * BLOCK, resolve));

  const statuses = await stepUntil(file, Promise.all([write, growth]));
  const user = new DiskUser(disk);
  const data = await stepUntil(file, user.read(BLOCK, BLOCK));
  await stepUntil(file, user.write(3 * BLOCK, valueSectors(2, 1, 512)));
  await stepUntil(file, user.close());

  expect(statuses).toEqual([DiskStatus.Ok, DiskStatus.Ok]);
  expect(valueOf(data.subarray(0, 2048))).toBe(1);
  expect(valueOf(data.subarray(2048))).toBe(0);
  // Begun, the log in use, the log empty again: twice a header each.
  expect(headerOf(file).sequence - before).toBe(6n);
  const again = openVhdx(file.contents.source());
  expect(again.metadata.diskSize).toBe(4 * MIB);
  expect([...again.bat.state]).toEqual([0, 6, 0, 6]);
});

describe('differencing', () => {
  const parent = { linkage: [IDS.dataWriteId], relativePath: 'base.vhdx' };

  async function pair() {
    const below = new SimulatedFile(vhdxContents());
    const base = new DiskUser(vhdxDisk(below));
    await base.write(0, valueSectors(7, SMALL.diskSize / 512, 512));
    await base.close();
    const file = new SimulatedFile(vhdxContents({ parent }));
    const disk = vhdxDisk(file, { parent: vhdxDisk(below, { readOnly: true }) });
    return { file, below, user: new DiskUser(disk) };
  }

  test('a sector written is its own, those around it are the parent’s, and it all survives', async () => {
    const { file, below, user } = await pair();
    await user.write(10, valueSectors(1, 3, 512));
    await user.close();

    const again = new DiskUser(
      vhdxDisk(new SimulatedFile(file.contents), { parent: vhdxDisk(below, { readOnly: true }) }),
    );
    const values = [];
    for (let sector = 8; sector < 15; sector++) values.push(valueOf(await again.read(sector, 1)));

    expect(values).toEqual([7, 7, 1, 1, 1, 7, 7]);
    expect(again.disk.inspect()).toMatchObject({ present: 1, partial: 1 });
  });

  test('a block whose every sector was written needs no bits any more', async () => {
    const { user } = await pair();
    await user.write(0, valueSectors(1, BLOCK - 1, 512));
    expect(user.disk.inspect()).toMatchObject({ partial: 1 });
    await user.write(BLOCK - 1, valueSectors(2, 1, 512));
    expect(user.disk.inspect()).toMatchObject({ partial: 0, present: 1 });
  });

  test('a block that is zeroed hides its parent’s, also where it is written to in part afterwards', async () => {
    const { user } = await pair();
    await user.writeZeroes(BLOCK, BLOCK);
    await user.write(BLOCK + 100, valueSectors(3, 1, 512));

    expect(valueOf(await user.read(BLOCK, 100))).toBe(0);
    expect(valueOf(await user.read(BLOCK + 100, 1))).toBe(3);
    expect(valueOf(await user.read(BLOCK + 101, BLOCK - 101))).toBe(0);
    expect(valueOf(await user.read(2 * BLOCK, 1))).toBe(7);
  });

  test('bits that another writer left for an absent block do not count when it is written to', async () => {
    const large = { blockSize: 32 * MIB, diskSize: 64 * MIB };
    const below = new SimulatedFile(vhdxContents(large));
    const open = (file: SimulatedFile) => new DiskUser(vhdxDisk(file, { parent: vhdxDisk(below, { readOnly: true }) }));
    const file = new SimulatedFile(vhdxContents({ ...large, parent }));
    const first = open(file);
    await first.write(0, valueSectors(1, 1, 512));
    await first.close();
    // The bits of a block of 32 MiB fill two pages: a write to its start would touch the first of them only.
    const bitmaps = openVhdx(file.contents.source()).bat.bitmapHome[0]! * MIB;
    file.contents.write(bitmaps + 2 * PAGE, new Uint8Array(2 * PAGE).fill(0xff));

    const second = open(new SimulatedFile(file.contents));
    await second.write((32 * MIB) / 512, valueSectors(2, 1, 512));
    await second.close();

    const { partial } = openVhdx(file.contents.source());
    expect([partial.run(1, 0, 65536), partial.run(1, 1, 65535)]).toEqual([1, 65535]);
    expect([partial.has(1, 0), partial.has(1, 1)]).toEqual([true, false]);
  });

  test('bits left from before a block was zeroed do not count when it is written to again', async () => {
    const { file, below, user } = await pair();
    await user.write(0, valueSectors(1, 8, 512));
    await user.flush();
    await user.unmap(0, BLOCK);
    await user.flush();
    await user.write(20, valueSectors(2, 1, 512));
    await user.close();

    const again = new DiskUser(
      vhdxDisk(new SimulatedFile(file.contents), { parent: vhdxDisk(below, { readOnly: true }) }),
    );

    expect(valueOf(await again.read(0, 20))).toBe(0);
    expect(valueOf(await again.read(20, 1))).toBe(2);
  });
});

describe('a log that was left behind', () => {
  /** A file whose last commit is in the log, but not in place. */
  async function interrupted() {
    const file = new SimulatedFile(vhdxContents());
    const user = new DiskUser(vhdxDisk(file));
    await user.write(0, valueSectors(5, 8, 512));
    await user.flush();
    // The last event puts the table's page in place: without it only the log knows of the block.
    expect(file.events.at(-1)).toMatchObject({ type: 'write', position: 3 * MIB });
    return file.crashedAfter(file.events.length - 1, () => 0.9);
  }

  test('is read as if it were in place, and a reader leaves it alone', async () => {
    const left = await interrupted();
    const file = new SimulatedFile(left);
    const reader = new DiskUser(vhdxDisk(file, { readOnly: true }));

    expect(valueOf(await reader.read(0, 8))).toBe(5);
    await reader.close();
    expect(file.events).toEqual([]);
    expect(openVhdx(left.source()).replay?.pages.size).toBe(1);
  });

  test('is put in place before the first write', async () => {
    const file = new SimulatedFile(await interrupted());
    const user = new DiskUser(vhdxDisk(file));

    await user.write(BLOCK, valueSectors(6, 8, 512));
    await user.close();

    const image = openVhdx(file.contents.source());
    expect(image.replay).toBeUndefined();
    expect([...image.bat.state.subarray(0, 3)]).toEqual([6, 6, 0]);
    const again = new DiskUser(vhdxDisk(new SimulatedFile(file.contents)));
    expect([valueOf(await again.read(0, 8)), valueOf(await again.read(BLOCK, 8))]).toEqual([5, 6]);
  });

  test('with its only entry torn, makes the file one that is refused', async () => {
    const left = await interrupted();
    left.write(MIB + PAGE + 100, Uint8Array.of(0xff));

    expect(() => openVhdx(left.source())).toThrow(/no entry of it is valid/);
  });

  test('is not mixed up with entries of another id, however new', async () => {
    const left = await interrupted();
    const { logOffset } = openVhdx(left.source()).current.header;
    const strange = encodeLogEntry(
      { logId: guidOf(999), sequence: 50n, tail: 512 * 1024, flushed: 4 * MIB, last: 4 * MIB },
      [{ position: 3 * MIB, data: new Uint8Array(PAGE).fill(0xff) }],
    );
    left.write(Number(logOffset) + 512 * 1024, strange);

    const reader = new DiskUser(vhdxDisk(new SimulatedFile(left)));

    expect(valueOf(await reader.read(0, 8))).toBe(5);
  });
});
