import { expect, test } from 'vitest';
import { AdaptivePolling } from './adaptive-polling.ts';

/** Milliseconds: a sleep that was hardly one, and a real one. */
const SHORT = 0.08;
const LONG = 5;

test('a thread that has not slept yet does not poll', () => {
  expect(new AdaptivePolling().milliseconds).toBe(0);
});

test('short sleeps make it poll longer, up to a limit', () => {
  const polling = new AdaptivePolling();
  const budgets = Array.from({ length: 6 }, () => (polling.slept(SHORT), polling.milliseconds));
  expect(budgets).toEqual([0.02, 0.04, 0.08, 0.1, 0.1, 0.1]);
});

test('one long sleep ends polling', () => {
  const polling = new AdaptivePolling();
  polling.slept(SHORT);
  polling.slept(LONG);
  expect(polling.milliseconds).toBe(0);
});

test('polling in vain four times in a row makes it sleep, the longer the more often', () => {
  const polling = new AdaptivePolling();
  polling.slept(SHORT);
  const pauses = Array.from({ length: 3 }, () => {
    for (let i = 0; i < 4; i++) polling.inVain();
    let sleeps = 0;
    for (; polling.milliseconds === 0; sleeps++) polling.slept(SHORT);
    return sleeps;
  });
  expect(pauses).toEqual([32, 64, 128]);
});

test('what is heard while polling makes up for polls in vain', () => {
  const polling = new AdaptivePolling();
  polling.slept(SHORT);
  for (let i = 0; i < 100; i++) {
    for (let vain = 0; vain < 3; vain++) polling.inVain();
    polling.heard();
  }
  expect(polling.milliseconds).toBeGreaterThan(0);
});
