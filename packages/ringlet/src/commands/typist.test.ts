import { expect, test, vi } from 'vitest';
import { Typist } from './typist.ts';

const text = (base64: string): string => Buffer.from(base64, 'base64').toString();

test('what is typed while a message is under way goes with the next, in order', async () => {
  const sent: string[] = [];
  const arrived: (() => void)[] = [];
  const typist = new Typist((base64) => {
    sent.push(text(base64));
    return new Promise<void>((resolve) => arrived.push(resolve));
  });
  for (const key of ['a', 'b', 'c']) typist.type(Buffer.from(key));
  expect(sent).toEqual(['a']);
  arrived.shift()!();
  await vi.waitFor(() => expect(sent).toEqual(['a', 'bc']), 25_000);
});

test('a long paste goes in messages that fit', async () => {
  const sent: string[] = [];
  const typist = new Typist(async (base64) => sent.push(base64));
  const paste = 'x'.repeat(100_000);
  typist.type(Buffer.from(paste));
  await vi.waitFor(() => expect(sent.map(text).join('')).toBe(paste), 25_000);
  expect(Math.max(...sent.map((message) => message.length))).toBeLessThanOrEqual(32 * 1024);
});

test('a machine that is gone takes nothing more, and typing does no harm', async () => {
  let calls = 0;
  const typist = new Typist(async () => {
    calls++;
    throw new Error('gone');
  });
  typist.type(Buffer.from('a'));
  await vi.waitFor(() => expect(calls).toBe(1), 25_000);
  typist.type(Buffer.from('b'));
  await vi.waitFor(() => expect(calls).toBe(2), 25_000);
});
