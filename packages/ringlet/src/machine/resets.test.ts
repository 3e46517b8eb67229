import { expect, test } from 'vitest';
import { Resets } from './resets.ts';

test('a guest that resets itself starts again, or ends the machine if that was asked for', () => {
  expect(new Resets().begin(0)).toBe('guest');
  expect(new Resets('stop').begin(0)).toBeUndefined();
});

test('what the host demands is a restart, once', () => {
  const resets = new Resets('stop');
  resets.demand(true);
  expect(resets.begin(0)).toBe('host');
  expect(resets.begin(1)).toBeUndefined();
  expect(resets).toMatchObject({ count: 1, endless: false });
});

test('a guest that resets itself again and again is stopped; one that lives for a while in between is not', () => {
  const quick = new Resets('restart', 3);
  expect([0, 1000, 2000, 3000].map((now) => quick.begin(now))).toEqual(['guest', 'guest', 'guest', undefined]);
  expect(quick.endless).toBe(true);
  const slow = new Resets('restart', 3);
  expect([0, 20_000, 40_000, 60_000, 80_000].map((now) => slow.begin(now))).not.toContain(undefined);
  const unlimited = new Resets('restart', 0);
  expect(Array.from({ length: 1000 }, (_, now) => unlimited.begin(now))).not.toContain(undefined);
});

test('whoever waits for the next restart hears of it, and of the end', async () => {
  const resets = new Resets();
  const heard: string[] = [];
  const first = resets.next().then(() => heard.push('restart'));
  resets.done();
  await first;
  const second = resets.next().then(() => heard.push('end'));
  resets.end();
  await second;
  expect(heard).toEqual(['restart', 'end']);
});
