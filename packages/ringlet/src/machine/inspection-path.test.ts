import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { partAt } from './inspection-path.ts';

const ring = { writeIndex: 8 };
const TREE = {
  name: 'web',
  vmbus: {
    channels: { 1: { state: 'open', rings: ring }, 12: { state: 'closed' }, 3: { state: 'open', rings: ring } },
    devices: { 'time synchronisation': { version: '4.0' } },
  },
  processors: [{ rip: '0x1' }, { rip: '0x2' }],
};

const hintOf = (path: string): string => {
  try {
    partAt(TREE, path);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: 'no-such-path', message: `there is nothing at ${path}` });
    return (error as UserError).hint!;
  }
  throw new Error(`there is something at ${path}`);
};

test('a path leads to one part; slashes more or less do not matter', () => {
  expect(partAt(TREE, '')).toBe(TREE);
  expect(partAt(TREE, 'name')).toBe('web');
  expect(partAt(TREE, '/vmbus//channels/1/state/')).toBe('open');
  expect(partAt(TREE, 'processors/1')).toEqual({ rip: '0x2' });
  expect(partAt(TREE, 'vmbus/devices/time synchronisation/version')).toBe('4.0');
});

test('wildcards lead to every part that fits, by path', () => {
  expect(partAt(TREE, 'vmbus/channels/*/rings')).toEqual({
    'vmbus/channels/1/rings': ring,
    'vmbus/channels/3/rings': ring,
  });
  expect(partAt(TREE, 'vmbus/channels/1*/state')).toEqual({
    'vmbus/channels/1/state': 'open',
    'vmbus/channels/12/state': 'closed',
  });
  expect(partAt(TREE, '**/rip')).toEqual({ 'processors/0/rip': '0x1', 'processors/1/rip': '0x2' });
  expect(Object.keys(partAt(TREE, '*') as object)).toEqual(['name', 'vmbus', 'processors']);
  expect(partAt(TREE, 'vm*/dev*/t*e*sync*/ver*n')).toEqual({ 'vmbus/devices/time synchronisation/version': '4.0' });
});

test('where nothing is, the hint says what may have been meant', () => {
  expect(hintOf('channels')).toBe('did you mean vmbus/channels?');
  expect(hintOf('channels/*/rings')).toBe('did you mean vmbus/channels/*/rings?');
  expect(hintOf('rip')).toBe('did you mean processors/0/rip, processors/1/rip?');
  expect(hintOf('vmbus/chanels/1')).toBe('did you mean vmbus/channels?');
  expect(hintOf('vmbus/channels/7')).toBe('in vmbus/channels there are: 1, 3, 12');
  expect(hintOf('zzzzzz')).toBe('there are: name, vmbus, processors');
  expect(hintOf('name/first')).toBe('name has no parts');
});

test('what objects have of themselves is not in the tree', () => {
  for (const path of ['constructor', '__proto__', 'processors/length', 'vmbus/toString', '**/__proto__']) {
    expect(() => partAt(TREE, path)).toThrow(UserError);
  }
});

test('a step of many stars is soon done', () => {
  const started = performance.now();
  hintOf(`${'*a'.repeat(500)}/x`);
  // Not a matter of speed: with backtracking it would take years.
  expect(performance.now() - started).toBeLessThan(20_000);
});
