import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { GP } from '../msr/table.ts';
import { apicMachine, BASE_MSR, DEADLINE_MSR, msr, Reg } from './apic-fixture.ts';
import { apicRows, type ApicRegister } from './registers.ts';

const MASKED = 0x1_0000;
/** Rows that `has` holds for: name, offset in the page, row. */
const rows = (has: (row: ApicRegister) => boolean): [string, number, ApicRegister][] =>
  apicRows.flatMap((row, number) => (row !== undefined && has(row) ? [[row.name, number * 16, row]] : []));

describe('after reset', () => {
  test.each([
    ['id', Reg.Id, 0],
    ['version: 6 local vectors, a modern APIC', Reg.Version, 0x0005_0014],
    ['task priority', Reg.Tpr, 0],
    ['logical destination', Reg.Ldr, 0],
    ['destination format: flat', Reg.Dfr, 0xffff_ffff],
    ['spurious vector: disabled by software', Reg.Svr, 0xff],
    ['error status', Reg.Esr, 0],
    ['timer', Reg.LvtTimer, MASKED],
    ['thermal', Reg.LvtThermal, MASKED],
    ['performance', Reg.LvtPerformance, MASKED],
    ['LINT0', Reg.LvtLint0, MASKED],
    ['LINT1', Reg.LvtLint1, MASKED],
    ['error', Reg.LvtError, MASKED],
    ['initial count', Reg.InitialCount, 0],
    ['current count', Reg.CurrentCount, 0],
    ['divide', Reg.Divide, 0],
  ])('the %s register', (_, offset, value) => {
    expect(apicMachine(1, 'xapic', false).vps[0]!.apicRead(offset)).toBe(value);
  });
});

describe('the register page', () => {
  // The error status latches what happened, whatever is written: tested below.
  const kept = ({ name, only, read, write }: ApicRegister): boolean =>
    only !== 'x2apic' && read !== undefined && write !== undefined && name !== 'Error Status';

  test.each(rows(kept))('%s keeps its bits and no others', (name, offset, { bits = 0 }) => {
    const fixed = name === 'Destination Format' ? 0x0fff_ffff : 0;
    const { vps } = apicMachine(1);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        vps[0]!.apicWrite(offset, value);
        expect(vps[0]!.apicRead(offset)).toBe(((value & bits) | fixed) >>> 0);
      }),
      { numRuns: 30 },
    );
  });

  test.each(rows(({ only, write }) => only !== 'x2apic' && write === undefined))(
    '%s is not changed by a write',
    (_, offset) => {
      const vp = apicMachine(2).vps[1]!;
      const before = vp.apicRead(offset);

      vp.apicWrite(offset, 0x55aa_55aa);

      expect(vp.apicRead(offset)).toBe(before);
    },
  );

  test('the bytes between registers read 0', () => {
    const vp = apicMachine(1).vps[0]!;

    expect([Reg.Version + 4, Reg.Version + 8, Reg.Version + 1].map((offset) => vp.apicRead(offset))).toEqual([0, 0, 0]);
  });

  test('an access where there is no register is an error, which an unmasked error vector reports', () => {
    const vp = apicMachine(1).vps[0]!;
    vp.apicWrite(Reg.LvtError, 0xfe);

    expect(vp.apicRead(0x3f0)).toBe(0);
    vp.apicWrite(0x40, 1);

    expect(vp.takeInterrupt()).toBe(0xfe);
    expect(vp.apicRead(Reg.Esr)).toBe(0);
    vp.apicWrite(Reg.Esr, 0);
    expect(vp.apicRead(Reg.Esr)).toBe(0x80);
    vp.apicWrite(Reg.Esr, 0);
    expect(vp.apicRead(Reg.Esr)).toBe(0);
  });

  test('a local vector below 16 that fires is an error; an error vector below 16 is only noted', () => {
    const { vps, clock } = apicMachine(1);
    const vp = vps[0]!;
    vp.apicWrite(Reg.LvtTimer, 0x0f);
    vp.apicWrite(Reg.LvtError, 0x0e);
    vp.apicWrite(Reg.InitialCount, 1);
    clock.time += 10;

    expect(vp.takeInterrupt()).toBe(-1);
    vp.apicWrite(Reg.Esr, 0);
    expect(vp.apicRead(Reg.Esr)).toBe(0x40);
  });

  test('a VP without an APIC has no page, and neither has one in x2APIC mode', () => {
    const without = machine().childVp;
    const x2 = apicMachine(1, 'x2apic').vps[0]!;

    expect([without.apicPage, x2.apicPage]).toEqual([-1, -1]);
    expect(without.apicRead(Reg.Version)).toBe(0xffff_ffff);
    without.apicWrite(Reg.Svr, 0x1ff);
    expect(without.apicEnabled).toBe(false);
  });
});

