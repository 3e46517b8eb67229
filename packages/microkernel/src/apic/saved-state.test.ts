import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Core } from '../core.ts';
import { GP } from '../msr/table.ts';
import { State } from '../state/layout.ts';
import { apicMachine, BASE_MSR, DEADLINE_MSR, msr, Reg, type ApicMachine } from './apic-fixture.ts';
import type { LocalApic } from './local-apic.ts';
import type { SavedApic } from './saved-state.ts';

/** The APIC of a VP, as the microkernel's inside has it. */
function apicOf({ state, buffer, clock, partition }: ApicMachine, index: number): LocalApic {
  const core = new Core(new State(state), clock, {});
  core.nodes.attach({ id: 0, buffer });
  return core.context(partition, index)!.apic;
}

const copy = (saved: SavedApic): SavedApic => JSON.parse(JSON.stringify(saved)) as SavedApic;

/** Everything that a guest can read of its APIC. */
function visible({ vps }: ApicMachine, index: number): unknown[] {
  const vp = vps[index]!;
  const page = Array.from({ length: 0x40 }, (_, n) => vp.apicRead(n * 16));
  const msrs = Array.from({ length: 0x40 }, (_, n) => vp.readMsr(0x800 + n));
  return [
    page,
    msrs,
    vp.readMsr(BASE_MSR),
    vp.readMsr(DEADLINE_MSR),
    vp.nmiPending,
    vp.startup.state,
    vp.nextDeadline(),
  ];
}

test('a machine that is restored elsewhere goes on with its interrupts, timer and start-up', () => {
  const from = apicMachine(2);
  const vp = from.vps[0]!;
  vp.apicWrite(Reg.Divide, 0b1011);
  vp.apicWrite(Reg.LvtTimer, 0xec | (1 << 17));
  vp.apicWrite(Reg.InitialCount, 100 * 20);
  vp.apicWrite(Reg.LvtLint0, 0x1_0700);
  vp.apicWrite(Reg.Ldr, 0x0100_0000);
  from.kernel.assertInterrupt(from.partition, 0, 0x51);
  vp.takeInterrupt();
  from.kernel.assertInterrupt(from.partition, 0, 0x41);
  from.kernel.requestInterrupt(from.partition, 0x8042, 0);
  from.kernel.assertNmi(from.partition, 0);
  vp.apicWrite(Reg.IcrHigh, 0x0100_0000);
  vp.apicWrite(Reg.IcrLow, (6 << 8) | 0x77);
  from.clock.time += 130;

  const to = apicMachine(2, 'x2apic', false);
  to.clock.time = from.clock.time;
  for (const index of [0, 1]) expect(apicOf(to, index).restore(copy(apicOf(from, index).save()))).toBe(true);

  expect(visible(to, 0)).toEqual(visible(from, 0));
  expect(to.vps[1]!.startup.acceptSipi()).toBe(0x77);
  to.clock.time += 70;
  expect(to.vps[0]!.takeInterrupt()).toBe(0xec);
});

test('whatever a guest did, what it saw before is what it sees after', () => {
  const action = fc.oneof(
    fc.tuple(
      fc.constant('page' as const),
      fc.integer({ min: 0, max: 0x3f }),
      fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
    ),
    fc.tuple(fc.constant('msr' as const), fc.integer({ min: 0, max: 0x3f }), fc.bigInt({ min: 0n, max: 0xf_ffffn })),
    fc.tuple(fc.constant('base' as const), fc.constant(0), fc.constantFrom(0xfee0_0800n, 0xfee0_0c00n, 0xfee0_0000n)),
    fc.tuple(fc.constant('deadline' as const), fc.constant(0), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    fc.tuple(fc.constant('take' as const), fc.constant(0), fc.constant(0n)),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const from = apicMachine(2);
      const vp = from.vps[0]!;
      for (const [kind, number, value] of actions) {
        from.clock.time += 11;
        if (kind === 'page') vp.apicWrite(number * 16, Number(value));
        else if (kind === 'msr') vp.writeMsr(msr(number * 16), value);
        else if (kind === 'base') vp.writeMsr(BASE_MSR, value);
        else if (kind === 'deadline') vp.writeMsr(DEADLINE_MSR, value);
        else vp.takeInterrupt();
      }
      const to = apicMachine(2);
      to.clock.time = from.clock.time;

      for (const index of [0, 1]) expect(apicOf(to, index).restore(copy(apicOf(from, index).save()))).toBe(true);

      for (const index of [0, 1]) expect(visible(to, index)).toEqual(visible(from, index));
    }),
    { numRuns: 60 },
  );
});

test('a state that cannot be is refused, and leaves an APIC that was just turned on', () => {
  const it = apicMachine(1);
  const good = apicOf(it, 0).save();
  const wrong: Partial<SavedApic>[] = [
    { requested: [15] },
    { inService: [256] },
    { levelTriggered: [3] },
    { requested: [0.5] },
    { localVectors: [] },
    { due: 100 },
    { due: Infinity, initialCount: 1 },
  ];

  expect(wrong.map((change) => apicOf(it, 0).restore({ ...good, ...change }))).toEqual(wrong.map(() => false));
  expect(it.vps[0]!.apicRead(Reg.Svr)).toBe(0xff);
  expect(it.vps[0]!.readMsr(msr(Reg.Svr))).toBe(GP);
});
