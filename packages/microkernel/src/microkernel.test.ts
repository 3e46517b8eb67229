import { describe, expect, test } from 'vitest';
import { machine } from './machine-fixture.ts';
import { Access } from './memory/slat.ts';
import { PAGE_SIZE } from './memory/node.ts';
import { CHILD_PRIVILEGES } from './partition/privileges.ts';
import { HvStatus } from './status.ts';
import { Microkernel } from './microkernel.ts';
import { PartitionWord, State, VpWord } from './state/layout.ts';
import { At } from './synic/layout.ts';

describe('partitions', () => {
  test('the first partition is the root, with id 1, and later ids differ from all before', () => {
    const { kernel, child } = machine();

    kernel.finalizePartition(child);
    kernel.deletePartition(child);
    const next = kernel.createPartition({ node: 0, gpaPages: 16, privileges: CHILD_PRIVILEGES });

    expect(machine().root).toBe(1);
    expect(next).toBeGreaterThan(1);
    expect(next).not.toBe(child);
    expect(kernel.initializePartition(child)).toBe(HvStatus.InvalidPartitionId);
  });

  test('a partition goes from created to active to finalized, and no other way', () => {
    const { kernel } = machine();
    const id = kernel.createPartition({ node: 0, gpaPages: 16, privileges: CHILD_PRIVILEGES });

    expect(kernel.createVp(id, 0)).toBe(HvStatus.InvalidPartitionState);
    expect(kernel.finalizePartition(id)).toBe(HvStatus.InvalidPartitionState);
    expect(kernel.initializePartition(id)).toBe(HvStatus.Success);
    expect(kernel.initializePartition(id)).toBe(HvStatus.InvalidPartitionState);
    expect(kernel.createVp(id, 0)).toBe(HvStatus.Success);
    expect(kernel.deletePartition(id)).toBe(HvStatus.InvalidPartitionState);
    expect(kernel.finalizePartition(id)).toBe(HvStatus.Success);
    expect(kernel.createVp(id, 1)).toBe(HvStatus.InvalidPartitionState);
    expect(kernel.mapGpaPages(id, 0, 64, 1, Access.All)).toBe(HvStatus.InvalidPartitionState);
    expect(kernel.deletePartition(id)).toBe(HvStatus.Success);
    expect(kernel.deletePartition(id)).toBe(HvStatus.InvalidPartitionId);
  });

  test('a partition that was never initialized can be deleted', () => {
    const { kernel } = machine();
    const id = kernel.createPartition({ node: 0, gpaPages: 16, privileges: 0n });

    expect(kernel.deletePartition(id)).toBe(HvStatus.Success);
  });

  test('the root cannot be deleted while it has children', () => {
    const { kernel, root, child } = machine();
    kernel.finalizePartition(root);

    expect(kernel.deletePartition(root)).toBe(HvStatus.ObjectInUse);
    kernel.finalizePartition(child);
    kernel.deletePartition(child);
    expect(kernel.deletePartition(root)).toBe(HvStatus.Success);
  });

  test('creation fails with a status when nothing more fits', () => {
    const { kernel } = machine({ partitions: 3 });

    expect(kernel.createPartition({ node: 0, gpaPages: 16, privileges: 0n })).toBeGreaterThan(0);
    expect(kernel.createPartition({ node: 0, gpaPages: 16, privileges: 0n })).toBe(-HvStatus.NoResources);
    expect(kernel.createPartition({ node: 5, gpaPages: 16, privileges: 0n })).toBe(-HvStatus.InvalidParameter);
    expect(kernel.createPartition({ node: 0, gpaPages: 0, privileges: 0n })).toBe(-HvStatus.InvalidParameter);
    expect(kernel.createPartition({ node: 0, gpaPages: 1 << 20, privileges: 0n })).toBe(-HvStatus.InsufficientMemory);
  });

  test('a thousand partitions that come and go leave the state as it was', () => {
    const { kernel, state, root } = machine();
    const cycle = (): void => {
      const id = kernel.createPartition({ node: 0, gpaPages: 64, privileges: CHILD_PRIVILEGES });
      kernel.initializePartition(id);
      const page = kernel.allocatePages(0, 8);
      kernel.mapGpaPages(id, 0, page, 8, Access.All);
      kernel.createVp(id, 0);
      kernel.createVp(id, 1);
      const vp = kernel.vp(id, 0);
      vp.writeMsr(0x40000000, 1n);
      vp.writeMsr(0x40000001, 0x1001n);
      vp.writeMsr(0x40000021, 0x2001n);
      vp.writeMsr(0x40000073, 0x3001n);
      vp.writeMsr(0x40000083, 0x4001n);
      kernel.createPort(id, 1, { kind: 'message', sint: 2, vp: 0 });
      kernel.connectPort(root, 77, id, 1);
      kernel.disconnectPort(root, 77);
      kernel.connectPort(id, 1, root, 5);
      kernel.assertInterrupt(id, 1, 0x41);
      kernel.finalizePartition(id);
      kernel.freePages(0, page, 8);
      kernel.deletePartition(id);
    };
    cycle();
    const before = { ...kernel.inspect(), pages: kernel.freePageCount(0) };
    const words = lastingWords(state);

    for (let n = 0; n < 999; n++) cycle();

    expect({ ...kernel.inspect(), pages: kernel.freePageCount(0) }).toEqual(before);
    expect(Buffer.compare(Buffer.from(lastingWords(state).buffer), Buffer.from(words.buffer))).toBe(0);
  });
});

