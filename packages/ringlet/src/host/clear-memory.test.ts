import { expect, test } from 'vitest';
import { clearPages } from './clear-memory.ts';
import { createMemory } from './memory.ts';

const PAGE = 4096;

test('pages become zero, wherever in them something stands, and their neighbours stay', () => {
  const memory = createMemory(64 * PAGE);
  const bytes = new Uint8Array(memory.buffer);
  const clear = clearPages(memory);
  for (const at of [0, 1, 7, 8, 63, 64, 2047, 4032, 4088, 4095]) {
    bytes[2 * PAGE - 1] = bytes[4 * PAGE] = 9;
    bytes[2 * PAGE + at] = bytes[4 * PAGE - 1 - at] = 5;
    clear(2 * PAGE, 2);
    expect(bytes.subarray(PAGE, 5 * PAGE).reduce((sum, byte) => sum + byte, 0)).toBe(18);
  }
});

test('a page at the very end of memory can be cleared', () => {
  const memory = createMemory(16 * PAGE);
  const bytes = new Uint8Array(memory.buffer).fill(1);
  clearPages(memory)(bytes.length - PAGE, 1);
  expect(bytes.subarray(-PAGE).every((byte) => byte === 0)).toBe(true);
  expect(bytes.at(-PAGE - 1)).toBe(1);
});
