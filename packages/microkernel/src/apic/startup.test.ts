import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apicMachine, BASE_MSR, msr, Reg } from './apic-fixture.ts';
import type { Vp } from '../vp/vp.ts';

const INIT = 5 << 8;
const SIPI = 6 << 8;
const ASSERT = 1 << 14;
const LEVEL = 1 << 15;
const OTHERS = 3 << 18;

function send(vp: Vp, low: number, destination = 1): void {
  vp.apicWrite(Reg.IcrHigh, destination << 24);
  vp.apicWrite(Reg.IcrLow, low);
}

test('VP 0 runs from the start, the others wait for a start-up command', () => {
  const { vps } = apicMachine(3);

  expect(vps.map((vp) => [vp.startup.state, vp.started, vp.startup.sipiVector])).toEqual([
    ['running', true, -1],
    ['wait-for-sipi', false, -1],
    ['wait-for-sipi', false, -1],
  ]);
});

test('the sequence of operating systems starts a VP once: INIT, its de-assertion, two start-up commands', () => {
  const { vps } = apicMachine(2);
  const [boot, vp] = vps as [Vp, Vp];

  send(boot, INIT | LEVEL | ASSERT);
  expect(vp.startup.state).toBe('init');
  send(boot, INIT | LEVEL);
  vp.startup.acceptInit();
  expect(vp.startup.state).toBe('wait-for-sipi');
  send(boot, SIPI | 0x9a);
  expect([vp.startup.state, vp.startup.sipiVector, vp.interruptPending]).toEqual(['sipi', 0x9a, true]);
  expect(vp.startup.acceptSipi()).toBe(0x9a);
  send(boot, SIPI | 0x9b);

  expect([vp.startup.state, vp.started, vp.startup.acceptSipi()]).toEqual(['running', true, -1]);
});

test('a start-up command that comes before the INIT was taken is not lost', () => {
  const { vps } = apicMachine(2);
  const [boot, vp] = vps as [Vp, Vp];
  send(boot, INIT | ASSERT);
  send(boot, SIPI | 0x10);

  expect([vp.startup.state, vp.startup.sipiVector]).toEqual(['init', -1]);
  vp.startup.acceptInit();
  expect([vp.startup.state, vp.startup.sipiVector]).toEqual(['sipi', 0x10]);
});

test('of two start-up commands before the VP took one, the first counts', () => {
  const { vps } = apicMachine(2);
  send(vps[0]!, SIPI | 0x10);
  send(vps[0]!, SIPI | 0x20);

  expect(vps[1]!.startup.acceptSipi()).toBe(0x10);
});

test('INIT resets the registers of the APIC, what is pending and what is in service, and keeps its base', () => {
  const { kernel, partition, vps } = apicMachine(2, 'x2apic');
  const vp = vps[1]!;
  vp.writeMsr(msr(Reg.LvtError), 0xfen);
  kernel.assertInterrupt(partition, 1, 0x61);
  vp.takeInterrupt();
  kernel.assertInterrupt(partition, 1, 0x51);
  kernel.assertNmi(partition, 1);
  vp.taskPriority = 0x30;

  vps[0]!.writeMsr(msr(Reg.IcrLow), (1n << 32n) | BigInt(INIT | ASSERT));
  vp.startup.acceptInit();

  expect(vp.readMsr(BASE_MSR)).toBe(0xfee0_0c00n);
  expect([Reg.Svr, Reg.LvtError, Reg.Tpr, Reg.Ppr].map((offset) => vp.readMsr(msr(offset)))).toEqual([
    0xffn,
    0x1_0000n,
    0n,
    0n,
  ]);
  expect([vp.nmiPending, vp.highestInterrupt(), vp.started]).toEqual([false, -1, false]);
});

test('a running VP ignores start-up commands; an INIT stops it', () => {
  const { vps } = apicMachine(2);
  const [boot, vp] = vps as [Vp, Vp];
  send(boot, SIPI | 0x10);
  vp.startup.acceptSipi();
  send(boot, SIPI | 0x20);
  expect(vp.startup.state).toBe('running');

  send(boot, INIT | ASSERT);
  vp.startup.acceptInit();

  expect([vp.startup.state, vp.started]).toEqual(['wait-for-sipi', false]);
});

