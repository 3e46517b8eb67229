import { describe, expect, test } from 'vitest';
import { machine, type TestMachine } from '../machine-fixture.ts';
import { Access } from '../memory/slat.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { CHILD_PRIVILEGES, ROOT_PRIVILEGES } from '../partition/privileges.ts';
import { HvStatus } from '../status.ts';
import { outputWord, rawCall, slowCall, words64 } from './call-fixture.ts';
import { controlWord } from './control.ts';

const SELF = 0xffff_ffff_ffff_ffffn;
const VP_SELF = 0xffff_fffen;

/** Creates a partition by hypercall, as the root's VP. */
function createByCall({ rootVp }: TestMachine): bigint {
  slowCall(rootVp, 0x40, words64(0n, 0n));
  return outputWord(rootVp);
}

describe('partition calls', () => {
  test('a partition made by call lives its life by calls', () => {
    const it = machine();
    const id = createByCall(it);

    expect(slowCall(it.rootVp, 0x4e, words64(id, 0n, 0n, 0n, 0n)).status).toBe(HvStatus.InvalidPartitionState);
    expect(slowCall(it.rootVp, 0x41, words64(id)).status).toBe(0);
    expect(slowCall(it.rootVp, 0x4e, words64(id, 0n, 0n, 0n, 0n)).status).toBe(0);
    expect(it.kernel.vp(Number(id), 0).alive).toBe(true);
    expect(slowCall(it.rootVp, 0x4f, words64(id, 0n)).status).toBe(0);
    expect(slowCall(it.rootVp, 0x4f, words64(id, 0n)).status).toBe(HvStatus.InvalidVpIndex);
    expect(slowCall(it.rootVp, 0x42, words64(id)).status).toBe(0);
    expect(slowCall(it.rootVp, 0x43, words64(id)).status).toBe(0);
    expect(slowCall(it.rootVp, 0x43, words64(id)).status).toBe(HvStatus.InvalidPartitionId);
  });

  test('creation flags that nothing knows, and a node that is not there, are refused', () => {
    const { rootVp } = machine();

    expect(slowCall(rootVp, 0x40, words64(1n, 0n)).status).toBe(HvStatus.InvalidParameter);
    expect(slowCall(rootVp, 0x40, words64(0n, 0x8000_0000_0000_0003n)).status).toBe(HvStatus.InvalidParameter);
  });

  test('a partition learns its own id, and its children in turn', () => {
    const it = machine();
    const second = createByCall(it);

    slowCall(it.rootVp, 0x46, new Uint8Array(0));
    expect(outputWord(it.rootVp)).toBe(1n);
    slowCall(it.rootVp, 0x47, words64(SELF, 0n));
    expect(outputWord(it.rootVp)).toBe(BigInt(it.child));
    slowCall(it.rootVp, 0x47, words64(SELF, BigInt(it.child)));
    expect(outputWord(it.rootVp)).toBe(second);
    slowCall(it.rootVp, 0x47, words64(SELF, second));
    expect(outputWord(it.rootVp)).toBe(0n);
  });

  test('properties are read, set within bounds, and refused when unknown or read-only', () => {
    const { rootVp, child, clock, kernel } = machine();
    const id = BigInt(child);
    clock.time += 1234;

    expect(slowCall(rootVp, 0x45, words64(id, 0x00020003n, 250n)).status).toBe(0);
    slowCall(rootVp, 0x44, words64(id, 0x00020003n));
    expect([outputWord(rootVp), kernel.getProperty(child, 0x00020003)]).toEqual([250n, 250n]);
    expect(slowCall(rootVp, 0x45, words64(id, 0x00020003n, 0n)).status).toBe(HvStatus.PropertyValueOutOfRange);
    expect(slowCall(rootVp, 0x45, words64(id, 0x00020002n, 100_001n)).status).toBe(HvStatus.PropertyValueOutOfRange);
    expect(slowCall(rootVp, 0x45, words64(id, 0x00030005n, 0n)).status).toBe(HvStatus.OperationDenied);
    expect(slowCall(rootVp, 0x45, words64(id, 0x00099999n, 0n)).status).toBe(HvStatus.UnknownProperty);
    slowCall(rootVp, 0x44, words64(id, 0x00030005n));
    expect(outputWord(rootVp)).toBe(1234n);
  });

  test('privileges are settled before a partition runs', () => {
    const it = machine();
    const id = createByCall(it);

    expect(slowCall(it.rootVp, 0x45, words64(id, 0x00010000n, 0x20n)).status).toBe(0);
    slowCall(it.rootVp, 0x41, words64(id));
    expect(slowCall(it.rootVp, 0x45, words64(id, 0x00010000n, 0x40n)).status).toBe(HvStatus.InvalidPartitionState);
    expect(it.kernel.getProperty(Number(id), 0x00010000)).toBe(0x20n);
  });

  test('a parent gives a child pages of its own, with no more rights than it has, and takes them back', () => {
    const it = machine();
    const { kernel, rootVp, root } = it;
    const id = createByCall(it);
    kernel.mapGpaPages(root, 63, kernel.allocatePages(0, 1), 1, Access.Read);
    rootVp.memory.write(20 * PAGE_SIZE, words64(0x5eedn));

    expect(slowCall(rootVp, 0x4b, words64(id, 4n, 3n, 20n, 21n), { repCount: 2 })).toEqual({ status: 0, reps: 2 });
    const seen = new Uint8Array(8);
    expect(kernel.memory(Number(id)).read(4 * PAGE_SIZE, seen)).toBe(true);
    expect(seen).toEqual(words64(0x5eedn));
    expect(slowCall(rootVp, 0x4b, words64(id, 4n, 3n, 63n), { repCount: 1 }).status).toBe(HvStatus.InvalidParameter);
    expect(slowCall(rootVp, 0x4b, words64(id, 4n, 1n, 63n), { repCount: 1 }).status).toBe(0);
    expect(slowCall(rootVp, 0x4b, words64(id, 4n, 3n, 9999n), { repCount: 1 }).status).toBe(HvStatus.InvalidParameter);
    expect(slowCall(rootVp, 0x4b, words64(id, 64n, 3n, 20n), { repCount: 1 }).status).toBe(HvStatus.InvalidParameter);
    expect(slowCall(rootVp, 0x4b, words64(id, 4n, 0x10n, 20n), { repCount: 1 }).status).toBe(HvStatus.InvalidParameter);

    expect(slowCall(rootVp, 0x4c, words64(id, 4n, 0n), { repCount: 2 })).toEqual({ status: 0, reps: 2 });
    expect(kernel.memory(Number(id)).read(4 * PAGE_SIZE, seen)).toBe(false);
  });
});

