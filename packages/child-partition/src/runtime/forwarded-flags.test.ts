import { expect, test } from 'vitest';
import { LoneGuest } from '../../tests/lone-guest.ts';
import { ForwardedFlags } from './forwarded-flags.ts';
import { FORWARD_VECTOR } from './ipi.ts';

const FLAGS_GPA = 0x2000;

test('flags that arrive at one processor are taken at processor 0, after one interrupt', () => {
  const machine = new LoneGuest(2);
  const [receiver, other] = machine.vps;
  const sending = new ForwardedFlags(other!, FLAGS_GPA);
  const receiving = new ForwardedFlags(receiver!, FLAGS_GPA);
  const seen: number[] = [];

  for (const flag of [2047, 1, 31, 32, 1]) sending.forward(flag);

  expect(receiver!.takeInterrupt()).toBe(FORWARD_VECTOR);
  expect(receiver!.takeInterrupt()).toBe(-1);
  expect(other!.takeInterrupt()).toBe(-1);
  receiving.take((flag) => seen.push(flag));
  receiving.take((flag) => seen.push(flag));
  expect(seen).toEqual([1, 31, 32, 2047]);
});

test('a flag that comes again after it was taken interrupts again', () => {
  const machine = new LoneGuest(2);
  const [receiver, other] = machine.vps;
  const sending = new ForwardedFlags(other!, FLAGS_GPA);

  sending.forward(5);
  receiver!.takeInterrupt();
  new ForwardedFlags(receiver!, FLAGS_GPA).take(() => {});
  sending.forward(5);

  expect(receiver!.takeInterrupt()).toBe(FORWARD_VECTOR);
});
