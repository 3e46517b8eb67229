import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { CHILD_PRIVILEGES, ROOT_PRIVILEGES } from '../partition/privileges.ts';
import type { CrashReport } from '../core.ts';
import { nextSequence } from './pages.ts';
import { TSC_FREQUENCY } from './frequencies.ts';
import { registers } from './registers.ts';
import { GP, type Msr } from './table.ts';

const GUEST_OS_ID = 0x40000000;
const HYPERCALL = 0x40000001;
const REFERENCE_TSC = 0x40000021;

/** Rows that `has` holds for, with the name a test shows. */
const rows = (has: (msr: Msr) => boolean): [string, number, Msr][] =>
  [...registers]
    .filter(([, msr]) => has(msr))
    .map(([index, msr]) => [`${msr.name} (0x${index.toString(16)})`, index, msr]);

describe('every register', () => {
  test.each(rows(({ sample }) => sample !== undefined))('%s keeps what is written', (_, index, { sample }) => {
    const { rootVp } = machine();

    expect(rootVp.writeMsr(index, sample!)).not.toBe(GP);
    expect(rootVp.readMsr(index)).toBe(sample);
  });

  test.each(rows(({ write }) => write === undefined))('%s faults when written', (_, index) => {
    expect(machine().rootVp.writeMsr(index, 0n)).toBe(GP);
  });

  test.each(rows(({ read }) => read === undefined))('%s faults when read', (_, index) => {
    expect(machine().rootVp.readMsr(index)).toBe(GP);
  });

  test.each(rows(({ reserved }) => reserved !== undefined))('%s faults for each reserved bit', (_, index, msr) => {
    const { rootVp } = machine();
    const bits = Array.from({ length: 64 }, (_unused, n) => 1n << BigInt(n)).filter(
      (bit) => (msr.reserved! & bit) !== 0n,
    );

    expect(bits.map((bit) => rootVp.writeMsr(index, bit))).toEqual(bits.map(() => GP));
  });

  test.each(rows(({ privilege }) => privilege !== undefined))(
    '%s faults both ways without its privilege',
    (_, index, { privilege }) => {
      const { childVp } = machine({}, ROOT_PRIVILEGES & ~(1n << BigInt(privilege!)));

      expect(childVp.readMsr(index)).toBe(GP);
      expect(childVp.writeMsr(index, 0n)).toBe(GP);
    },
  );

  test('an index that nobody listed faults both ways, and is counted', () => {
    const { kernel, child, childVp } = machine();

    for (const index of [0, 0x10, 0x1b, 0x3fffffff, 0x40000004, 0x40000118, 0x400000f0, 0x4000ffff, -1, NaN]) {
      expect(childVp.readMsr(index)).toBe(GP);
      expect(childVp.writeMsr(index, 0n)).toBe(GP);
    }
    const { partitions } = kernel.inspect() as { partitions: Record<number, unknown> };
    expect(partitions[child]).toMatchObject({ msrFaults: 20 });
  });

  test('no index and no value make an access throw', () => {
    const { childVp } = machine({}, ROOT_PRIVILEGES);
    const index = fc.oneof(fc.integer(), fc.constantFrom(...registers.keys()));
    const value = fc.oneof(
      fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }),
      fc.integer({ min: 0, max: 70 }).map((page) => BigInt(page * PAGE_SIZE + 1)),
      fc.bigInt({ min: 0n, max: 0xfffffn }),
    );

    fc.assert(
      fc.property(index, value, (at, bits) => {
        childVp.writeMsr(at, bits);
        const read = childVp.readMsr(at);
        expect(read === GP || (read >= 0n && read < 1n << 64n)).toBe(true);
        childVp.takeInterrupt();
      }),
      { numRuns: 3000 },
    );
  });

  test('Y20: SVERSION is 1 and read-only, EOM reads 0', () => {
    const { childVp } = machine();

    expect(childVp.readMsr(0x40000081)).toBe(1n);
    expect(childVp.writeMsr(0x40000081, 1n)).toBe(GP);
    expect(childVp.readMsr(0x40000084)).toBe(0n);
  });
});