describe('reach', () => {
  const CALLS_ON_A_PARTITION = [0x41, 0x42, 0x43, 0x44, 0x45, 0x4b, 0x4c, 0x4e, 0x4f, 0x50, 0x51, 0x57, 0x58, 0x99];

  test('a child cannot reach the root or a sibling by any call, whatever its privileges', () => {
    const { kernel, root, childVp } = machine({}, ROOT_PRIVILEGES);
    const sibling = kernel.createPartition({ node: 0, gpaPages: 64, privileges: CHILD_PRIVILEGES });
    kernel.initializePartition(sibling);
    kernel.createVp(sibling, 0);
    const before = JSON.stringify((kernel.inspect() as { partitions: Record<number, unknown> }).partitions[sibling]);

    for (const target of [root, sibling]) {
      for (const code of CALLS_ON_A_PARTITION) {
        const reps = [0x4b, 0x4c, 0x50, 0x51].includes(code) ? { repCount: 1 } : {};
        const { status } = slowCall(childVp, code, words64(BigInt(target), 0n, 0n, 0n, 0n, 0n, 0n), reps);
        expect([code.toString(16), status]).toEqual([code.toString(16), HvStatus.AccessDenied]);
      }
      const connect = words64(BigInt(target), 5n, BigInt(target), 1n, 1n, 0n, 0n, 0n, 0n);
      expect(slowCall(childVp, 0x59, connect).status).toBe(HvStatus.AccessDenied);
      expect(slowCall(childVp, 0x94, words64(BigInt(target), 0n, 0n, 0x41n)).status).toBe(HvStatus.AccessDenied);
    }

    expect(JSON.stringify((kernel.inspect() as { partitions: Record<number, unknown> }).partitions[sibling])).toBe(
      before,
    );
  });

  test('no partition deletes, re-privileges or re-maps itself', () => {
    const { rootVp } = machine();

    for (const code of [0x41, 0x42, 0x43, 0x45, 0x4e, 0x4f]) {
      expect(slowCall(rootVp, code, words64(SELF, 0n, 0n, 0n, 0n)).status).toBe(HvStatus.AccessDenied);
    }
    expect(slowCall(rootVp, 0x4b, words64(1n, 0n, 7n, 3n), { repCount: 1 }).status).toBe(HvStatus.AccessDenied);
  });

  test('a partition that does not exist is InvalidPartitionId, also where its number is no id at all', () => {
    const { rootVp } = machine();

    for (const id of [0n, 999n, 0x8000_0000n, 0xffff_ffff_ffff_fffen]) {
      expect(slowCall(rootVp, 0x41, words64(id)).status).toBe(HvStatus.InvalidPartitionId);
    }
  });
});

