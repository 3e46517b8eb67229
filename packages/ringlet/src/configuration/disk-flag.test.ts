import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDiskFlag } from './disk-flag.ts';

test('a path alone is a disk whose writes are thrown away', () => {
  expect(parseDiskFlag('data.vhdx')).toEqual({ path: 'data.vhdx' });
});

test('words after the path say how the disk is used', () => {
  expect(parseDiskFlag('a.img,keep,format=raw,controller=1,target=1,lun=3')).toEqual({
    path: 'a.img',
    keep: true,
    format: 'raw',
    controller: 1,
    target: 1,
    lun: 3,
  });
  expect(parseDiskFlag('cd.iso,ro')).toEqual({ path: 'cd.iso', readOnly: true });
});

test('two commas are one comma of the file name', () => {
  expect(parseDiskFlag('a,,b.img,keep')).toEqual({ path: 'a,b.img', keep: true });
});

test('a word nobody knows is refused with the one that was probably meant', () => {
  expect(() => parseDiskFlag('a.img,keeep')).toThrow(
    expect.objectContaining({ code: 'disk-option-invalid', hint: expect.stringContaining('did you mean "keep"?') }),
  );
});

test.each([
  '',
  ',keep',
  'a,format=qcow2',
  'a,format',
  'a,lun=64',
  'a,iops=0',
  'a,iops=',
  'a,bandwidth=fast',
  'a,controller=4',
  'a,target=2',
  'a,lun=',
  'a,lun=1x',
  'a,keep=1',
  'a,keep,ro',
])('%j is refused', (text) => {
  expect(() => parseDiskFlag(text)).toThrow(expect.objectContaining({ code: 'disk-option-invalid' }));
});

/** What becomes of a value: `disk`, or the name of the error. */
function outcome(text: string): string {
  try {
    return parseDiskFlag(text).path === '' ? 'no path' : 'disk';
  } catch (error) {
    return error instanceof Error ? error.name : 'not an error';
  }
}

test('whatever is written, the answer is a disk or a user error', () => {
  const word = fc.constantFrom('a', ',', '=', 'keep', 'ro', 'lun', '9', 'format', 'raw', '\0');
  fc.assert(
    fc.property(fc.string({ unit: word }), (text) => {
      expect(outcome(text)).toMatch(/^(disk|UserError)$/);
    }),
  );
});
