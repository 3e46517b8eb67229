import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Vp } from '../vp/vp.ts';
import { apicMachine, DEADLINE_MSR, msr, Reg, type ApicMachine } from './apic-fixture.ts';

/** Timer cycles, and TSC cycles, in one unit of the clock. */
const CYCLES = 20;
const TSC = 128;
const PERIODIC = 1 << 17;
const DEADLINE = 2 << 17;
const MASKED = 1 << 16;
const DIVIDE_BY_1 = 0b1011;
const VECTOR = 0xec;

/** A machine whose VP 0 has its timer at divide by 1. Clock times in tests are since the partition's start. */
function timed(mode: number): ApicMachine & { readonly vp: Vp; readonly at: (time: number) => void } {
  const it = apicMachine(1);
  const vp = it.vps[0]!;
  vp.apicWrite(Reg.Divide, DIVIDE_BY_1);
  vp.apicWrite(Reg.LvtTimer, VECTOR | mode);
  return { ...it, vp, at: (time) => void (it.clock.time = 7_000 + time) };
}

/** Takes an interrupt and ends it. */
function fired(vp: Vp): number {
  const vector = vp.takeInterrupt();
  if (vector >= 0) vp.apicWrite(Reg.Eoi, 0);
  return vector;
}

describe('one-shot', () => {
  test('it expires at its time, not before, and once', () => {
    const { vp, at } = timed(0);
    vp.apicWrite(Reg.InitialCount, 100 * CYCLES);

    at(99);
    expect([vp.interruptPending, fired(vp)]).toEqual([false, -1]);
    at(100);
    expect([vp.interruptPending, fired(vp)]).toEqual([true, VECTOR]);
    at(1_000_000);
    expect(fired(vp)).toBe(-1);
    expect(vp.apicRead(Reg.CurrentCount)).toBe(0);
  });

  test('the deadline is the clock’s, rounded up, and Infinity when there is none', () => {
    const { vp, clock } = timed(0);
    expect(vp.nextDeadline()).toBe(Infinity);

    vp.apicWrite(Reg.InitialCount, 3 * CYCLES + 1);
    expect(vp.nextDeadline()).toBe(clock.time + 4);

    vp.apicWrite(Reg.InitialCount, 0);
    expect(vp.nextDeadline()).toBe(Infinity);
  });

  test('the current count goes down by the clock', () => {
    const { vp, at } = timed(0);
    vp.apicWrite(Reg.InitialCount, 50 * CYCLES);

    const counts = [0, 1, 30, 49, 50].map((time) => {
      at(time);
      return vp.apicRead(Reg.CurrentCount);
    });

    expect(counts).toEqual([50, 49, 20, 1, 0].map((left) => left * CYCLES));
  });

  test.each([
    [0b0000, 2],
    [0b0001, 4],
    [0b0010, 8],
    [0b0011, 16],
    [0b1000, 32],
    [0b1001, 64],
    [0b1010, 128],
    [0b1011, 1],
  ])('divide configuration %i divides by %i', (bits, divisor) => {
    const { vp, at } = timed(0);
    vp.apicWrite(Reg.Divide, bits);
    vp.apicWrite(Reg.InitialCount, 10 * CYCLES);

    at(10 * divisor - 1);
    expect(fired(vp)).toBe(-1);
    at(10 * divisor);
    expect(fired(vp)).toBe(VECTOR);
    expect(vp.apicRead(Reg.Divide)).toBe(bits);
  });

  test('a divisor that changes on the way takes effect on what is left', () => {
    const { vp, at } = timed(0);
    vp.apicWrite(Reg.InitialCount, 100 * CYCLES);
    at(60);

    vp.apicWrite(Reg.Divide, 0b0001);

    expect(vp.apicRead(Reg.CurrentCount)).toBe(40 * CYCLES);
    at(60 + 159);
    expect(fired(vp)).toBe(-1);
    at(60 + 160);
    expect(fired(vp)).toBe(VECTOR);
  });

  test('while it is masked it counts, expires and raises nothing', () => {
    const { vp, at } = timed(MASKED);
    vp.apicWrite(Reg.InitialCount, 10 * CYCLES);
    expect(vp.nextDeadline()).toBe(Infinity);
    at(5);
    expect(vp.apicRead(Reg.CurrentCount)).toBe(5 * CYCLES);
    at(20);

    vp.apicWrite(Reg.LvtTimer, VECTOR);

    expect(fired(vp)).toBe(-1);
  });
});

describe('periodic', () => {
  test('it expires each period, without drift where a period is no whole number of clock units', () => {
    const { vp, at } = timed(PERIODIC);
    vp.apicWrite(Reg.InitialCount, 10 * CYCLES + 7);
    const times: number[] = [];

    for (let time = 0; time <= 10_350; time++) {
      at(time);
      if (fired(vp) === VECTOR) times.push(time);
    }

    expect(times).toEqual(Array.from({ length: 1000 }, (_, n) => Math.ceil(((n + 1) * 207) / CYCLES)));
  });

  test('one that missed periods fires once and keeps its phase', () => {
    const { vp, at, clock } = timed(PERIODIC);
    vp.apicWrite(Reg.InitialCount, 100 * CYCLES);
    at(1_234);

    expect([fired(vp), fired(vp)]).toEqual([VECTOR, -1]);
    expect(vp.nextDeadline()).toBe(clock.time - 1_234 + 1_300);
    expect(vp.apicRead(Reg.CurrentCount)).toBe(66 * CYCLES);
  });

  test('the shortest period there is does not stop the VP', () => {
    const { vp, at } = timed(PERIODIC);
    vp.apicWrite(Reg.InitialCount, 1);
    at(1_000_000_000);

    expect(fired(vp)).toBe(VECTOR);
    expect(fired(vp)).toBe(-1);
  });
});

