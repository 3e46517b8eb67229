import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  array,
  bytes,
  type DecodedLayout,
  decodeLayout,
  flags,
  guid,
  i16,
  i32,
  type Layout,
  layoutTable,
  named,
  reserved,
  struct,
  structAfter,
  u16,
  u16be,
  u32,
  u64,
  u64be,
  u8,
  utf16,
  utf8,
} from './index.ts';

const Inner = struct('INNER', 4, { major: u16, minor: u16 });
const Everything = struct('EVERYTHING', 102, {
  byte: u8,
  _pad: reserved(1),
  big: u16be,
  word: u32,
  small: i16,
  signed: i32,
  quad: u64,
  bigQuad: u64be,
  id: guid,
  name: utf16(8),
  label: utf8(8),
  raw: bytes(3),
  _pad2: reserved(1),
  list: array(u32, 3),
  version: Inner,
  colour: named(u8, { Red: 1, LightBlue: 2 }),
  bits: flags(u8, { Fast: 1, VeryFast: 6 }),
  _pad3: reserved(10),
});

/** What a decoder found, by layout and field. */
const found = (layouts: readonly DecodedLayout[]): Record<string, unknown>[] =>
  layouts.map(({ layout, fields }) => ({
    layout,
    ...Object.fromEntries(fields.map((each) => [each.name, each.value])),
  }));

test('a decoder that has the declaration as plain data reads what the codec reads', () => {
  const table = JSON.parse(JSON.stringify(layoutTable({ name: 'all', head: Everything })));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: Everything.size, maxLength: Everything.size + 4 }), (data) => {
      const { version, ...value } = Everything.decode(data)!;
      const [only, ...others] = decodeLayout(table, 'all', data);
      const fields = Object.fromEntries(only!.fields.map((field) => [field.name, field.value]));
      expect(others).toEqual([]);
      expect(fields).toEqual({ ...value, 'version.major': version.major, 'version.minor': version.minor });
    }),
  );
});

test('values and bits have the names of the declaration, spelt as specifications do', () => {
  const table = layoutTable({ name: 'all', head: Everything });
  const text = (colour: number, bits: number): (string | undefined)[] => {
    const data = new Uint8Array(Everything.size);
    data[Everything.at.colour] = colour;
    data[Everything.at.bits] = bits;
    return decodeLayout(table, 'all', data)[0]!
      .fields.slice(-2)
      .map((field) => field.text);
  };
  expect(text(2, 7)).toEqual(['LIGHT_BLUE', 'FAST|VERY_FAST']);
  expect(text(9, 2)).toEqual([undefined, undefined]);
});

const head = struct('HEAD', 4, { type: u16, count: u16 });
const item: Layout = { name: 'item', head: struct('ITEM', 2, { value: u16 }) };
const message: Layout = {
  name: 'message',
  head,
  parts: [
    [
      { when: { type: 1, sender: 0 }, layout: { name: 'ask', head: Inner } },
      { when: { type: [1, 2] }, times: { field: 'count' }, layout: item },
      { when: { type: 3 }, at: { field: 'count', times: 2 }, length: { plus: 2 }, times: 'rest', layout: item },
      { atLeast: 4, layout: { name: 'long', head: Inner } },
    ],
    [{ when: { type: 3 }, layout: { name: 'behind', head: Inner } }],
  ],
};
const decode = (words: readonly number[], sender: number): Record<string, unknown>[] =>
  found(decodeLayout(layoutTable(message), 'message', new Uint8Array(Uint16Array.from(words).buffer), { sender }));

test('what follows is chosen by fields, by what the caller says, and by what is left', () => {
  expect(decode([1, 9, 5, 6], 0)[1]).toEqual({ layout: 'ask', major: 5, minor: 6 });
  expect(decode([1, 2, 5, 6, 7], 1).slice(1)).toEqual([
    { layout: 'item', value: 5 },
    { layout: 'item', value: 6 },
  ]);
  expect(decode([7, 0, 5, 6], 1)[1]).toEqual({ layout: 'long', major: 5, minor: 6 });
  expect(decode([7, 0, 5], 1)).toHaveLength(1);
  // At twice the count, two bytes; then the next part, behind them.
  expect(decode([3, 3, 0, 5, 6, 7], 1).slice(1)).toEqual([
    { layout: 'item', value: 5 },
    { layout: 'behind', major: 6, minor: 7 },
  ]);
});

test('whatever the bytes are, decoding ends, and no field lies outside of them', () => {
  const loop: { name: string; head: typeof head; parts: NonNullable<Layout['parts']> } = {
    name: 'loop',
    head,
    parts: [],
  };
  loop.parts = [[{ at: { field: 'count' }, times: { field: 'type' }, layout: loop }]];
  const tables = [layoutTable(loop), layoutTable(message)];
  fc.assert(
    fc.property(fc.constantFrom(0, 1), fc.uint8Array({ maxLength: 64 }), (which, data) => {
      const layouts = decodeLayout(tables[which]!, which === 0 ? 'loop' : 'message', data, { sender: 1 });
      expect(layouts.length).toBeLessThanOrEqual(512);
      for (const { fields } of layouts) {
        for (const { at, size } of fields) expect(at + size).toBeLessThanOrEqual(data.length);
      }
    }),
  );
});

test('a declaration that contradicts itself is refused', () => {
  expect(() => layoutTable(message, { name: 'item' })).toThrow('two layouts are called item');
  expect(() => layoutTable({ name: 'Item' })).toThrow('cannot be a layout');
});

test('a struct without its first fields has the others where they stand behind them', () => {
  expect(structAfter(Everything, 4).at).toMatchObject({ small: 0, signed: 2 });
  expect(structAfter(Everything, 4).size).toBe(Everything.size - 8);
});