describe('software disable', () => {
  test('nothing is accepted, and all local vectors are masked and stay so', () => {
    const { kernel, partition, vps } = apicMachine(1);
    const vp = vps[0]!;
    vp.apicWrite(Reg.LvtLint0, 0x700);

    vp.apicWrite(Reg.Svr, 0xff);
    vp.apicWrite(Reg.LvtLint1, 0x400);
    kernel.assertInterrupt(partition, 0, 0x51);

    expect(vp.apicRead(Reg.LvtLint0)).toBe(MASKED | 0x700);
    expect(vp.apicRead(Reg.LvtLint1)).toBe(MASKED | 0x400);
    expect(vp.takeInterrupt()).toBe(-1);
    vp.apicWrite(Reg.Svr, 0x1ff);
    expect(vp.takeInterrupt()).toBe(-1);
  });

  test('an NMI still comes through', () => {
    const { kernel, partition, vps } = apicMachine(1, 'xapic', false);

    expect(kernel.assertNmi(partition, 0)).toBe(0);

    expect(vps[0]!.nmiPending).toBe(true);
    expect(vps[0]!.interruptPending).toBe(true);
    vps[0]!.acknowledgeNmi();
    expect(vps[0]!.nmiPending).toBe(false);
  });
});

describe('x2APIC registers', () => {
  const x2 = (row: ApicRegister): boolean => row.only !== 'xapic';
  const writable = (row: ApicRegister): boolean => x2(row) && row.write !== undefined && row.writable === undefined;

  test.each(rows((row) => x2(row) && row.read === undefined))('%s faults when it is read', (_, offset) => {
    expect(apicMachine(1, 'x2apic').vps[0]!.readMsr(msr(offset))).toBe(GP);
  });

  test.each(rows((row) => x2(row) && !writable(row)))('%s faults when it is written', (_, offset) => {
    expect(apicMachine(1, 'x2apic').vps[0]!.writeMsr(msr(offset), 0n)).toBe(GP);
  });

  test.each(rows(writable))('%s faults for each reserved bit', (name, offset, { bits = 0, fixed = 0 }) => {
    const vp = apicMachine(1, 'x2apic').vps[0]!;
    // The upper half of the command is a destination.
    const width = name === 'Interrupt Command' ? 32 : 64;
    const reserved = Array.from({ length: width }, (_, bit) => bit).filter(
      (bit) => bit >= 32 || ((bits | fixed) & (1 << bit)) === 0,
    );

    expect(reserved.filter((bit) => vp.writeMsr(msr(offset), 1n << BigInt(bit)) !== GP)).toEqual([]);
    expect(vp.writeMsr(msr(offset), BigInt((bits | fixed) >>> 0))).not.toBe(GP);
  });

  test.each(rows((row) => writable(row) && row.read !== undefined))(
    '%s keeps all its bits and no read-only ones',
    (_, offset, { bits = 0, fixed = 0 }) => {
      const vp = apicMachine(1, 'x2apic').vps[0]!;

      vp.writeMsr(msr(offset), BigInt((bits | fixed) >>> 0));

      expect(vp.readMsr(msr(offset))).toBe(BigInt(bits >>> 0));
    },
  );

  test('numbers without a register fault, the xAPIC’s two too', () => {
    const vp = apicMachine(1, 'x2apic').vps[0]!;
    const known = new Set(rows(({ only }) => only !== 'xapic').map(([, offset]) => msr(offset)));

    for (let index = 0x800; index < 0x900; index++) {
      if (known.has(index)) continue;
      expect([index, vp.readMsr(index), vp.writeMsr(index, 0n)]).toEqual([index, GP, GP]);
    }
    expect(known.has(msr(Reg.Dfr)) || known.has(msr(Reg.IcrHigh))).toBe(false);
  });

  test('in xAPIC mode, and without an APIC, all of them fault', () => {
    for (const vp of [apicMachine(1).vps[0]!, machine().childVp]) {
      for (const [, offset] of rows(() => true)) {
        expect([vp.readMsr(msr(offset)), vp.writeMsr(msr(offset), 0n)]).toEqual([GP, GP]);
      }
    }
  });

  test('ids are the VP’s index; logical ids follow from it', () => {
    const { vps } = apicMachine(20, 'x2apic');

    expect([0, 3, 17].map((n) => vps[n]!.readMsr(msr(Reg.Id)))).toEqual([0n, 3n, 17n]);
    expect([0, 3, 17].map((n) => vps[n]!.readMsr(msr(Reg.Ldr)))).toEqual([1n, 8n, 0x1_0002n]);
  });
});

