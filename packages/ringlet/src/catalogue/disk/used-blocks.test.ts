import { expect, test } from 'vitest';
import { usedBlocks } from './used-blocks.ts';

const HEAD = 'Filesystem volume name:   root\nBlock count:              1000\nBlock size:               4096\n\n';

test('what is not free is used, over the borders of groups, to the end', () => {
  const groups = [
    'Group 0: (Blocks 0-499) csum 0x1 [ITABLE_ZEROED]\n  Free blocks: 10-19, 30, 400-499\n  Free inodes: 12-100',
    'Group 1: (Blocks 500-999)\n  Free blocks: 500-899\n  Free inodes: 101-200',
  ];
  expect(usedBlocks(HEAD + groups.join('\n'))).toEqual({
    blockSize: 4096,
    ranges: [
      { first: 0, count: 10 },
      { first: 20, count: 10 },
      { first: 31, count: 369 },
      { first: 900, count: 100 },
    ],
  });
});

test('a full file system is used, and a text of something else says nothing', () => {
  expect(usedBlocks(`${HEAD}  Free blocks: \n`)?.ranges).toEqual([{ first: 0, count: 1000 }]);
  expect(usedBlocks('dumpe2fs: Bad magic number')).toBeUndefined();
  expect(usedBlocks(`${HEAD}  Free blocks: 20-30\n  Free blocks: 10\n`)).toBeUndefined();
  expect(usedBlocks(`${HEAD}  Free blocks: 20-1000\n`)).toBeUndefined();
});