describe('TSC deadline', () => {
  test('it expires when the TSC reaches the deadline, and reads 0 from then on', () => {
    const { vp, at } = timed(DEADLINE);
    vp.writeMsr(DEADLINE_MSR, BigInt(100 * TSC));
    expect(vp.readMsr(DEADLINE_MSR)).toBe(BigInt(100 * TSC));

    at(99);
    expect(fired(vp)).toBe(-1);
    at(100);
    expect(vp.tsc()).toBe(BigInt(100 * TSC));
    expect(fired(vp)).toBe(VECTOR);
    expect(vp.readMsr(DEADLINE_MSR)).toBe(0n);
  });

  test('a deadline that has passed fires at once, 0 disarms', () => {
    const { vp, at } = timed(DEADLINE);
    at(50);
    vp.writeMsr(DEADLINE_MSR, 1n);
    expect(fired(vp)).toBe(VECTOR);

    vp.writeMsr(DEADLINE_MSR, BigInt(60 * TSC));
    vp.writeMsr(DEADLINE_MSR, 0n);
    at(1_000);
    expect(fired(vp)).toBe(-1);
    expect(vp.nextDeadline()).toBe(Infinity);
  });

  test('each mode ignores what the other is started by, and going between them stops the timer', () => {
    const { vp, at } = timed(0);
    vp.writeMsr(DEADLINE_MSR, 5n);
    expect(vp.readMsr(DEADLINE_MSR)).toBe(0n);
    vp.apicWrite(Reg.InitialCount, 10 * CYCLES);

    vp.apicWrite(Reg.LvtTimer, VECTOR | DEADLINE);
    vp.apicWrite(Reg.InitialCount, 10 * CYCLES);
    at(1_000);

    expect(fired(vp)).toBe(-1);
    expect(vp.apicRead(Reg.CurrentCount)).toBe(0);
  });

  test('the farthest deadline is far, not past', () => {
    const { vp, clock } = timed(DEADLINE);
    vp.writeMsr(DEADLINE_MSR, 0xffff_ffff_ffff_ffffn);

    expect(vp.nextDeadline()).toBeGreaterThan(clock.time + 1e16);
    expect(fired(vp)).toBe(-1);
    expect(vp.readMsr(DEADLINE_MSR)).toBe(0xffff_ffff_ffff_ffffn);
  });
});

test('the synthetic timers’ deadline and the APIC’s are both seen', () => {
  const { vp, clock } = timed(0);
  vp.apicWrite(Reg.InitialCount, 500 * CYCLES);
  vp.writeMsr(0x400000b0, 0x1ed9n);
  vp.writeMsr(0x400000b1, 300n);
  expect(vp.nextDeadline()).toBe(clock.time + 300);

  vp.apicWrite(Reg.InitialCount, 200 * CYCLES);
  expect(vp.nextDeadline()).toBe(clock.time + 200);
});

test('settle makes a due timer pending and takes nothing', () => {
  const { vp, at } = timed(0);
  vp.apicWrite(Reg.InitialCount, CYCLES);
  at(1);

  vp.settle();

  expect(vp.apicRead(Reg.Irr + 16 * (VECTOR >>> 5)) & (1 << (VECTOR & 31))).not.toBe(0);
  expect(vp.highestInterrupt()).toBe(VECTOR);
});

test('whatever a guest programs, no access throws, and the deadline is never before the clock was when it was set', () => {
  const write = fc.oneof(
    fc.tuple(
      fc.constantFrom(Reg.LvtTimer, Reg.InitialCount, Reg.Divide, Reg.Svr),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    ),
    fc.tuple(fc.constant(DEADLINE_MSR), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    fc.tuple(fc.constant('wait' as const), fc.integer({ min: 0, max: 1_000_000 })),
  );
  fc.assert(
    fc.property(fc.array(write, { maxLength: 30 }), (writes) => {
      const { vp, clock } = timed(0);
      for (const [where, value] of writes) {
        if (where === 'wait') clock.time += value as number;
        else if (where === DEADLINE_MSR) vp.writeMsr(DEADLINE_MSR, value as bigint);
        else vp.apicWrite(where, value as number);
        vp.settle();
        expect(vp.nextDeadline()).toBeGreaterThan(clock.time);
        const left = vp.apicRead(Reg.CurrentCount);
        expect(left >= 0 && left <= vp.apicRead(Reg.InitialCount)).toBe(true);
      }
    }),
  );
});

test('in x2APIC mode the same registers are MSRs', () => {
  const { vps, clock } = apicMachine(1, 'x2apic');
  const vp = vps[0]!;
  vp.writeMsr(msr(Reg.Divide), BigInt(DIVIDE_BY_1));
  vp.writeMsr(msr(Reg.LvtTimer), BigInt(VECTOR));
  vp.writeMsr(msr(Reg.InitialCount), BigInt(10 * CYCLES));
  clock.time += 4;

  expect(vp.readMsr(msr(Reg.CurrentCount))).toBe(BigInt(6 * CYCLES));
  clock.time += 6;
  expect(vp.takeInterrupt()).toBe(VECTOR);
});