describe('hypercall page', () => {
  test('Y16: enabling puts vmcall, ret and then int3 over the page; disabling brings back what lay there', () => {
    const { childVp } = machine();
    childVp.memory.fill(0x3000, 0x77, PAGE_SIZE);
    childVp.writeMsr(GUEST_OS_ID, 1n);

    childVp.writeMsr(HYPERCALL, 0x3001n);

    const page = new Uint8Array(PAGE_SIZE);
    childVp.memory.read(0x3000, page);
    expect([...page.subarray(0, 4)]).toEqual([0x0f, 0x01, 0xc1, 0xc3]);
    expect(page.subarray(4).every((byte) => byte === 0xcc)).toBe(true);
    expect(childVp.readMsr(HYPERCALL)).toBe(0x3001n);
    expect(childVp.hypercallPageEnabled).toBe(true);

    childVp.writeMsr(HYPERCALL, 0x3000n);
    childVp.memory.read(0x3000, page);
    expect(page.every((byte) => byte === 0x77)).toBe(true);
  });

  test('Y16: a page that the guest scribbled on is whole again when it is enabled anew', () => {
    const { childVp } = machine();
    childVp.writeMsr(GUEST_OS_ID, 1n);
    childVp.writeMsr(HYPERCALL, 0x3001n);
    childVp.memory.fill(0x3000, 0, PAGE_SIZE);
    childVp.writeMsr(HYPERCALL, 0n);

    childVp.writeMsr(HYPERCALL, 0x3001n);

    const start = new Uint8Array(5);
    childVp.memory.read(0x3000, start);
    expect([...start]).toEqual([0x0f, 0x01, 0xc1, 0xc3, 0xcc]);
  });

  test('it stays off without a guest OS id, and goes off when the id is cleared', () => {
    const { childVp } = machine();
    childVp.writeMsr(HYPERCALL, 0x3001n);
    expect(childVp.readMsr(HYPERCALL)).toBe(0x3000n);

    childVp.writeMsr(GUEST_OS_ID, 1n);
    childVp.writeMsr(HYPERCALL, 0x3001n);
    childVp.writeMsr(GUEST_OS_ID, 0n);

    expect([childVp.readMsr(HYPERCALL), childVp.hypercallPageEnabled]).toEqual([0n, false]);
  });

  test('a page outside the GPA space or not mapped faults and changes nothing', () => {
    const { childVp } = machine();
    childVp.writeMsr(GUEST_OS_ID, 1n);

    for (const gpa of [0x3f000n, 0x40000n, 0xffff_ffff_ffff_f000n]) {
      expect(childVp.writeMsr(HYPERCALL, gpa | 1n)).toBe(GP);
    }
    expect(childVp.readMsr(HYPERCALL)).toBe(0n);
  });

  test('once locked, it cannot be written', () => {
    const { childVp } = machine();
    childVp.writeMsr(GUEST_OS_ID, 1n);
    childVp.writeMsr(HYPERCALL, 0x3003n);

    expect(childVp.readMsr(HYPERCALL)).toBe(0x3003n);
    expect(childVp.writeMsr(HYPERCALL, 0n)).toBe(GP);
  });

  test('all VPs of a partition share it', () => {
    const { kernel, child, childVp } = machine();
    kernel.createVp(child, 1);
    childVp.writeMsr(GUEST_OS_ID, 0x8100n);

    expect(kernel.vp(child, 1).readMsr(GUEST_OS_ID)).toBe(0x8100n);
  });
});

describe('time', () => {
  test('the reference count starts at 0 with the partition and counts units of 100 ns', () => {
    const { childVp, clock } = machine();
    expect(childVp.readMsr(0x40000020)).toBe(0n);

    clock.time += 98_765;

    expect(childVp.readMsr(0x40000020)).toBe(98_765n);
  });

  test('Y17: the reference TSC page is valid before the write retires, and gives exactly the reference count', () => {
    const { childVp, clock } = machine();
    childVp.writeMsr(REFERENCE_TSC, 0x5001n);
    const page = new Uint8Array(24);
    childVp.memory.read(0x5000, page);
    const view = new DataView(page.buffer);
    const [sequence, scale, offset] = [view.getUint32(0, true), view.getBigUint64(8, true), view.getBigInt64(16, true)];

    expect(sequence).not.toBe(0);
    for (const step of [1, 7, 999_983, 10_000_000, 3_600 * 10_000_000]) {
      clock.time += step;
      expect(((childVp.tsc() * scale) >> 64n) + offset).toBe(childVp.readMsr(0x40000020));
    }
    expect(childVp.readMsr(0x40000022)).toBe(TSC_FREQUENCY);
  });

  test('Y17: sequence numbers skip the two that tell a guest not to use the page', () => {
    expect(nextSequence(0)).toBe(1);
    expect(nextSequence(-2)).toBe(1);
    expect(nextSequence(0x7fff_ffff)).toBe(-0x8000_0000);
    expect(nextSequence(41)).toBe(42);
  });

  test('Y17: the sequence changes with each enabling', () => {
    const { childVp } = machine();
    const sequence = (): number => {
      const bytes = new Uint8Array(4);
      childVp.memory.read(0x5000, bytes);
      return new DataView(bytes.buffer).getUint32(0, true);
    };
    childVp.writeMsr(REFERENCE_TSC, 0x5001n);
    const first = sequence();
    childVp.writeMsr(REFERENCE_TSC, 0n);
    childVp.writeMsr(REFERENCE_TSC, 0x5001n);

    expect(sequence()).not.toBe(first);
  });

  test('the run time is what was accounted', () => {
    const { rootVp } = machine();
    rootVp.accountRunTime(700);
    rootVp.accountRunTime(42);

    expect(rootVp.readMsr(0x40000010)).toBe(742n);
  });
});

