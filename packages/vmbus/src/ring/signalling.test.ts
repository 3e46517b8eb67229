import { expect, test } from 'vitest';
import { freeBytes, isIndex, mustSignalReader, mustSignalWriter } from './signalling.ts';

test('R1: eight bytes of a ring always stay free', () => {
  expect(freeBytes(4096, 0, 0)).toBe(4088);
  expect(freeBytes(4096, 8, 0)).toBe(0);
  expect(freeBytes(4096, 4088, 0)).toBe(4080);
});

test('R7: an index is below the size and a multiple of eight', () => {
  expect(isIndex(4096, 4088)).toBe(true);
  expect(isIndex(4096, 4096)).toBe(false);
  expect(isIndex(4096, 12)).toBe(false);
  expect(isIndex(4096, -8)).toBe(false);
});

test('S1: the reader is signalled when it did not mask and had read everything', () => {
  expect(mustSignalReader(0, 64, 64)).toBe(true);
  expect(mustSignalReader(1, 64, 64)).toBe(false);
  expect(mustSignalReader(0, 32, 64)).toBe(false);
});

test('S2: the writer is signalled by the commit that crosses what it waits for, and by no other', () => {
  expect(mustSignalWriter(128, 120, 128)).toBe(true);
  expect(mustSignalWriter(128, 128, 256)).toBe(false);
  expect(mustSignalWriter(128, 64, 120)).toBe(false);
  expect(mustSignalWriter(0, 0, 4088)).toBe(false);
});

test('R16: a writer that asks for "ring size minus one" is told when the ring is empty', () => {
  expect(mustSignalWriter(4095, 4080, 4088)).toBe(true);
});
