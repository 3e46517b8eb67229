import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimerQueue } from './timer-queue.ts';

const queueAt = () => {
  const clock = { time: 0, now: () => clock.time };
  return { clock, queue: new TimerQueue(clock) };
};

test('timers run in order of their due time, and of creation where that is equal', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), (delays) => {
      const { clock, queue } = queueAt();
      const ran: number[] = [];
      delays.forEach((delay, i) => queue.after(delay, () => ran.push(i)));
      clock.time = 100;
      queue.run();
      const expected = delays.map((_, i) => i).toSorted((a, b) => delays[a]! - delays[b]! || a - b);
      expect(ran).toEqual(expected);
    }),
  );
});

test('a timer that is not due stays, and says when it will be', () => {
  const { clock, queue } = queueAt();
  const ran: string[] = [];
  queue.after(30, () => ran.push('late'));
  queue.after(10, () => ran.push('early'));
  clock.time = 10;
  expect(queue.run()).toBe(true);
  expect(ran).toEqual(['early']);
  expect(queue.nextDue).toBe(30);
  expect(queue.run()).toBe(false);
});

test('a cancelled timer does not run, and cancelling twice or afterwards does nothing', () => {
  const { clock, queue } = queueAt();
  const ran: number[] = [];
  const cancel = queue.after(5, () => ran.push(1));
  const cancelLater = queue.after(5, () => ran.push(2));
  cancel();
  cancel();
  clock.time = 5;
  queue.run();
  cancelLater();
  expect(ran).toEqual([2]);
  expect(queue.nextDue).toBe(Infinity);
});

test('a timer set by a timer waits for the next run, even when it is due at once', () => {
  const { queue } = queueAt();
  const ran: string[] = [];
  queue.after(0, () => {
    ran.push('first');
    queue.after(0, () => ran.push('second'));
  });
  queue.run();
  expect(ran).toEqual(['first']);
  queue.run();
  expect(ran).toEqual(['first', 'second']);
});
