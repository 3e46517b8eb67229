/** The driver against a root that a test scripts: right and wrong answers, over real rings. */
import { PAGE_SIZE } from '@ringlet/microkernel';
import {
  ScsiOp,
  ScsiStatus,
  Sense,
  SrbStatus,
  VSTOR_MULTI_CHANNEL,
  VstorOperation,
  VstorVersion,
} from '@ringlet/protocols';
import { PacketType } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { BlockOperation } from './block-requests.ts';
import { LANE_DEPTH } from './lane.ts';
import { type Held, RING_PAGES, ScriptedRoot, usualAnswers } from './scripted-root.ts';
import { BlockStatus } from './storage-error.ts';

const device = async (root: ScriptedRoot) => (await root.driver.ready)[0]!;

test('ST2: the driver asks for the newest version first, and for the next when it is refused', async () => {
  const root = new ScriptedRoot((made) => (made.versions = [VstorVersion.Win8]));

  await root.driver.ready;

  expect(root.driver.version).toBe(VstorVersion.Win8);
});

test('a root that refuses every version is an error of `ready`, and there are no disks', async () => {
  const root = new ScriptedRoot((made) => (made.versions = [0x0900]));

  await expect(root.driver.ready).rejects.toThrow('negotiation');
  expect(root.driver.disks()).toEqual([]);
});

test('a channel that closes during the initialization ends it', async () => {
  const root = new ScriptedRoot((made) => (made.working = false));

  root.driver.closed();

  await expect(root.driver.ready).rejects.toMatchObject({ status: BlockStatus.Gone });
});

test('a channel that closes while the units are looked at ends that', async () => {
  const root = new ScriptedRoot((made) => {
    made.other = (cdb, lun, path) => {
      if (path === 3) queueMicrotask(() => made.driver.closed());
      return usualAnswers(cdb, lun, path);
    };
  });

  await expect(root.driver.ready).rejects.toMatchObject({ status: BlockStatus.Gone });
});

test('all eight paths and both targets are looked at, and the disk is found by the old capacity command', async () => {
  const root = new ScriptedRoot();

  const found = await device(root);

  expect(found).toMatchObject({ sectorCount: 1000, sectorSize: 512, readOnly: false, optical: false });
  expect(root.commands.filter(([op]) => op === ScsiOp.ReportLuns).length).toBe(16);
});

test('a target that does not report its units has LUN 0', async () => {
  const root = new ScriptedRoot((made) => {
    made.other = (cdb, lun, path) =>
      cdb[0] === ScsiOp.ReportLuns ? { sense: Sense.InvalidOperationCode } : usualAnswers(cdb, lun, path);
  });

  expect((await root.driver.ready).map(({ address }) => address)).toEqual([
    { path: 0, target: 0, lun: 0 },
    { path: 0, target: 1, lun: 0 },
  ]);
});

test('a unit attention is not an error: the request goes out again, and the units are looked at', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  let attentions = 1;
  const looked = root.commands.filter(([op]) => op === ScsiOp.ReportLuns).length;
  root.io = () => (attentions-- > 0 ? { sense: Sense.CapacityDataChanged } : { moved: 512 });

  await disk.read(0, 1, root.page());
  await root.settle();

  expect(attentions).toBe(-1);
  await expect.poll(() => root.commands.filter(([op]) => op === ScsiOp.ReportLuns).length).toBeGreaterThan(looked);
});

test('a root that has nothing but unit attentions to say fails the request in the end', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  root.io = () => ({ sense: Sense.ScsiBusReset });

  await expect(disk.read(0, 1, root.page())).rejects.toMatchObject({ status: Sense.ScsiBusReset });
});

test('a busy unit is left alone for a while, then asked again', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  let busy = 1;
  root.io = () => (busy-- > 0 ? { srb: SrbStatus.Busy, scsi: ScsiStatus.TaskSetFull } : { moved: 512 });

  const reading = disk.read(0, 1, root.page());
  await root.settle();
  expect(root.timers.length).toBe(1);
  root.timers[0]!();

  await reading;
});

test.each([
  ['sense data', { sense: Sense.UnrecoveredReadError }, Sense.UnrecoveredReadError],
  ['fewer bytes than asked for', { moved: 511 }, BlockStatus.Failed],
  ['an error without a reason', { srb: SrbStatus.Error, scsi: ScsiStatus.CheckCondition }, BlockStatus.Failed],
  ['"no such unit"', { srb: SrbStatus.InvalidLun, scsi: ScsiStatus.CheckCondition }, BlockStatus.Gone],
])('a read that is answered with %s fails with that', async (_, reply, status) => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  root.io = () => ({ ...reply });

  await expect(disk.read(0, 1, root.page())).rejects.toMatchObject({ status });
});

