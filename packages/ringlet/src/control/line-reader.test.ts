import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineReader } from './line-reader.ts';

test('lines arrive whole however the stream is cut', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'é', '💾', ' ') });
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(7)), (lines, cuts) => {
      const stream = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const reader = new LineReader(1024);
      const read: string[] = [];
      let from = 0;
      for (const cut of [...cuts, stream.length]) {
        read.push(...(reader.push(stream.subarray(from, from + cut)) ?? ['too long']));
        from += cut;
      }
      expect(read).toEqual(lines);
    }),
  );
});

test('a line as long as allowed passes, one byte more does not', () => {
  expect(new LineReader(4).push(Buffer.from('1234\n'))).toEqual(['1234']);
  expect(new LineReader(4).push(Buffer.from('12345\n'))).toBeUndefined();
});

test('a line that never ends is refused as soon as it is too long', () => {
  const reader = new LineReader(4);
  expect(reader.push(Buffer.from('123'))).toEqual([]);
  expect(reader.push(Buffer.from('45'))).toBeUndefined();
});
