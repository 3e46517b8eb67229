import { DataDirection, ScsiOp, Sense, SrbStatus, VstorOperation } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { vspRules } from '../../testing/vsp-rules.ts';
import { DATA_GPA, scattered, StorageBench, TestDisk } from './storage-fixture.ts';
import { type StorageState, StorageVsp } from './storage-vsp.ts';

const throughJson = (state: StorageState): StorageState => JSON.parse(JSON.stringify(state)) as StorageState;
const read = (block: number, gpa = DATA_GPA) => ({
  cdb: [ScsiOp.Read10, 0, 0, 0, 0, block, 0, 0, 1, 0],
  length: 512,
  gpa,
});

vspRules(test, StorageVsp);

test('ST26: requests in flight are issued again after a restore, in their order, and answered there', () => {
  const before = new TestDisk();
  before.holding = true;
  const old = new StorageBench({ disks: [{ disk: before }] });
  old.openReady();
  const ids = [5, 3, 4].map((block, i) => old.send(read(block, DATA_GPA + i * 4096)));
  old.settle();
  const after = new TestDisk();
  after.content.fill(7, 5 * 512, 6 * 512);

  const resumed = new StorageBench({ disks: [{ disk: after }] });
  resumed.vsp.restore(throughJson(old.vsp.save()));
  resumed.open();
  resumed.settle();

  expect(after.log.map(({ sector }) => sector)).toEqual([5, 3, 4]);
  expect(ids.map((id) => resumed.take(id)?.length)).toEqual([512, 512, 512]);
  expect(resumed.data(512)).toEqual(new Uint8Array(512).fill(7));
});

test('ST26: requests that only waited, and those with scattered data, are saved too', () => {
  const before = new TestDisk();
  before.holding = true;
  const old = new StorageBench({ disks: [{ disk: before }], queueDepth: 1 });
  const { guest } = old.openReady();
  old.send(read(1));
  const write = { cdb: [ScsiOp.Write10, 0, 0, 0, 0, 8, 0, 0, 16, 0], length: 8192, dataIn: DataDirection.Out };
  const { packet, pages } = scattered(write);
  guest.requestDirect(packet, pages, 0, 8192, 99, 0);
  guest.flush();
  old.settle();
  const after = new TestDisk();

  const resumed = new StorageBench({ disks: [{ disk: after }], queueDepth: 1 });
  resumed.memory.fill(pages[0]! * 4096, 0xaa, 4096);
  resumed.memory.fill(pages[1]! * 4096, 0xbb, 4096);
  resumed.vsp.restore(throughJson(old.vsp.save()));
  resumed.open();
  resumed.settle();

  expect(resumed.take(99)).toMatchObject({ srbStatus: SrbStatus.Success, length: 8192 });
  expect([after.content[8 * 512], after.content[16 * 512]]).toEqual([0xaa, 0xbb]);
});

test('ST27: a restored controller accepts the subchannels that were in use, and no more', () => {
  const old = new StorageBench({ maxSubchannels: 1 });
  old.openReady();
  old.control(VstorOperation.CreateSubChannels, Uint8Array.of(1, 0));
  const resumed = new StorageBench({ maxSubchannels: 1, disks: [{ disk: new TestDisk() }] });

  resumed.vsp.restore(throughJson(old.vsp.save()));
  resumed.open();

  expect(resumed.open(1)).toBeDefined();
  expect(resumed.run(read(0), 1)).toMatchObject({ srbStatus: SrbStatus.Success });
  expect(resumed.vsp.save().negotiation).toEqual(old.vsp.save().negotiation);
});

test('a restored controller is ready, and what units had to tell is still told', () => {
  const disk = new TestDisk();
  const old = new StorageBench({ disks: [{ disk }] });
  old.openReady();
  disk.setSize(4000);
  const resumed = new StorageBench({ disks: [{ disk: new TestDisk({ sectors: 4000 }) }] });

  resumed.vsp.restore(throughJson(old.vsp.save()));
  resumed.open();

  expect(resumed.run({ cdb: [ScsiOp.TestUnitReady] }).sense).toBe(Sense.CapacityDataChanged);
});

test('saved requests that were not yet issued again are saved again', () => {
  const disk = new TestDisk();
  disk.holding = true;
  const old = new StorageBench({ disks: [{ disk }] });
  old.openReady();
  old.send(read(1));
  old.settle();
  const state = throughJson(old.vsp.save());
  const { vsp } = new StorageBench({ disks: [{ disk: new TestDisk() }] });

  vsp.restore(state);

  expect(throughJson(vsp.save())).toEqual(state);
});

test('a guest that opens the channel anew after a restore starts over', () => {
  const old = new StorageBench();
  old.openReady();
  const resumed = new StorageBench();
  resumed.vsp.restore(throughJson(old.vsp.save()));
  const line = resumed.open()!;

  resumed.vsp.closed(line.root, () => {});
  resumed.open();

  expect(resumed.vsp.inspect()).toMatchObject({ state: 'begin' });
});

test('a saved request whose memory is gone fails alone', () => {
  const disk = new TestDisk();
  disk.holding = true;
  const old = new StorageBench({ disks: [{ disk }] });
  old.openReady();
  const id = old.send(read(1));
  old.settle();
  const state = throughJson(old.vsp.save());
  const [request] = state.requests;
  const resumed = new StorageBench({ disks: [{ disk: new TestDisk() }] });

  resumed.vsp.restore({ ...state, requests: [{ ...request!, ranges: [[2 ** 45, 512]] }] });
  resumed.open();
  resumed.settle();

  expect(resumed.take(id)).toMatchObject({ srbStatus: SrbStatus.InvalidRequest, length: 0 });
});
