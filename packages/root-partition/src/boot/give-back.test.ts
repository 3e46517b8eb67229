import { expect, test } from 'vitest';
import { giveBack } from './give-back.ts';

const MIB = 1024 * 1024;

test('memory that was given back is the host’s again soon, without a collection', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const bytes = new Uint8Array(64 * MIB).fill(1);
  giveBack(bytes);
  expect(bytes.length).toBe(0);
  await expect.poll(() => process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * MIB);
});

test('a part of a buffer is left alone', () => {
  const whole = new Uint8Array([1, 2, 3]);
  giveBack(whole.subarray(1));
  expect([...whole]).toEqual([1, 2, 3]);
});

test('shared memory is left alone', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(3));
  giveBack(bytes);
  expect(bytes.length).toBe(3);
});
