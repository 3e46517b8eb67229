import { expect, test } from 'vitest';
import { nearMiss } from './near-miss.ts';

const WORDS = ['memory', 'guest', 'readOnly', 'disks'];

test.each([
  ['memroy', 'memory'],
  ['gest', 'guest'],
  ['read-only', 'readOnly'],
  ['disk', 'disks'],
  ['MEMORY', 'memory'],
])('%s is a near miss of %s', (word, meant) => {
  expect(nearMiss(word, WORDS)).toBe(meant);
});

test('a word that is near to none has no near miss', () => {
  expect(nearMiss('network', WORDS)).toBeUndefined();
  expect(nearMiss('', WORDS)).toBeUndefined();
});

test('a very long word costs no more than a short one', () => {
  expect(nearMiss('x'.repeat(1_000_000), WORDS)).toBeUndefined();
});