describe('virtual processor calls', () => {
  test('synthetic registers of a VP that waits are written and read by its parent', () => {
    const { kernel, child, rootVp } = machine();
    kernel.createVp(child, 1);
    const header = [BigInt(child), 1n] as const;
    const tpr = 0x90012n;

    expect(slowCall(rootVp, 0x51, words64(...header, tpr, 0n, 0x30n, 0n), { repCount: 1 }).status).toBe(0);
    expect(kernel.vp(child, 1).readMsr(0x40000072)).toBe(0x30n);
    expect(slowCall(rootVp, 0x50, words64(...header, tpr), { repCount: 1 }).status).toBe(0);
    expect(outputWord(rootVp)).toBe(0x30n);
    kernel.startVp(child, 1);
    const late = slowCall(rootVp, 0x51, words64(...header, tpr, 0n, 0n, 0n), { repCount: 1 });
    expect(late).toEqual({ status: HvStatus.InvalidVpState, reps: 0 });
    const noVp = slowCall(rootVp, 0x50, words64(BigInt(child), 3n, tpr), { repCount: 1 });
    expect(noVp.status).toBe(HvStatus.InvalidVpIndex);
  });

  test('a partition starts its own waiting VP, once', () => {
    const { kernel, root, rootVp } = machine();
    kernel.createVp(root, 1);
    const input = words64(SELF, 1n, 0x1234n, ...Array.from({ length: 27 }, () => 0n));

    expect(slowCall(rootVp, 0x99, input).status).toBe(0);

    expect([kernel.vp(root, 1).started, kernel.vp(root, 1).entry]).toEqual([true, 0x1234n]);
    expect(slowCall(rootVp, 0x99, input).status).toBe(HvStatus.InvalidVpState);
    const self = words64(SELF, VP_SELF, ...Array.from({ length: 28 }, () => 0n));
    expect(slowCall(rootVp, 0x99, self).status).toBe(HvStatus.InvalidVpState);
  });

  test('long spin waits are counted', () => {
    const { kernel, child, childVp } = machine();
    rawCall(childVp, controlWord(8, { fast: true }), 0x10n);

    const { partitions } = kernel.inspect() as { partitions: Record<number, { vps: Record<number, unknown> }> };
    expect(partitions[child]!.vps[0]).toMatchObject({ spinWaits: 1 });
  });
});