test('the de-assertion of an INIT does nothing, to a VP that runs either', () => {
  const { vps } = apicMachine(2);
  send(vps[0]!, SIPI | 0x10);
  vps[1]!.startup.acceptSipi();

  send(vps[0]!, INIT | LEVEL);

  expect(vps[1]!.startup.state).toBe('running');
});

test('after INIT the bootstrap processor runs on, from its reset vector', () => {
  const { vps } = apicMachine(2);
  send(vps[1]!, INIT | ASSERT, 0);
  expect([vps[0]!.startup.state, vps[0]!.interruptPending]).toEqual(['init', true]);

  send(vps[1]!, SIPI | 0x10, 0);
  vps[0]!.startup.acceptInit();

  expect([vps[0]!.startup.state, vps[0]!.started]).toEqual(['running', true]);
});

test('INIT and start-up commands reach all others by shorthand', () => {
  const { vps } = apicMachine(4);

  send(vps[0]!, INIT | ASSERT | OTHERS);
  send(vps[0]!, SIPI | 0x33 | OTHERS);

  expect(vps.map((vp) => vp.startup.state)).toEqual(['running', 'init', 'init', 'init']);
});

test('HvCallStartVirtualProcessor starts a VP that waits, and a start-up command then does nothing', () => {
  const { kernel, partition, vps } = apicMachine(2);

  expect(kernel.startVp(partition, 1, 0x1234n)).toBe(0);
  send(vps[0]!, SIPI | 0x10);

  expect([vps[1]!.startup.state, vps[1]!.started, vps[1]!.entry]).toEqual(['running', true, 0x1234n]);
  expect(kernel.startVp(partition, 1, 0n)).not.toBe(0);
});

test('HvCallStartVirtualProcessor does not start a VP that has a start-up command to take', () => {
  const { kernel, partition, vps } = apicMachine(2);
  send(vps[0]!, SIPI | 0x10);

  expect(kernel.startVp(partition, 1, 0x1234n)).not.toBe(0);
  expect(vps[1]!.startup.acceptSipi()).toBe(0x10);
});

test('an APIC that was turned off takes no commands', () => {
  const { vps } = apicMachine(2);
  vps[1]!.writeMsr(BASE_MSR, 0xfee0_0000n);

  send(vps[0]!, INIT | ASSERT);
  send(vps[0]!, SIPI | 0x10);

  expect(vps[1]!.startup.state).toBe('wait-for-sipi');
});

test('whatever commands come, in whatever order they are taken, a VP starts only at a vector sent since its last INIT', () => {
  const step = fc.oneof(
    fc.constant('init' as const),
    fc.integer({ min: 0, max: 255 }),
    fc.constant('accept init' as const),
    fc.constant('accept sipi' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { vps } = apicMachine(2);
      const [boot, vp] = vps as [Vp, Vp];
      let [initPending, waits, vector] = [false, true, -1];
      const started: number[] = [];
      const expected: number[] = [];
      for (const now of steps) {
        if (now === 'init') {
          send(boot, INIT | ASSERT);
          [initPending, waits, vector] = [true, true, -1];
        } else if (now === 'accept init') {
          vp.startup.acceptInit();
          initPending = false;
        } else if (now === 'accept sipi') {
          started.push(vp.startup.acceptSipi());
          expected.push(initPending ? -1 : vector);
          if (!initPending && vector >= 0) [waits, vector] = [false, -1];
        } else {
          send(boot, SIPI | now);
          if (waits && vector < 0) vector = now;
        }
        const state = vector >= 0 ? 'sipi' : waits ? 'wait-for-sipi' : 'running';
        expect(vp.startup.state).toBe(initPending ? 'init' : state);
      }
      expect(started).toEqual(expected);
    }),
  );
});