describe('memory', () => {
  test('pages that are handed out again are zero', () => {
    const { kernel, node } = machine();
    const page = kernel.allocatePages(0, 3);
    node.bytes.fill(0x5a, page * PAGE_SIZE, (page + 3) * PAGE_SIZE);
    kernel.freePages(0, page, 3);

    const again = kernel.allocatePages(0, 3);

    expect(again).toBe(page);
    expect(node.bytes.subarray(again * PAGE_SIZE, (again + 3) * PAGE_SIZE).every((byte) => byte === 0)).toBe(true);
  });

  test('a page cannot be freed twice, nor one that holds the allocator itself', () => {
    const { kernel, node } = machine();
    const page = kernel.allocatePages(0, 1);
    kernel.freePages(0, page, 1);

    expect(() => kernel.freePages(0, page, 1)).toThrow('a page is freed once');
    expect(() => kernel.freePages(0, node.pages - 1, 1)).toThrow('in the node');
  });

  test('a partition cannot be given pages outside its node, among its allocator’s, or rights without read', () => {
    const { kernel, child, node } = machine();

    expect(kernel.mapGpaPages(child, 0, node.pages, 1, Access.All)).toBe(HvStatus.InvalidParameter);
    expect(kernel.mapGpaPages(child, 0, node.pages - 1, 1, Access.All)).toBe(HvStatus.InvalidParameter);
    expect(kernel.mapGpaPages(child, 0, 100, 1, Access.Write)).toBe(HvStatus.InvalidParameter);
    expect(kernel.mapGpaPages(child, 0, 100, 1, 0)).toBe(HvStatus.InvalidParameter);
    expect(kernel.mapGpaPages(child, 63, 100, 2, Access.All)).toBe(HvStatus.InvalidParameter);
    expect(kernel.mapGpaPages(child, -1, 100, 1, Access.All)).toBe(HvStatus.InvalidParameter);
  });

  test('a new partition maps nothing, also where its table was another partition’s', () => {
    const { kernel, child } = machine();
    kernel.finalizePartition(child);
    kernel.deletePartition(child);
    const next = kernel.createPartition({ node: 0, gpaPages: 64, privileges: 0n });

    for (let page = 0; page < 64; page++) expect(kernel.memory(next).locate(page * PAGE_SIZE, 1, 0)).toBe(-1);
  });

  test('a thread without the node refuses what needs it and throws only at the host', () => {
    const { state, clock, child } = machine();
    const elsewhere = new Microkernel({ state, clock });

    expect(elsewhere.mapGpaPages(child, 0, 100, 1, Access.All)).toBe(HvStatus.OperationDenied);
    expect(elsewhere.finalizePartition(child)).toBe(HvStatus.OperationDenied);
    expect(elsewhere.deletePartition(child)).toBe(HvStatus.OperationDenied);
    expect(elsewhere.createPartition({ node: 0, gpaPages: 1, privileges: 0n })).toBe(-HvStatus.InvalidParameter);
    expect(elsewhere.allocatePages(0, 1)).toBe(-1);
    expect(() => elsewhere.memory(child)).toThrow('attached');
  });

  test('a node is forgotten only when no partition lives on it, and can then stand for another buffer', () => {
    const { kernel, root, child } = machine();
    expect(kernel.releaseNode(0)).toBe(HvStatus.ObjectInUse);
    for (const id of [child, root]) {
      kernel.finalizePartition(id);
      kernel.deletePartition(id);
    }

    expect(kernel.releaseNode(0)).toBe(HvStatus.Success);

    const other = kernel.attachNode({ id: 0, buffer: new SharedArrayBuffer(64 * PAGE_SIZE) });
    expect(other.pages).toBe(64);
    expect(kernel.allocatePages(0, 62)).toBe(0);
    expect(kernel.allocatePages(0, 1)).toBe(-1);
  });
});

