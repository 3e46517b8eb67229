import { describe, expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { Access } from '../memory/slat.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { CHILD_PRIVILEGES, Privilege, privilegeMask, ROOT_PRIVILEGES } from '../partition/privileges.ts';
import { HvStatus } from '../status.ts';
import { INPUT_GPA, OUTPUT_GPA, outputWord, rawCall, slowCall, words64 } from './call-fixture.ts';
import { controlWord } from './control.ts';
import { hypercalls } from './table.ts';

const POST_MESSAGE = 0x5c;
const SIGNAL_EVENT = 0x5d;
const GET_PARTITION_ID = 0x46;
const GET_REGISTERS = 0x50;
const SELF = 0xffff_ffff_ffff_ffffn;
const VP_SELF = 0xffff_fffen;
const VP_INDEX_REGISTER = 0x90003;

describe('checks, in their order', () => {
  test('a reserved bit of the control word is refused before the code is looked at', () => {
    const { childVp } = machine();

    for (const bit of [27n, 28n, 29n, 30n, 31n, 44n, 47n, 60n, 63n]) {
      expect(rawCall(childVp, 0x7777n | (1n << bit)).status).toBe(HvStatus.InvalidHypercallInput);
    }
  });

  test('a code that nobody declared is InvalidHypercallCode, whatever else is wrong', () => {
    const { childVp } = machine();

    expect(rawCall(childVp, controlWord(0x7777, { repCount: 3 }), 1n, 1n).status).toBe(HvStatus.InvalidHypercallCode);
    expect(rawCall(childVp, 0n).status).toBe(HvStatus.InvalidHypercallCode);
  });

  test('rep fields on a simple call, and none or a start past the end on a rep call, come before alignment', () => {
    const { childVp, rootVp } = machine();
    const misaligned = 1n;

    expect(rawCall(childVp, controlWord(POST_MESSAGE, { repCount: 1 }), misaligned).status).toBe(3);
    expect(rawCall(childVp, controlWord(POST_MESSAGE, { repStart: 1 }), misaligned).status).toBe(3);
    expect(rawCall(rootVp, controlWord(GET_REGISTERS), misaligned).status).toBe(3);
    expect(rawCall(rootVp, controlWord(GET_REGISTERS, { repCount: 2, repStart: 2 }), misaligned).status).toBe(3);
    expect(rawCall(childVp, controlWord(POST_MESSAGE, { variableUnits: 1 }), misaligned).status).toBe(3);
  });

  test('a call that has no fast form, for its size, output or reps, is refused as fast', () => {
    const { rootVp } = machine();

    for (const code of [POST_MESSAGE, GET_PARTITION_ID]) {
      expect(rawCall(rootVp, controlWord(code, { fast: true })).status).toBe(HvStatus.InvalidHypercallInput);
    }
    const rep = controlWord(GET_REGISTERS, { fast: true, repCount: 1 });
    expect(rawCall(rootVp, rep).status).toBe(HvStatus.InvalidHypercallInput);
  });

  test('Y14: input and output must be 8-byte aligned, within a page, within the GPA space', () => {
    const { rootVp } = machine();
    const post = controlWord(POST_MESSAGE);
    const query = controlWord(GET_PARTITION_ID);

    expect(rawCall(rootVp, post, BigInt(INPUT_GPA + 4)).status).toBe(HvStatus.InvalidAlignment);
    expect(rawCall(rootVp, post, BigInt(INPUT_GPA + PAGE_SIZE - 248)).status).toBe(HvStatus.InvalidAlignment);
    expect(rawCall(rootVp, post, BigInt(64 * PAGE_SIZE)).status).toBe(HvStatus.InvalidAlignment);
    expect(rawCall(rootVp, post, 0xffff_ffff_ffff_fff8n).status).toBe(HvStatus.InvalidAlignment);
    expect(rawCall(rootVp, query, 0n, BigInt(OUTPUT_GPA + 1)).status).toBe(HvStatus.InvalidAlignment);
    expect(rawCall(rootVp, query, 0n, 0xffff_ffff_0000_0000n).status).toBe(HvStatus.InvalidAlignment);
    // The last place where it fits is a place: what is wrong then is the connection.
    expect(rawCall(rootVp, post, BigInt(INPUT_GPA + PAGE_SIZE - 256)).status).toBe(HvStatus.InvalidParameter);
  });

  test('Y14: an input list that grows past its page with the rep count is refused', () => {
    const { rootVp } = machine();
    const most = Math.floor((PAGE_SIZE - 16) / 32);

    expect(slowCall(rootVp, 0x51, words64(SELF, VP_SELF), { repCount: most + 1 }).status).toBe(4);
    expect(slowCall(rootVp, 0x51, words64(SELF, VP_SELF), { repCount: most }).status).toBe(5);
  });

  test('Y14: both pages must allow the access, and are checked before the privilege', () => {
    const { kernel, root, rootVp, childVp } = machine();
    const query = controlWord(GET_PARTITION_ID);
    const hole = BigInt(63 * PAGE_SIZE);

    expect(rawCall(childVp, controlWord(POST_MESSAGE), hole).status).toBe(HvStatus.AccessDenied);
    expect(rawCall(rootVp, query, 0n, hole).status).toBe(HvStatus.AccessDenied);
    kernel.mapGpaPages(root, 63, kernel.allocatePages(0, 1), 1, Access.Read);
    expect(rawCall(rootVp, query, 0n, hole).status).toBe(HvStatus.AccessDenied);
    expect(rawCall(rootVp, query, 0n, BigInt(OUTPUT_GPA)).status).toBe(HvStatus.Success);
  });

  test('every call that has a privilege is refused without it, and none of the others is', () => {
    for (const call of hypercalls.values()) {
      const { childVp } = machine({}, 0n);
      const reps = call.rep === undefined ? {} : { repCount: 1 };

      const { status } = slowCall(childVp, call.code, new Uint8Array(PAGE_SIZE), reps);

      expect([call.name, status === HvStatus.AccessDenied]).toEqual([call.name, call.privilege !== undefined]);
    }
  });

  test('a fast SignalEvent without the privilege is refused as a slow one is', () => {
    const { childVp } = machine({}, 0n);

    expect(rawCall(childVp, controlWord(SIGNAL_EVENT, { fast: true })).status).toBe(HvStatus.AccessDenied);
    expect(slowCall(childVp, SIGNAL_EVENT, words64(0n)).status).toBe(HvStatus.AccessDenied);
  });
});

describe('running', () => {
  test('a call that fails leaves the output page as it was', () => {
    const { rootVp } = machine();
    rootVp.memory.write(OUTPUT_GPA, words64(0x1111n));

    const { status } = slowCall(rootVp, 0x44, words64(SELF, 0x7777n));

    expect([status, outputWord(rootVp)]).toEqual([HvStatus.UnknownProperty, 0x1111n]);
  });

  test('Y14: output may lie where the input was, as the input was copied first', () => {
    const { rootVp } = machine();
    rootVp.memory.write(INPUT_GPA, words64(SELF, 0x00020003n));

    const { status } = rawCall(rootVp, controlWord(0x44), BigInt(INPUT_GPA), BigInt(INPUT_GPA));

    const answer = new Uint8Array(16);
    rootVp.memory.read(INPUT_GPA, answer);
    expect([status, answer]).toEqual([0, words64(100n, 0x00020003n)]);
  });

  test('Y15: a rep call reports the reps complete from 0 on, and begins at the start index', () => {
    const { rootVp } = machine();
    const names = new Uint8Array(new Uint32Array([VP_INDEX_REGISTER, 0x90002, VP_INDEX_REGISTER]).buffer);
    const input = new Uint8Array([...words64(SELF, VP_SELF), ...names]);
    rootVp.writeMsr(0x40000000, 0x8100n);
    rootVp.memory.fill(OUTPUT_GPA, 0xee, 64);

    const whole = slowCall(rootVp, GET_REGISTERS, input, { repCount: 3 });
    expect([whole, outputWord(rootVp, 2)]).toEqual([{ status: 0, reps: 3 }, 0x8100n]);

    rootVp.memory.fill(OUTPUT_GPA, 0xee, 64);
    const rest = slowCall(rootVp, GET_REGISTERS, input, { repCount: 3, repStart: 1 });
    expect(rest).toEqual({ status: 0, reps: 3 });
    expect([outputWord(rootVp, 0), outputWord(rootVp, 2)]).toEqual([0xeeee_eeee_eeee_eeeen, 0x8100n]);
  });

  test('Y15: a rep call that fails half-way reports what it completed, with its output', () => {
    const { rootVp } = machine();
    const names = new Uint8Array(new Uint32Array([VP_INDEX_REGISTER, 0x77, VP_INDEX_REGISTER]).buffer);
    rootVp.memory.fill(OUTPUT_GPA, 0xee, 64);

    const outcome = slowCall(rootVp, GET_REGISTERS, new Uint8Array([...words64(SELF, VP_SELF), ...names]), {
      repCount: 3,
    });

    expect(outcome).toEqual({ status: HvStatus.InvalidParameter, reps: 1 });
    expect([outputWord(rootVp, 0), outputWord(rootVp, 2)]).toEqual([0n, 0xeeee_eeee_eeee_eeeen]);
  });

  test('platform gotcha 8: a rep call never succeeds with fewer reps than asked', () => {
    const { rootVp, kernel, root } = machine();
    const id = BigInt(kernel.createPartition({ node: 0, gpaPages: 64, privileges: 0n }));
    const list = Array.from({ length: 40 }, (_, n) => BigInt(n));

    const outcome = slowCall(rootVp, 0x4b, words64(id, 0n, 3n, ...list), { repCount: 40 });

    expect(root).toBe(1);
    expect(outcome).toEqual({ status: 0, reps: 40 });
  });

  test('a variable header must be exactly as long as the banks it names', () => {
    const { kernel, child, childVp } = machine();
    kernel.createVp(child, 2);
    const input = words64(0x42n, 0n, 1n, 0b101n);

    expect(slowCall(childVp, 0x15, input, { variableUnits: 1 }).status).toBe(0);
    expect(slowCall(childVp, 0x15, input, { variableUnits: 2 }).status).toBe(3);
    expect(slowCall(childVp, 0x15, input).status).toBe(3);
    expect([kernel.vp(child, 0).takeInterrupt(), kernel.vp(child, 2).takeInterrupt()]).toEqual([0x42, 0x42]);
  });

  test('calls and refusals are counted by partition', () => {
    const { kernel, child, childVp } = machine();
    rawCall(childVp, controlWord(8, { fast: true }));
    rawCall(childVp, 0x7777n);
    rawCall(childVp, controlWord(SIGNAL_EVENT, { fast: true }), 99n);

    const { partitions } = kernel.inspect() as { partitions: Record<number, unknown> };
    expect(partitions[child]).toMatchObject({ hypercalls: 3, refusedHypercalls: 2 });
  });
});

test('the two standard masks are the ones that CPUID is expected to show', () => {
  expect(CHILD_PRIVILEGES).toBe(0x30_0000_0a7en);
  expect(ROOT_PRIVILEGES & CHILD_PRIVILEGES).toBe(CHILD_PRIVILEGES);
  expect(CHILD_PRIVILEGES & privilegeMask(Privilege.AccessPartitionId, Privilege.CpuManagement)).toBe(0n);
});
