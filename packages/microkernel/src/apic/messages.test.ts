/** Interrupts that devices request by messages, and how the end of the level-triggered ones comes back. */
import { expect, test } from 'vitest';
import { Microkernel } from '../microkernel.ts';
import { apicMachine, type ApicMachine, msr, Reg } from './apic-fixture.ts';

const LEVEL = 0x8000;
const LOGICAL = 0x800;

/** A VP on a thread that hears of ends of interrupts. */
function listening({ state, buffer, clock, partition }: ApicMachine): {
  vp: ReturnType<Microkernel['vp']>;
  ended: number[];
} {
  const ended: number[] = [];
  const kernel = new Microkernel({
    state,
    clock,
    apicEoi: (id, vector) => void (id === partition && ended.push(vector)),
  });
  kernel.attachNode({ id: 0, buffer });
  return { vp: kernel.vp(partition, 0), ended };
}

test('the end of a level-triggered interrupt is told to whoever requested it; of an edge-triggered one, not', () => {
  const it = apicMachine(1);
  const { vp, ended } = listening(it);
  expect(it.kernel.requestInterrupt(it.partition, LEVEL | 0x51, 0)).toBe(true);
  expect(it.kernel.requestInterrupt(it.partition, 0x42, 0)).toBe(true);
  expect(vp.apicRead(Reg.Tmr + 0x20)).toBe(1 << 17);

  expect(vp.takeInterrupt()).toBe(0x51);
  vp.apicWrite(Reg.Eoi, 0);
  expect(vp.takeInterrupt()).toBe(0x42);
  vp.apicWrite(Reg.Eoi, 0);
  vp.apicWrite(Reg.Eoi, 0);

  expect(ended).toEqual([0x51]);
});

test('in x2APIC mode too, and by the synthetic register', () => {
  const it = apicMachine(1, 'x2apic');
  const { vp, ended } = listening(it);
  for (const [number, vector] of [
    [msr(Reg.Eoi), 0x51],
    [0x4000_0070, 0x52],
  ] as const) {
    it.kernel.requestInterrupt(it.partition, LEVEL | vector, 0);
    expect(vp.takeInterrupt()).toBe(vector);
    vp.writeMsr(number, 0n);
  }

  expect(ended).toEqual([0x51, 0x52]);
});

test('an edge-triggered request of a vector that was level-triggered before makes it edge-triggered', () => {
  const it = apicMachine(1);
  const { vp, ended } = listening(it);
  it.kernel.requestInterrupt(it.partition, LEVEL | 0x51, 0);
  it.kernel.requestInterrupt(it.partition, 0x51, 0);
  vp.takeInterrupt();
  vp.apicWrite(Reg.Eoi, 0);

  expect(ended).toEqual([]);
});

test('destinations are ids, logical ids, and everybody', () => {
  const it = apicMachine(3, 'x2apic');
  const taken = (): number[] => it.vps.map((vp) => vp.takeInterrupt());
  it.kernel.requestInterrupt(it.partition, 0x51, 1);
  expect(taken()).toEqual([-1, 0x51, -1]);
  it.kernel.requestInterrupt(it.partition, LOGICAL | 0x62, 0b101);
  expect(taken()).toEqual([0x62, -1, 0x62]);
  it.kernel.requestInterrupt(it.partition, 0x73, 255);
  expect(taken()).toEqual([0x73, 0x73, 0x73]);
  // Lowest priority: the first is free of interrupts in service no more than the others.
  it.kernel.requestInterrupt(it.partition, LOGICAL | 0x100 | 0x84, 0b110);
  expect(taken()).toEqual([-1, 0x84, -1]);
});

test('a non-maskable one reaches the processor as such', () => {
  const it = apicMachine(2);

  expect(it.kernel.requestInterrupt(it.partition, 0x400, 1)).toBe(true);

  expect(it.vps.map((vp) => vp.nmiPending)).toEqual([false, true]);
});

test('nobody takes it: an APIC that is off, a processor that is not there, a vector that cannot be, a mode that means nothing', () => {
  const it = apicMachine(1, 'xapic', false);
  const { kernel, partition } = it;

  expect(kernel.requestInterrupt(partition, 0x51, 0)).toBe(false);
  it.vps[0]!.apicWrite(Reg.Svr, 0x1ff);
  expect(kernel.requestInterrupt(partition, 0x51, 0)).toBe(true);
  expect(kernel.requestInterrupt(partition, 0x51, 7)).toBe(false);
  expect(kernel.requestInterrupt(partition, 0x0f, 0)).toBe(false);
  for (const mode of [2, 3, 7]) expect(kernel.requestInterrupt(partition, (mode << 8) | 0x51, 0)).toBe(false);
  expect(kernel.requestInterrupt(999, 0x51, 0)).toBe(false);
  expect(kernel.requestInterrupt(999, 0x51, 255)).toBe(false);
});
