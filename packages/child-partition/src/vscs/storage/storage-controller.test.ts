/** The driver against a root that a test scripts: right and wrong answers, over real rings. */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import {
  putBe32,
  ScsiOp,
  ScsiStatus,
  Sense,
  SRB_AUTOSENSE_VALID,
  SrbStatus,
  VSTOR_HEADER_SIZE,
  VSTOR_MULTI_CHANNEL,
  VstorAt,
  VstorOperation,
  VstorProperties,
  VstorStatus,
  VstorVersion,
  writeSense,
} from '@ringlet/protocols';
import { type Packet, PacketType, RingChannel } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { BlockOperation } from './block-requests.ts';
import { LANE_DEPTH } from './lane.ts';
import { StorageController } from './storage-controller.ts';
import { BlockStatus } from './storage-error.ts';
import type { StorageGuest } from './storage-guest.ts';

const RING_PAGES = 8;
const PAGES = 256;

/** What the scripted root answers to one SCSI request. */
interface Reply {
  srb?: number;
  scsi?: number;
  sense?: number;
  data?: number[];
  /** Bytes that it says it moved, when not those of `data`. */
  moved?: number;
}

/** A request that has not been answered yet. */
interface Held {
  readonly low: number;
  readonly high: number;
}

/** One disk of 1000 sectors at LUN 0 of target 0, unless a test says otherwise. */
class ScriptedRoot {
  readonly memory = guestMemory();
  readonly driver: StorageController;
  readonly root: RingChannel;
  readonly guest: RingChannel;
  readonly commands: number[][] = [];
  readonly timers: (() => void)[] = [];
  versions: number[] = [VstorVersion.Threshold];
  maxTransferBytes = 65_536;
  flags = 0;
  /** Answers a block command; `undefined` keeps it. */
  io: (cdb: number[]) => Reply | undefined = (cdb) => ({ moved: ((cdb[7]! << 8) | cdb[8]!) * 512 });
  /** Answers any other command. */
  other: (cdb: number[], lun: number, path: number) => Reply = usualAnswers;
  readonly held: Held[] = [];
  working = true;
  #pages = 1;
  #scheduled = false;