describe('virtual processors', () => {
  test('a handle that outlived its VP does nothing to the VP that has its place', () => {
    const { kernel, child } = machine();
    const old = kernel.vp(child, 0);
    kernel.deleteVp(child, 0);
    kernel.createVp(child, 0);
    kernel.assertInterrupt(child, 0, 0x50);

    old.registers.set([0x1005d, 0, 1, 0]);
    old.hypercall();

    expect(old.alive).toBe(false);
    expect(old.registers[6]).toBe(HvStatus.InvalidVpState);
    expect(old.takeInterrupt()).toBe(-1);
    expect(old.interruptPending).toBe(false);
    expect(typeof old.readMsr(0x40000002)).toBe('symbol');
    expect(kernel.vp(child, 0) === old).toBe(false);
    expect(kernel.vp(child, 0).takeInterrupt()).toBe(0x50);
  });

  test('deleting a VP rings it, so that a thread that sleeps there ends', () => {
    const { kernel, child } = machine();
    const { words, counter } = kernel.vp(child, 0).doorbell;
    const before = Atomics.load(words, counter);

    kernel.deleteVp(child, 0);

    expect(Atomics.load(words, counter)).not.toBe(before);
  });

  test('interrupts are taken from the highest vector down, once each, above the task priority', () => {
    const { kernel, child } = machine();
    const vp = kernel.vp(child, 0);
    for (const vector of [0x31, 0xf3, 0x80, 0x31]) kernel.assertInterrupt(child, 0, vector);
    vp.writeMsr(0x40000072, 0x30n);

    expect([vp.takeInterrupt(), vp.takeInterrupt(), vp.takeInterrupt()]).toEqual([0xf3, 0x80, -1]);
    vp.writeMsr(0x40000072, 0n);
    expect([vp.takeInterrupt(), vp.takeInterrupt()]).toEqual([0x31, -1]);
  });

  test('an interrupt to a VP that is not there, or of an exception vector, is refused', () => {
    const { kernel, child } = machine();

    expect(kernel.assertInterrupt(child, 9, 0x41)).toBe(HvStatus.InvalidVpIndex);
    expect(kernel.assertInterrupt(child, -1, 0x41)).toBe(HvStatus.InvalidVpIndex);
    expect(kernel.assertInterrupt(child, 0, 15)).toBe(HvStatus.InvalidParameter);
    expect(kernel.assertInterrupt(child, 0, 256)).toBe(HvStatus.InvalidParameter);
    expect(kernel.assertInterrupt(999, 0, 0x41)).toBe(HvStatus.InvalidPartitionId);
  });

  test('a child has the VPs its limit allows, and the root as many as there are', () => {
    const { kernel, root, child } = machine({ vpsPerPartition: 2, vps: 8 });

    expect(kernel.createVp(child, 2)).toBe(HvStatus.InvalidVpIndex);
    expect(kernel.createVp(child, 0)).toBe(HvStatus.ObjectInUse);
    for (let index = 1; index < 7; index++) expect(kernel.createVp(root, index)).toBe(HvStatus.Success);
    expect(kernel.createVp(child, 1)).toBe(HvStatus.NoResources);
  });

  test('a VP other than 0 is started once', () => {
    const { kernel, child } = machine();
    kernel.createVp(child, 1);
    const vp = kernel.vp(child, 1);
    expect(vp.started).toBe(false);

    expect(kernel.startVp(child, 1, 0x8000n)).toBe(HvStatus.Success);

    expect([vp.started, vp.entry]).toEqual([true, 0x8000n]);
    expect(kernel.startVp(child, 1)).toBe(HvStatus.InvalidVpState);
    expect(kernel.startVp(child, 0)).toBe(HvStatus.InvalidVpState);
  });
});

test('an idle microkernel has written to its header alone', () => {
  const state = Microkernel.createState();

  expect(countNonZero(state)).toBeLessThan(16);
});

function countNonZero(state: SharedArrayBuffer): number {
  let count = 0;
  for (const word of new Int32Array(state)) if (word !== 0) count++;
  return count;
}

/**
 * A copy of the state before the port table, without what tells one life of a record from the next and so must differ:
 * generations, doorbells, and the count and positions in a ring that outlive the mail in it.
 */
function lastingWords(buffer: SharedArrayBuffer): Int32Array {
  const state = new State(buffer);
  const copy = new Int32Array(new SharedArrayBuffer(state.ports * 4)).fill(0);
  copy.set(state.words.subarray(0, state.ports));
  for (let slot = 0; slot < state.limits.partitions; slot++) copy[state.partition(slot) + PartitionWord.Generation] = 0;
  for (let slot = 0; slot < state.limits.vps; slot++) {
    copy[state.vp(slot) + VpWord.Generation] = 0;
    copy[state.vp(slot) + VpWord.Doorbell] = 0;
    for (const word of [At.Incarnation, At.InboxHead, At.InboxTail]) copy[state.synicVp(slot) + word] = 0;
  }
  return new Int32Array(copy);
}