describe('IA32_APIC_BASE', () => {
  const base = (bits: bigint): bigint => 0xfee0_0000n | bits;
  const BSP = 0x100n;
  const EXTD = 0x400n;
  const EN = 0x800n;

  test('the first VP is the bootstrap processor, and a write does not change that', () => {
    const { vps } = apicMachine(2);
    expect(vps.map((vp) => vp.readMsr(BASE_MSR))).toEqual([base(BSP | EN), base(EN)]);

    vps[0]!.writeMsr(BASE_MSR, base(EN));
    vps[1]!.writeMsr(BASE_MSR, base(EN | BSP));

    expect(vps.map((vp) => vp.readMsr(BASE_MSR))).toEqual([base(BSP | EN), base(EN)]);
  });

  test.each([
    ['off', [0n], 0n, true],
    ['off', [0n], EN, true],
    ['off', [0n], EXTD, false],
    ['off', [0n], EN | EXTD, false],
    ['xapic', [], 0n, true],
    ['xapic', [], EN, true],
    ['xapic', [], EXTD, false],
    ['xapic', [], EN | EXTD, true],
    ['x2apic', [EN | EXTD], 0n, true],
    ['x2apic', [EN | EXTD], EN, false],
    ['x2apic', [EN | EXTD], EXTD, false],
    ['x2apic', [EN | EXTD], EN | EXTD, true],
  ] as const)('from %s (%s) to %s is allowed: %s', (_, before, after, allowed) => {
    const vp = apicMachine(1).vps[0]!;
    for (const bits of before) vp.writeMsr(BASE_MSR, base(bits));
    const was = vp.readMsr(BASE_MSR);

    const result = vp.writeMsr(BASE_MSR, base(after));

    expect(result === GP).toBe(!allowed);
    expect(vp.readMsr(BASE_MSR)).toBe(allowed ? base(after | BSP) : was);
  });

  test('reserved bits fault: the low ones, and those beyond the physical address', () => {
    const vp = apicMachine(1).vps[0]!;

    for (const bit of [0n, 7n, 9n, 40n, 63n]) expect(vp.writeMsr(BASE_MSR, base(EN) | (1n << bit))).toBe(GP);
  });

  test('the page can be moved', () => {
    const vp = apicMachine(1).vps[0]!;
    expect(vp.apicPage).toBe(0xfee00);

    vp.writeMsr(BASE_MSR, 0xd_000n | EN);

    expect(vp.apicPage).toBe(0xd);
  });

  test('going to x2APIC mode keeps what was set; turning the APIC off forgets it', () => {
    const { kernel, partition, vps } = apicMachine(1);
    const vp = vps[0]!;
    vp.apicWrite(Reg.LvtError, 0xfe);
    kernel.assertInterrupt(partition, 0, 0x51);

    vp.writeMsr(BASE_MSR, base(EN | EXTD));
    expect(vp.readMsr(msr(Reg.LvtError))).toBe(0xfen);
    expect(vp.highestInterrupt()).toBe(0x51);

    vp.writeMsr(BASE_MSR, base(0n));
    expect(vp.apicEnabled).toBe(false);
    expect(vp.highestInterrupt()).toBe(-1);
    expect(kernel.assertNmi(partition, 0)).not.toBe(0);
    vp.writeMsr(BASE_MSR, base(EN));
    expect([vp.apicRead(Reg.LvtError), vp.apicRead(Reg.Svr)]).toEqual([MASKED, 0xff]);
  });

  test('a VP without an APIC has neither of its MSRs', () => {
    const { childVp } = machine();

    for (const index of [BASE_MSR, DEADLINE_MSR]) {
      expect([childVp.readMsr(index), childVp.writeMsr(index, 0n)]).toEqual([GP, GP]);
    }
  });
});

