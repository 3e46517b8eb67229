import { expect, test } from 'vitest';
import { memoryLimitsOf } from '../machine/memory.ts';
import { parseMemory } from './memory-flag.ts';

const MIB = 1024 * 1024;

test.each([
  ['256M', { memory: 256 * MIB }],
  ['512M,max=1G', { memory: 512 * MIB, dynamicMemory: { max: 1024 * MIB } }],
  [
    '512M,min=256M,max=768M,buffer=50%',
    { memory: 512 * MIB, dynamicMemory: { min: 256 * MIB, max: 768 * MIB, buffer: 50 } },
  ],
])('%s is a memory', (text, meant) => {
  expect(parseMemory(text, '--memory')).toEqual(meant);
});

test.each([[''], ['lots'], ['512M,'], ['512M,most=1G'], ['512M,max=1G,max=2G'], ['512M,min=5'], ['512M,buffer=x']])(
  '"%s" is refused',
  (text) => {
    expect(() => parseMemory(text, '--memory')).toThrow(expect.objectContaining({ code: 'memory-invalid' }));
  },
);

test('limits that are not given follow from the size', () => {
  const kernel = '/vmlinuz';
  expect(memoryLimitsOf(512 * MIB, { kernel })).toEqual({ minimum: 32 * MIB, maximum: 512 * MIB });
  expect(memoryLimitsOf(512 * MIB, { kernel, dynamicMemory: {} })).toEqual({
    minimum: 256 * MIB,
    maximum: 512 * MIB,
    buffer: 20,
  });
});

test.each([
  [{ min: 600 * MIB }],
  [{ min: 16 * MIB }],
  [{ max: 256 * MIB }],
  [{ max: 512 * MIB + 1 }],
  [{ buffer: -1 }],
  [{ buffer: 1001 }],
])('limits %j of 512 MiB are refused', (dynamicMemory) => {
  expect(() => memoryLimitsOf(512 * MIB, { kernel: '/vmlinuz', dynamicMemory })).toThrow(
    expect.objectContaining({ code: 'memory-limits-invalid' }),
  );
});

test('neither a guest module nor a run in lockstep follows demand', () => {
  const dynamicMemory = { max: 1024 * MIB };
  for (const options of [{ dynamicMemory }, { dynamicMemory, kernel: '/vmlinuz', harness: 'lockstep' as const }]) {
    expect(() => memoryLimitsOf(512 * MIB, options)).toThrow(
      expect.objectContaining({ code: 'memory-limits-invalid' }),
    );
  }
});
