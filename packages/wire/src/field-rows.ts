/** Field rows: a struct's declaration as plain data, which traces, dissectors and tables of other languages are made from. */
import type { Field } from './field.ts';
import type { Struct } from './struct.ts';

/** One field of a struct. Plain data. */
export interface FieldRow {
  /** Those of a struct inside a struct have the outer one's name before them: `version.major`. */
  readonly name: string;
  /** Byte offset in the struct. */
  readonly at: number;
  /** Width in bytes. */
  readonly size: number;
  /** What it holds. */
  readonly kind: 'uint' | 'int' | 'bytes' | 'utf16' | 'utf8' | 'ascii' | 'guid' | 'list';
  /** Of an integer: the most significant byte comes first. */
  readonly bigEndian?: boolean;
  /** Names by value. */
  readonly names?: Readonly<Record<number, string>>;
  /** Names of bits, each with its mask, in the order of the declaration. */
  readonly bits?: readonly (readonly [mask: number, name: string])[];
  /** Bytes of one element of a list of unsigned integers. */
  readonly element?: number;
  /** Of an integer that shares its bytes with others: its lowest bit. */
  readonly bit?: number;
  /** How many bits it has then. */
  readonly width?: number;
}

/** The fields of a struct in wire order; reserved ones are left out. */
export const describeStruct = (struct: Struct<any>): FieldRow[] => rowsOf(struct, '', 0);

function rowsOf(struct: Struct<any>, prefix: string, base: number): FieldRow[] {
  return Object.entries(struct.shape as Record<string, Field<unknown>>).flatMap(([key, field]) => {
    const at = base + (struct.at[key] ?? 0);
    const name = prefix + key;
    if (isStruct(field)) return rowsOf(field, `${name}.`, at);
    const { kind, size, names, bits, element } = field;
    if (field.packed !== undefined) return packedRows(field, prefix, at);
    switch (kind) {
      case 'reserved':
        return [];
      case 'uint':
      case 'uint-be':
      case 'int':
        return [
          {
            name,
            at,
            size,
            kind: kind === 'int' ? kind : 'uint',
            ...(kind === 'uint-be' && { bigEndian: true }),
            ...(names && { names: byValue(names) }),
            ...(bits && { bits: Object.entries(bits).map(([each, mask]) => [mask, spell(each)] as const) }),
          },
        ];
      case 'array':
        return [
          element?.kind === 'uint'
            ? { name, at, size, kind: 'list', element: element.size }
            : { name, at, size, kind: 'bytes' },
        ];
      case 'text':
        return [{ name, at, size, kind: 'utf16' }];
      case 'utf8':
      case 'guid':
        return [{ name, at, size, kind }];
      default:
        return [{ name, at, size, kind: field.ascii === true ? 'ascii' : 'bytes' }];
    }
  });
}

function packedRows({ kind, size, packed = {} }: Field<unknown>, prefix: string, at: number): FieldRow[] {
  return Object.entries(packed).map(([name, [bit, width, names]]) => ({
    name: prefix + name,
    at,
    size,
    kind: 'uint',
    ...(kind === 'uint-be' && { bigEndian: true }),
    bit,
    width,
    ...(names && { names: byValue(names) }),
  }));
}

const isStruct = (field: Field<unknown>): field is Struct<any> => 'shape' in field;

/** Names by value, as specifications spell them. */
export function byValue(names: Readonly<Record<string, number>>): Record<number, string> {
  const found: Record<number, string> = {};
  for (const [name, value] of Object.entries(names)) found[value] ??= spell(name);
  return found;
}

/** `TestUnitReady` as specifications spell it: `TEST_UNIT_READY`. Hypercalls, and names that are so already, stay. */
const spell = (name: string): string =>
  /^[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*$/.test(name) && !name.startsWith('HvCall')
    ? name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=\d)|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toUpperCase()
    : name;