  constructor(prepare: (root: ScriptedRoot) => void = () => {}, ringPages = RING_PAGES) {
    const take = (): number[] => Array.from({ length: ringPages }, () => this.#pages++);
    const [toRoot, toGuest] = [take(), take()];
    const end = (incoming: number[], outgoing: number[], initialize: boolean): RingChannel =>
      new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory: this.memory,
        incoming,
        outgoing,
        initialize,
        signal: () => this.#soon(),
        pollSoon: () => this.#soon(),
      });
    this.guest = end(toGuest, toRoot, true);
    this.root = end(toRoot, toGuest, false);
    prepare(this);
    this.root.onPacket((packet) => this.#packet(packet));
    const world: StorageGuest = {
      memory: this.memory,
      pages: { allocate: (count) => (this.#pages += count) - count, free: () => {} },
      after: (_ticks, run) => {
        this.timers.push(run);
        return () => {};
      },
      openSubchannels: () => Promise.resolve([]),
    };
    this.driver = new StorageController(this.guest, world);
    this.guest.onPacket((packet, channel) => this.driver.packet(packet, channel));
  }

  /** A page of the guest's that nobody uses. */
  page(): number {
    return this.#pages++ * PAGE_SIZE;
  }

  /** Lets everything run that can. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }

  /** Answers a request that was kept. */
  answer(held: Held, reply: Reply): void {
    this.root.completeTransaction(held.low, held.high, completion(reply));
    this.root.flush();
  }

  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.working) while (this.root.poll(64));
      while (this.guest.poll(64));
    });
  }

  #packet(packet: Packet): void {
    const operation = packet.u32(VstorAt.operation);
    if (operation === VstorOperation.ExecuteSrb) return this.#execute(packet);
    const answer = new Uint8Array(64);
    const view = new DataView(answer.buffer);
    view.setUint32(VstorAt.operation, VstorOperation.CompleteIo, true);
    const version = packet.u16(VSTOR_HEADER_SIZE);
    if (operation === VstorOperation.QueryProtocolVersion && !this.versions.includes(version)) {
      view.setUint32(VstorAt.status, VstorStatus.RevisionMismatch, true);
    }
    if (operation === VstorOperation.QueryProperties) {
      const { flags, maxTransferBytes } = this;
      VstorProperties.write(view, VSTOR_HEADER_SIZE, { maxSubchannels: 3, flags, maxTransferBytes });
    }
    this.root.complete(packet, answer);
  }

  #execute(packet: Packet): void {
    const cdb = Array.from({ length: 16 }, (_, i) => packet.u8(VstorAt.cdb + i));
    this.commands.push(cdb);
    const isBlock = cdb[0] === ScsiOp.Read10 || cdb[0] === ScsiOp.Write10 || cdb[0] === ScsiOp.SynchronizeCache10;
    const reply = isBlock ? this.io(cdb) : this.other(cdb, packet.u8(VstorAt.lun), packet.u8(VstorAt.pathId));
    const { transactionLow: low, transactionHigh: high } = packet;
    if (reply === undefined) {
      this.held.push({ low, high });
      return;
    }
    if (reply.data && packet.rangeCount > 0) {
      const room = packet.rangeLength(0);
      const at = packet.rangePage(0, 0) * PAGE_SIZE + packet.rangeOffset(0);
      reply.data = reply.data.slice(0, room);
      this.memory.write(at, Uint8Array.from(reply.data));
    }
    this.root.completeTransaction(low, high, completion(reply));
  }
}

function completion({ srb, scsi = ScsiStatus.Good, sense = 0, data, moved }: Reply): Uint8Array {
  const answer = new Uint8Array(64);
  const view = new DataView(answer.buffer);
  view.setUint32(VstorAt.operation, VstorOperation.CompleteIo, true);
  const fallback = sense === 0 ? SrbStatus.Success : SrbStatus.Error | SRB_AUTOSENSE_VALID;
  answer[VstorAt.srbStatus] = srb ?? fallback;
  answer[VstorAt.scsiStatus] = sense === 0 ? scsi : ScsiStatus.CheckCondition;
  view.setUint32(VstorAt.dataTransferLength, moved ?? data?.length ?? 0, true);
  if (sense !== 0) writeSense(answer, VstorAt.sense, sense);
  return answer;
}

function usualAnswers(cdb: number[], lun: number, path: number): Reply {
  switch (cdb[0]) {
    case ScsiOp.Inquiry: {
      const data = Array.from({ length: 36 }, () => 0x20);
      data[0] = path === 0 && lun === 0 ? 0 : 0x7f;
      return (cdb[1]! & 1) === 0 ? { data } : { sense: Sense.InvalidFieldInCdb };
    }
    case ScsiOp.ReportLuns:
      return {
        data: path === 0 ? [0, 0, 0, 8, ...Array.from({ length: 12 }, () => 0)] : Array.from({ length: 8 }, () => 0),
      };
    case ScsiOp.ServiceActionIn16:
      return { sense: Sense.InvalidOperationCode };
    case ScsiOp.ReadCapacity10: {
      const data = new Uint8Array(8);
      putBe32(data, 0, 999);
      putBe32(data, 4, 512);
      return { data: Array.from(data) };
    }
    default:
      return {};
  }
}

function guestMemory(): GuestMemory {
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(PAGES * PAGE_SIZE + Slat.tableBytes(PAGES)) });
  const slat = new Slat(node, PAGES * PAGE_SIZE, PAGES);
  for (let page = 0; page < PAGES; page++) slat.map(page, page, Access.ReadWrite);
  return new GuestMemory(node, slat);
}

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
