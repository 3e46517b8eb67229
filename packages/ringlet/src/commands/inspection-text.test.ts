import { expect, test } from 'vitest';
import { changes, inspectionText } from './inspection-text.ts';

const TREE = {
  name: 'web',
  partition: { state: 'active', vps: { 0: { pending: [33, 48], none: [], crash: null, empty: {}, off: undefined } } },
  list: [{ rip: '0x1' }, { rip: '0x2' }],
};

test('a tree is indented, values stand below each other, and nothing is a tab', () => {
  const text = inspectionText(TREE);
  expect(text).toBe(
    [
      'name  web',
      'partition',
      '  state  active',
      '  vps',
      '    0',
      '      pending  33 48',
      '      none     none',
      '      crash    -',
      '      empty    none',
      'list',
      '  0  rip 0x1',
      '  1  rip 0x2',
      '',
    ].join('\n'),
  );
  expect(text).not.toContain('\t');
});

test('one value is one line', () => {
  expect(inspectionText('open')).toBe('open\n');
  expect(inspectionText(0)).toBe('0\n');
  expect(inspectionText([])).toBe('none\n');
});

test('what is deeper than was asked for is counted', () => {
  expect(inspectionText(TREE, { depth: 1 })).toBe('name  web\npartition  … 2 parts\nlist  … 2 parts\n');
  expect(inspectionText(TREE, { depth: 2 })).toContain('  vps  … 1 part\n');
});

test('what a guest chose cannot move the cursor', () => {
  expect(inspectionText({ 'a\u001b[2J': 'x\ty\n\u009b' })).toBe('a\\x1b[2J  x\\x09y\\x0a\\x9b\n');
});

test('numbers that changed have their rate, other values a star', () => {
  const before = { packets: 10, indices: { write: 100 }, state: 'open', same: 1, list: [1] };
  const after = { packets: 1010, indices: { write: 101 }, state: 'closed', same: 1, list: [2], fresh: 3 };
  expect(inspectionText(after, { note: changes(before, 2) })).toBe(
    [
      'packets  1010  +500/s',
      'indices  write 101 +0.5/s',
      'state    closed  *',
      'same     1',
      'list     2',
      'fresh    3',
      '',
    ].join('\n'),
  );
});

test('the rate of a part that a wildcard led to is found by its whole path', () => {
  const note = changes({ 'a/1/b': { n: 1 }, 'a/1': 5 }, 1);
  expect(note('a/1/b/n', 3)).toBe('  +2.0/s');
});