describe('interrupt registers', () => {
  test('ICR sends a fixed interrupt to one VP, itself, all or the others', () => {
    const { kernel, child, childVp } = machine();
    kernel.createVp(child, 1);
    kernel.createVp(child, 2);
    const taken = (): number[] => [0, 1, 2].map((index) => kernel.vp(child, index).takeInterrupt());

    childVp.writeMsr(0x40000071, (1n << 56n) | 0x41n);
    expect(taken()).toEqual([-1, 0x41, -1]);
    childVp.writeMsr(0x40000071, (1n << 18n) | 0x42n);
    expect(taken()).toEqual([0x42, -1, -1]);
    childVp.writeMsr(0x40000071, (2n << 18n) | 0x43n);
    expect(taken()).toEqual([0x43, 0x43, 0x43]);
    childVp.writeMsr(0x40000071, (3n << 18n) | 0x44n);
    expect(taken()).toEqual([-1, 0x44, 0x44]);
    childVp.writeMsr(0x40000071, (99n << 56n) | 0x45n);
    expect(taken()).toEqual([-1, -1, -1]);
  });

  test('platform gotcha 10: the VP assist page can be enabled, is zeroed, and is per VP', () => {
    const { kernel, child, childVp } = machine();
    kernel.createVp(child, 1);
    childVp.memory.fill(0x6000, 0xff, PAGE_SIZE);

    expect(childVp.writeMsr(0x40000073, 0x6001n)).not.toBe(GP);

    const assist = new Uint8Array(4);
    childVp.memory.read(0x6000, assist);
    expect([...assist]).toEqual([0, 0, 0, 0]);
    expect(kernel.vp(child, 1).readMsr(0x40000073)).toBe(0n);
  });
});

describe('crash and reset', () => {
  test('a crash is reported with its parameters and the text in memory', () => {
    const reports: [number, CrashReport][] = [];
    const { child, childVp } = machine({}, CHILD_PRIVILEGES, {
      crashed: (id, report) => void reports.push([id, report]),
    });
    childVp.memory.write(0x7000, new Uint8Array([111, 111, 112, 115]));
    [1n, 2n, 3n, 0x7000n, 4n].forEach((value, n) => childVp.writeMsr(0x40000100 + n, value));

    childVp.writeMsr(0x40000105, 3n << 62n);
    childVp.writeMsr(0x40000105, 1n << 63n);

    expect(reports).toEqual([
      [child, { vp: 0, parameters: [1n, 2n, 3n, 0x7000n, 4n], message: new Uint8Array([111, 111, 112, 115]) }],
      [child, { vp: 0, parameters: [1n, 2n, 3n, 0x7000n, 4n], message: undefined }],
    ]);
    expect(childVp.readMsr(0x40000105)).toBe(3n << 62n);
  });

  test('a text that is too long or not in memory is left out of the report', () => {
    const messages: (Uint8Array | undefined)[] = [];
    const { childVp } = machine({}, CHILD_PRIVILEGES, { crashed: (_, { message }) => void messages.push(message) });

    for (const [gpa, length] of [
      [0x7000n, 4097n],
      [0x3f000n, 8n],
      [1n << 63n, 8n],
      [0x7000n, 0n],
    ] as const) {
      childVp.writeMsr(0x40000103, gpa);
      childVp.writeMsr(0x40000104, length);
      childVp.writeMsr(0x40000105, 3n << 62n);
    }

    expect(messages).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('the reset register asks the outside, and only when its bit is set', () => {
    const asked: number[] = [];
    const { child, childVp } = machine({}, ROOT_PRIVILEGES, { reset: (id) => void asked.push(id) });

    childVp.writeMsr(0x40000003, 0n);
    childVp.writeMsr(0x40000003, 1n);

    expect(asked).toEqual([child]);
  });

  test('a reset gives back the guest’s pages and puts all registers where they were', () => {
    const { kernel, child, childVp } = machine();
    childVp.memory.fill(0x3000, 0x77, 4 * PAGE_SIZE);
    const fresh = new Map([...registers].map(([index]) => [index, childVp.readMsr(index)]));
    childVp.writeMsr(GUEST_OS_ID, 1n);
    childVp.writeMsr(HYPERCALL, 0x3003n);
    childVp.writeMsr(REFERENCE_TSC, 0x4001n);
    childVp.writeMsr(0x40000073, 0x5001n);
    childVp.writeMsr(0x40000083, 0x6001n);
    childVp.writeMsr(0x40000072, 0x30n);
    childVp.writeMsr(0x40000100, 9n);
    kernel.assertInterrupt(child, 0, 0x41);

    expect(kernel.resetPartition(child)).toBe(0);

    expect(new Map([...registers].map(([index]) => [index, childVp.readMsr(index)]))).toEqual(fresh);
    const memory = new Uint8Array(4 * PAGE_SIZE);
    childVp.memory.read(0x3000, memory);
    expect(memory.every((byte) => byte === 0x77)).toBe(true);
    expect(childVp.takeInterrupt()).toBe(-1);
  });
});
