import { expect, test } from 'vitest';
import { MemoryUses } from './memory-uses.ts';

test('an era is settled when what began before it has ended, whatever began since', () => {
  const uses = new MemoryUses();
  const before = uses.begin();
  expect(uses.settled).toBe(true);
  uses.nextEra();
  const since = uses.begin();
  expect(uses.settled).toBe(false);
  uses.end(before);
  expect(uses.settled).toBe(true);
  uses.nextEra();
  expect(uses.settled).toBe(false);
  expect(() => uses.nextEra()).toThrow('two eras');
  uses.end(since);
  expect(uses.settled).toBe(true);
  expect(() => uses.end(since)).toThrow('ends once');
});