describe('ports, messages and events', () => {
  test('a port and a connection made by call carry a signal', () => {
    const { child, root, rootVp, childVp, kernel } = machine();
    const sint = 2n;
    const createEventPort = words64(SELF, 7n, BigInt(child), 2n, sint, (3n << 0n) | (1n << 16n), 0n);
    const connect = words64(BigInt(child), 0x2003n, BigInt(root), 7n, 2n, 0n, 0n, 0n, 0n);
    for (const [msr, value] of [
      [0x40000082, 0xb001n],
      [0x40000092, 0x200f3n],
      [0x40000080, 1n],
    ] as const) {
      rootVp.writeMsr(msr, value);
    }

    expect(slowCall(rootVp, 0x57, createEventPort).status).toBe(0);
    expect(slowCall(rootVp, 0x59, connect).status).toBe(0);
    expect(rawCall(childVp, controlWord(0x5d, { fast: true }), 0x2003n).status).toBe(0);
    expect(rootVp.takeInterrupt()).toBe(0xf3);
    const flags = new Uint8Array(1);
    rootVp.memory.read(0xb000 + 0x200, flags);
    expect(flags[0]).toBe(1 << 3);

    expect(slowCall(rootVp, 0x5b, words64(BigInt(child), 0x2003n)).status).toBe(0);
    expect(rawCall(childVp, controlWord(0x5d, { fast: true }), 0x2003n).status).toBe(HvStatus.InvalidConnectionId);
    expect(slowCall(rootVp, 0x58, words64(SELF, 7n)).status).toBe(0);
    expect(slowCall(rootVp, 0x58, words64(SELF, 7n)).status).toBe(HvStatus.InvalidPortId);
    expect(kernel.signalEvent(child, 0x2003, 0)).toBe(HvStatus.InvalidConnectionId);
  });

  test('Y23: a signal or message to a connection that nobody made is answered, not dropped', () => {
    const { childVp } = machine();
    const message = words64(99n, (8n << 32n) | 1n, 0n);

    expect(rawCall(childVp, controlWord(0x5d, { fast: true }), 99n).status).toBe(HvStatus.InvalidConnectionId);
    expect(slowCall(childVp, 0x5d, words64(99n)).status).toBe(HvStatus.InvalidConnectionId);
    expect(slowCall(childVp, 0x5c, message).status).toBe(HvStatus.InvalidConnectionId);
  });

  test('a message longer than 240 bytes, or reserved bits of a signal, are refused', () => {
    const { childVp } = machine();

    expect(slowCall(childVp, 0x5c, words64(1n, (241n << 32n) | 1n)).status).toBe(HvStatus.InvalidParameter);
    expect(rawCall(childVp, controlWord(0x5d, { fast: true }), 1n << 48n).status).toBe(HvStatus.InvalidParameter);
    expect(slowCall(childVp, 0x5d, words64(1n << 48n)).status).toBe(HvStatus.InvalidParameter);
  });

  test('a port of a kind that is not offered is refused', () => {
    const { rootVp } = machine();
    const monitor = 3n;

    expect(slowCall(rootVp, 0x57, words64(SELF, 9n, 0n, monitor, 2n, 0n, 0n)).status).toBe(HvStatus.InvalidParameter);
  });
});

describe('interrupts and output', () => {
  test('a cluster IPI reaches the VPs that the mask names, fast and slow', () => {
    const { kernel, child, childVp } = machine();
    kernel.createVp(child, 1);
    const other = kernel.vp(child, 1);

    expect(rawCall(childVp, controlWord(0x0b, { fast: true }), 0x55n, 0b10n).status).toBe(0);
    expect([childVp.takeInterrupt(), other.takeInterrupt()]).toEqual([-1, 0x55]);
    expect(slowCall(childVp, 0x0b, words64(0x56n, 0b11n)).status).toBe(0);
    expect([childVp.takeInterrupt(), other.takeInterrupt()]).toEqual([0x56, 0x56]);
    expect(rawCall(childVp, controlWord(0x0b, { fast: true }), 0x0fn, 1n).status).toBe(HvStatus.InvalidParameter);
    expect(rawCall(childVp, controlWord(0x0b, { fast: true }), 0x1_0000_0055n, 1n).status).toBe(5);
  });

  test('an IPI to all reaches each VP of the partition and no other', () => {
    const { kernel, child, childVp, rootVp } = machine();
    kernel.createVp(child, 3);

    expect(slowCall(childVp, 0x15, words64(0x60n, 1n, 0n)).status).toBe(0);

    expect(childVp.takeInterrupt()).toBe(0x60);
    expect(kernel.vp(child, 3).takeInterrupt()).toBe(0x60);
    expect(rootVp.takeInterrupt()).toBe(-1);
  });

  test('a parent asserts a fixed interrupt at its child', () => {
    const { child, childVp, rootVp } = machine();
    const fixed = 0n;
    const nmi = 4n;

    expect(slowCall(rootVp, 0x94, words64(BigInt(child), fixed, 0n, 0x41n)).status).toBe(0);
    expect(childVp.takeInterrupt()).toBe(0x41);
    expect(slowCall(rootVp, 0x94, words64(BigInt(child), nmi, 0n, 0x41n)).status).toBe(HvStatus.InvalidParameter);
    expect(slowCall(rootVp, 0x94, words64(BigInt(child), fixed, 2n ** 60n, 0x41n)).status).toBe(14);
  });

  test('debug output goes to the outside byte by byte, and is to be tried again when that is full', () => {
    const written: [number, number][] = [];
    const { child, childVp } = machine({}, CHILD_PRIVILEGES, {
      output: (partition, byte) => written.length < 2 && written.push([partition, byte]) > 0,
    });

    const statuses = [72n, 105n, 33n].map((byte) => rawCall(childVp, controlWord(0x71, { fast: true }), byte).status);

    expect(statuses).toEqual([0, 0, HvStatus.InsufficientBuffers]);
    expect(written).toEqual([
      [child, 72],
      [child, 105],
    ]);
  });
});