test('an answer of more bytes than asked for is taken for what was asked', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  root.io = () => ({ moved: 0xffff_ffff });

  await expect(disk.read(0, 1, root.page())).resolves.toBeUndefined();
});

test('answers to no request, to an earlier one, or too short, are dropped or fail theirs alone', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  root.io = () => undefined;
  const outcomes: number[] = [];
  disk.submit(BlockOperation.Read, 0, 1, root.page(), (status) => void outcomes.push(status));
  await root.settle();
  const [held] = root.held as [Held];

  root.answer({ low: 5000, high: 0 }, { moved: 512 });
  root.answer({ low: 0, high: 0 }, { moved: 512 });
  root.answer({ low: held.low, high: held.high - 1 }, { moved: 512 });
  await root.settle();
  const before = [...outcomes];
  root.root.completeTransaction(held.low, held.high, new Uint8Array(8));
  root.root.flush();
  await root.settle();
  root.answer(held, { moved: 512 });
  await root.settle();

  expect(before).toEqual([]);
  expect(outcomes).toEqual([BlockStatus.Failed]);
});

test('unasked packets other than those that announce changes are ignored', async () => {
  const root = new ScriptedRoot();
  await root.driver.ready;
  const commands = root.commands.length;

  root.root.send(Uint8Array.of(VstorOperation.CompleteIo, 0, 0, 0, 0, 0, 0, 0));
  root.root.send(new Uint8Array(0));
  root.root.flush();
  await root.settle();

  expect(root.commands.length).toBe(commands);
});

test('ENUMERATE_BUS makes the driver look again; several at once make it look once more, not each time', async () => {
  const root = new ScriptedRoot();
  await root.driver.ready;
  root.commands.length = 0;

  for (let i = 0; i < 5; i++) root.root.send(Uint8Array.of(VstorOperation.EnumerateBus, 0, 0, 0, 0, 0, 0, 0));
  root.root.flush();
  await expect.poll(() => root.commands.filter(([op]) => op === ScsiOp.ReportLuns).length).toBeGreaterThanOrEqual(16);
  await root.driver.rescan();

  expect(root.commands.filter(([op]) => op === ScsiOp.ReportLuns).length).toBeLessThanOrEqual(3 * 16);
});

test('when all places are taken `submit` says so, and `whenReady` says when there is one again', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  root.io = () => undefined;
  const gpa = root.page();
  let ended = 0;
  const submit = () => disk.submit(BlockOperation.Read, 0, 1, gpa, () => void ended++);
  let sent = 0;
  while (submit()) {
    sent++;
    await root.settle();
  }
  let ready = 0;
  disk.whenReady(() => void ready++);

  expect([sent, ready]).toEqual([LANE_DEPTH, 0]);
  root.answer(root.held[0]!, { moved: 512 });
  await root.settle();

  expect([ended, ready]).toEqual([1, 1]);
  expect(submit()).toBe(true);
});

test('a full ring is waited for', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  root.working = false;
  const gpa = root.page();
  let ended = 0;
  const one = (): void => {
    if (!disk.submit(BlockOperation.Read, 0, 128, gpa, () => void ended++)) disk.whenReady(one);
  };
  for (let i = 0; i < 100; i++) one();

  root.working = true;
  while (root.root.poll(64));
  await expect.poll(() => ended).toBe(100);
});

test.each([
  [RING_PAGES, 0x40_0000],
  // One page of data: a page list for 2 MiB is longer.
  [2, 0x10_0000],
])('with rings of %i pages a request moves at most %i bytes, however much the root allows', async (pages, most) => {
  const root = new ScriptedRoot((made) => (made.maxTransferBytes = 0xffff_f000), pages);

  const disk = await device(root);

  expect(disk.maxTransferBytes).toBe(most);
  expect(disk.submit(BlockOperation.Read, 0, most / 512, PAGE_SIZE, () => {})).toBe(true);
});

test('reading part of a sector is refused before anything is sent', async () => {
  const disk = await device(new ScriptedRoot());

  await expect(disk.readInto(0, new Uint8Array(100))).rejects.toThrow(RangeError);
});

test('more subchannels than the controller has are not asked for', async () => {
  const none = new ScriptedRoot();
  const some = new ScriptedRoot((made) => (made.flags = VSTOR_MULTI_CHANNEL));
  await Promise.all([none.driver.ready, some.driver.ready]);

  expect(await none.driver.openChannels(4)).toBe(1);
  expect(await some.driver.openChannels(0)).toBe(1);
});

test('requests without data are plain packets, those with data name their pages', async () => {
  const root = new ScriptedRoot();
  const disk = await device(root);
  const types: number[] = [];
  root.root.packets$.subscribe(({ type }) => void types.push(type));

  await disk.flush();
  await disk.read(0, 1, root.page());

  expect(types).toEqual([PacketType.InBand, PacketType.GpaDirect]);
});