describe('synthetic registers', () => {
  test('EOI ends what is in service', () => {
    const { kernel, partition, vps } = apicMachine(1);
    kernel.assertInterrupt(partition, 0, 0x51);
    kernel.assertInterrupt(partition, 0, 0x52);

    expect(vps[0]!.takeInterrupt()).toBe(0x52);
    expect(vps[0]!.takeInterrupt()).toBe(-1);
    vps[0]!.writeMsr(0x40000070, 0n);
    expect(vps[0]!.takeInterrupt()).toBe(0x51);
  });

  test('ICR sends as the two registers of the page do, and reads back', () => {
    const { vps } = apicMachine(3);

    vps[0]!.writeMsr(0x40000071, 0x0200_0000_0000_0051n);

    expect(vps.map((vp) => vp.takeInterrupt())).toEqual([-1, -1, 0x51]);
    expect(vps[0]!.readMsr(0x40000071)).toBe(0x0200_0000_0000_0051n);
    expect([vps[0]!.apicRead(Reg.IcrHigh), vps[0]!.apicRead(Reg.IcrLow)]).toEqual([0x0200_0000, 0x51]);
  });

  test('TPR is the task priority', () => {
    const vp = apicMachine(1).vps[0]!;

    vp.writeMsr(0x40000072, 0x35n);

    expect([vp.taskPriority, vp.apicRead(Reg.Tpr)]).toEqual([0x35, 0x35]);
  });
});

test.each(['xapic', 'x2apic'] as const)(
  'a reset of the partition puts every APIC back as it was created: %s',
  (mode) => {
    const { kernel, partition, vps } = apicMachine(2, mode);
    const untouched = apicMachine(2, mode, false);
    for (const vp of vps) {
      vp.taskPriority = 0x20;
      kernel.assertInterrupt(partition, vp.index, 0x51);
      vp.takeInterrupt();
      vp.writeMsr(BASE_MSR, 0xd_0000n);
    }
    const apics = (it: typeof kernel): unknown => {
      const { partitions } = it.inspect() as { partitions: Record<number, { vps: Record<number, { apic: object }> }> };
      return Object.values(partitions[partition]!.vps).map(({ apic }) => apic);
    };
    expect(apics(kernel)).not.toEqual(apics(untouched.kernel));

    kernel.resetPartition(partition);

    // Counters count on.
    const counted = { refused: expect.any(Number), ended: expect.any(Number) };
    expect(apics(kernel)).toEqual((apics(untouched.kernel) as object[]).map((apic) => ({ ...apic, ...counted })));
    expect(vps[0]!.readMsr(BASE_MSR)).toBe(mode === 'xapic' ? 0xfee0_0900n : 0xfee0_0d00n);
  },
);

test('no access to any register, in any mode, throws', () => {
  const access = fc.record({
    vp: fc.integer({ min: 0, max: 1 }),
    index: fc.oneof(fc.constant(BASE_MSR), fc.constant(DEADLINE_MSR), fc.integer({ min: 0x800, max: 0x83f })),
    value: fc.oneof(
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.bigInt({ min: 0n, max: 0xf_ffffn }),
      fc.constantFrom(0xfee0_0800n, 0xfee0_0c00n, 0n),
    ),
    offset: fc.integer({ min: 0, max: 0xfff }),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 25 }), (accesses) => {
      const { vps } = apicMachine(2);
      for (const { vp, index, value, offset } of accesses) {
        vps[vp]!.writeMsr(index, value);
        const read = vps[vp]!.readMsr(index);
        expect(read === GP || (read >= 0n && read < 1n << 64n)).toBe(true);
        vps[vp]!.apicWrite(offset, Number(value & 0xffff_ffffn));
        const word = vps[vp]!.apicRead(offset);
        expect(word >= 0 && word <= 0xffff_ffff).toBe(true);
        for (const each of vps) expect(each.takeInterrupt()).toBeLessThan(256);
      }
    }),
  );
});
