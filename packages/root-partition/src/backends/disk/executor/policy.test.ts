import { expect, test } from 'vitest';
import { ExecutorPolicy } from './policy.ts';

const BLOCK = 4096;
/** Milliseconds: a cached read, inline and by the pool; a read that waits for flash, and for a disk that turns. */
const CACHED = 0.003;
const CACHED_BY_POOL = 0.07;
const FLASH = 0.08;
const DISK = 6;

/** A policy that has seen cached reads in the pool until it went inline. */
function inlinePolicy(): ExecutorPolicy {
  const policy = new ExecutorPolicy();
  for (let i = 0; i < 64 && !policy.inline(BLOCK); i++) policy.poolTook(CACHED_BY_POOL, BLOCK, 0);
  return policy;
}

test('a file begins in the pool, and comes inline when its reads are as fast as cached ones', () => {
  const policy = new ExecutorPolicy();
  expect(policy.inline(BLOCK)).toBe(false);
  for (let i = 0; i < 32; i++) policy.poolTook(CACHED_BY_POOL, BLOCK, 0);
  expect(policy.inline(BLOCK)).toBe(true);
});

test('a busy host, where most reads are late, does not keep a cached file in the pool', () => {
  const policy = new ExecutorPolicy();
  for (let i = 0; i < 32; i++) policy.poolTook(i % 7 === 0 ? CACHED_BY_POOL : 1.5, BLOCK, 0);
  expect(policy.inline(BLOCK)).toBe(true);
});

test('a disk that turns stays in the pool for ever', () => {
  const policy = new ExecutorPolicy();
  for (let i = 0; i < 10_000; i++) policy.poolTook(DISK, BLOCK, 3);
  expect(policy.inline(BLOCK)).toBe(false);
});

test('two reads that wait for a disk send a file to the pool', () => {
  const policy = inlinePolicy();
  policy.inlineTook(DISK, BLOCK);
  expect(policy.inline(BLOCK)).toBe(true);
  policy.inlineTook(DISK, BLOCK);
  expect(policy.inline(BLOCK)).toBe(false);
});

test('reads that wait for flash send a file to the pool within twenty', () => {
  const policy = inlinePolicy();
  let reads = 0;
  for (; policy.inline(BLOCK); reads++) policy.inlineTook(FLASH, BLOCK);
  expect(reads).toBeLessThanOrEqual(20);
});

test('a read in fifty during which the thread did not run does not send a cached file away', () => {
  const policy = inlinePolicy();
  for (let i = 0; i < 5000; i++) policy.inlineTook(i % 50 === 0 ? 4 : CACHED, BLOCK);
  expect(policy.inline(BLOCK)).toBe(true);
});

test('each return that proves wrong doubles the run that the next one takes', () => {
  const policy = inlinePolicy();
  const runs: number[] = [];
  for (let round = 0; round < 4; round++) {
    while (policy.inline(BLOCK)) policy.inlineTook(DISK, BLOCK);
    let run = 0;
    for (; !policy.inline(BLOCK); run++) policy.poolTook(CACHED_BY_POOL, BLOCK, 0);
    runs.push(run);
  }
  expect(runs).toEqual([64, 128, 256, 512]);
});

test('long transfers use the pool, but in a deterministic machine', () => {
  expect(inlinePolicy().inline(1024 * 1024)).toBe(false);
  expect(new ExecutorPolicy('inline').inline(1024 * 1024)).toBe(true);
});
