import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeElf, makePvhNote, refusal } from '../boot-fixture.ts';
import { parseElf, type ElfSegment } from './elf.ts';

const CODE = Uint8Array.of(0xf4, 0xeb, 0xfd);

test('segments, entry and notes are found', () => {
  const image = parseElf(
    makeElf(0x10_0000, [
      { address: 0x10_0000, data: CODE, size: 0x1000 },
      { address: 0, data: makePvhNote(0x10_0010), kind: 'note' },
    ]),
  );
  expect(image.entry).toBe(0x10_0000);
  expect(image.segments).toHaveLength(1);
  expect(image.segments[0]).toMatchObject({ address: 0x10_0000, size: 0x1000 });
  expect(Array.from(image.segments[0]!.data)).toEqual(Array.from(CODE));
  expect(image.notes[0]).toMatchObject({ owner: 'Xen', type: 18 });
});

test('a virtual entry becomes the physical one', () => {
  const virtualAddress = 0xffff_ffff_8100_0000n;
  const image = parseElf(makeElf(virtualAddress + 2n, [{ address: 0x100_0000, data: CODE, virtualAddress }]));
  expect(image.entry).toBe(0x100_0002);
});

test.each([
  ['its entry lies outside', makeElf(0x20_0000, [{ address: 0x10_0000, data: CODE }])],
  ['it has nothing to load', makeElf(0, [])],
  ['a segment is larger in the file', makeElf(0x10_0000, [{ address: 0x10_0000, data: CODE, size: 1 }])],
  ['a segment lies outside the file', makeElf(0x10_0000, [{ address: 0x10_0000, data: CODE }]).slice(0, -1)],
  ['program headers lie outside the file', makeElf(0x10_0000, [{ address: 0x10_0000, data: CODE }]).slice(0, 80)],
  ['header is cut short', makeElf(0x10_0000, []).slice(0, 40)],
])('refused: %s', (message, file) => {
  expect(() => parseElf(file)).toThrow(message);
});

test('a file for another processor is refused as such', () => {
  const file = makeElf(0x10_0000, [{ address: 0x10_0000, data: CODE }]);
  file[18] = 183;
  expect(() => parseElf(file)).toThrow('for another processor');
});

test('no header makes the reader fail in another way than by an error for the user, or point outside the file', () => {
  const file = makeElf(0x10_0000, [
    { address: 0x10_0000, data: CODE },
    { address: 0, data: makePvhNote(0x10_0010), kind: 'note' },
  ]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const changed = file.slice();
      for (const [at, value] of changes) changed[at] = value;
      let segments: readonly ElfSegment[] = [];
      const code = refusal(() => (segments = parseElf(changed).segments));
      expect(['none', 'file-damaged', 'kernel-unsupported']).toContain(code);
      expect(segments.filter(({ data, size }) => size < data.length)).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});
