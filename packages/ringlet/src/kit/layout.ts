/** The layout of a message, row by row, from its declaration: what C headers and pages are made of. */
import type { Field, FieldKind, Struct, Shape } from '@ringlet/wire';

/** One field of a message. */
export interface LayoutRow {
  readonly name: string;
  /** Byte offset in the message. */
  readonly offset: number;
  /** Width in bytes. */
  readonly size: number;
  /** What it holds, for people: `u32`, `u16, big-endian`, `u32[4]`, `20 bytes`. */
  readonly type: string;
}

/** The fields of a message, in wire order. */
export const layoutOf = (message: Struct<Shape>): LayoutRow[] =>
  Object.entries(message.shape).map(([name, field]) => ({
    name,
    offset: message.at[name]!,
    size: field.size,
    type: typeOf(field),
  }));

/** The fields of a struct that is a field itself. */
export const shapeOf = (field: Field<unknown>): Shape => (field as Partial<Struct<Shape>>).shape ?? {};

function typeOf(field: Field<unknown>): string {
  const { size, element } = field;
  const words: Record<FieldKind, () => string> = {
    uint: () => `u${size * 8}`,
    'uint-be': () => `u${size * 8}, big-endian`,
    int: () => `i${size * 8}`,
    bytes: () => `${size} bytes`,
    text: () => `UTF-16, ${size / 2} units`,
    utf8: () => `UTF-8, ${size} bytes`,
    guid: () => 'GUID',
    reserved: () => 'reserved',
    array: () => `${typeOf(element!)}[${size / element!.size}]`,
    struct: () => `{ ${Object.keys(shapeOf(field)).join(', ')} }`,
  };
  return words[field.kind]();
}
