import { ScsiOp, ScsiStatus, SrbStatus, VstorStatus } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { StorageBench, TestDisk } from './storage-fixture.ts';

const read = (lun: number, block = 0) => ({
  cdb: [ScsiOp.Read10, 0, 0, 0, 0, block, 0, 0, 1, 0],
  length: 512,
  lun,
});

/** Half of what a ring of 15 data pages holds of 88-byte answers. */
const LIMIT = Math.floor((15 * 4096 - 8) / 88 / 2);

const bench = (disks: TestDisk[], queueDepth?: number): StorageBench => {
  const made = new StorageBench({
    disks: disks.map((disk, lun) => ({ disk, lun })),
    ...(queueDepth !== undefined && { queueDepth }),
  });
  made.openReady();
  return made;
};
/** Sends until the guest has this many requests out. */
const flood = (on: StorageBench, lun: number, count: number): number[] =>
  Array.from({ length: count }, () => {
    const id = on.send(read(lun));
    on.settle();
    return id;
  });

test('a unit whose disk never answers does not stop another on the same channel', () => {
  const [stuck, live] = [new TestDisk(), new TestDisk()];
  stuck.holding = true;
  const on = bench([stuck, live]);
  flood(on, 0, 2000);

  const answers = Array.from({ length: 100 }, () => on.run(read(1)));

  expect(answers.every(({ srbStatus }) => srbStatus === SrbStatus.Success)).toBe(true);
});

test('what is beyond a unit’s share is answered with TASK SET FULL at once, as a busy device', () => {
  const stuck = new TestDisk();
  stuck.holding = true;
  const on = bench([stuck]);

  const ids = flood(on, 0, LIMIT + 1);

  expect(on.take(ids[LIMIT - 1]!)).toBeUndefined();
  expect(on.take(ids[LIMIT]!)).toMatchObject({
    scsiStatus: ScsiStatus.TaskSetFull,
    srbStatus: SrbStatus.Busy,
    status: VstorStatus.DeviceBusy,
    length: 0,
  });
  expect(on.vsp.inspect()).toMatchObject({ units: [{ taskSetFull: 1 }] });
});

test('units that are all stuck leave each other their share', () => {
  const disks = Array.from({ length: 4 }, () => new TestDisk());
  for (const disk of disks) disk.holding = true;
  const on = bench(disks, 1000);
  for (const lun of [0, 1, 2]) flood(on, lun, 1000);

  flood(on, 3, 1000);

  expect(disks[3]!.held.length).toBeGreaterThanOrEqual(Math.floor(LIMIT / 2 / 4));
  expect(disks.reduce((sum, disk) => sum + disk.held.length, 0)).toBeLessThanOrEqual(LIMIT);
});

test('ST19: no more requests than the depth are at a disk; the others wait their turn, and all are answered', () => {
  const disk = new TestDisk();
  disk.holding = true;
  const on = bench([disk], 4);
  const ids = Array.from({ length: 50 }, (_, block) => on.send(read(0, block)));
  on.settle();

  const depths: number[] = [];
  while (disk.held.length > 0) {
    depths.push(disk.held.length);
    disk.release(true);
  }
  on.settle();

  expect(Math.max(...depths)).toBe(4);
  expect(disk.log.map(({ sector }) => sector)).toEqual(Array.from({ length: 50 }, (_, block) => block));
  expect(ids.every((id) => on.take(id)?.srbStatus === SrbStatus.Success)).toBe(true);
});

test('a long queue on a disk that answers at once needs no deep stack', () => {
  const disk = new TestDisk();
  disk.holding = true;
  const on = bench([disk], 1);
  const ids = flood(on, 0, LIMIT);
  disk.holding = false;

  disk.release();
  on.settle();

  expect(ids.every((id) => on.take(id)?.srbStatus === SrbStatus.Success)).toBe(true);
});

test('ST18: while the guest does not read its answers the ring is not read; later all are answered', () => {
  const disk = new TestDisk();
  const on = bench([disk]);
  const { root, guest } = on.lines[0]!;
  const ids: number[] = [];
  let moved = true;
  while (moved) {
    const id = on.send(read(0));
    if (id >= 0) ids.push(id);
    while (root.poll(64));
    moved = id >= 0;
  }
  const taken = disk.log.length;

  on.settle();
  while (guest.poll(64));

  expect(taken).toBeLessThan(ids.length);
  expect(taken).toBeGreaterThan(LIMIT);
  expect(ids.every((id) => on.take(id)?.srbStatus === SrbStatus.Success)).toBe(true);
});

test('ST18: an answer always has room: requests in flight keep it while the guest’s other answers fill the ring', () => {
  const [slow, fast] = [new TestDisk(), new TestDisk()];
  slow.holding = true;
  const on = bench([slow, fast]);
  const { root } = on.lines[0]!;
  const slowIds = flood(on, 0, 200);
  // The guest reads nothing now.
  for (let i = 0; i < 1000; i++) {
    on.send(read(1));
    while (root.poll(64));
  }

  slow.holding = false;
  slow.release();
  on.settle();

  expect(slowIds.every((id) => on.take(id)?.srbStatus === SrbStatus.Success)).toBe(true);
});

test('ST19: what a guest can make the controller keep has an end', () => {
  const stuck = new TestDisk();
  stuck.holding = true;
  const on = bench([stuck]);

  flood(on, 0, 3 * LIMIT);

  expect(on.vsp.inspect()).toMatchObject({ channels: [{ outstanding: LIMIT }] });
  expect((on.vsp.inspect() as { channels: { pooled: number }[] }).channels[0]!.pooled).toBeLessThanOrEqual(LIMIT + 1);
});
