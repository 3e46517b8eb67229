/**
 * Wire structs: fixed-layout records shared with a peer.
 *
 * A struct is declared once, with the byte size its specification gives. The size is checked when the module loads, so
 * a layout slip fails every test rather than corrupting one guest.
 */
import type { Field } from './field.ts';

/** The fields of a struct, in wire order. */
export type Shape = Readonly<Record<string, Field<any>>>;

/** The plain object a shape reads into. Reserved fields do not appear. */
export type ValueOf<S extends Shape> = {
  -readonly [
    K in keyof S as S[K] extends Field<infer T> ? ([T] extends [void] ? never : K) : never
  ]: S[K] extends Field<infer T> ? T : never;
};

/** A declared wire struct: a {@link Field} itself, so structs nest. */
export interface Struct<S extends Shape> extends Field<ValueOf<S>> {
  /** The specification's name, for traces and errors. */
  readonly name: string;
  /** The declared fields, in wire order: what decoders, tables and fuzzers are generated from. */
  readonly shape: S;
  /** Byte offset of each field, for hot paths that read one field in place. */
  readonly at: { readonly [K in keyof S]: number };
  /** Encodes into a fresh buffer of exactly `size` bytes. */
  encode(value: ValueOf<S>): Uint8Array;
  /** Decodes untrusted bytes; `undefined` when there are too few. Longer input is fine. */
  decode(data: Uint8Array): ValueOf<S> | undefined;
}

/**
 * What follows the first fields of a struct, as a struct: for a message whose first words were looked at already.
 *
 * @param first - how many fields are left out
 */
export function structAfter<S extends Shape>(whole: Struct<S>, first: number): Struct<any> {
  const fields = Object.entries(whole.shape);
  const size = fields.slice(first).reduce((sum, [, field]) => sum + field.size, 0);
  return struct(whole.name, size, Object.fromEntries(fields.slice(first)));
}

/** The value type of a field or struct: `type Offer = Infer<typeof Offer>`. */
export type Infer<T> = T extends Field<infer V> ? V : never;

/**
 * Declares a wire struct of exactly `size` bytes.
 *
 * @throws Error when the fields do not add up to `size`: a mistake of the declaration, found at load time.
 */
export function struct<const S extends Shape>(name: string, size: number, shape: S): Struct<S> {
  const fields = Object.entries(shape);
  const at: Record<string, number> = {};
  let end = 0;
  for (const [key, field] of fields) {
    at[key] = end;
    end += field.size;
  }
  if (end !== size) throw new Error(`${name} is specified as ${size} bytes, its fields take ${end}`);

  const self: Struct<S> = {
    kind: 'struct',
    name,
    size,
    shape,
    at: at as { readonly [K in keyof S]: number },
    read(view, base) {
      const value: Record<string, unknown> = {};
      for (const [key, field] of fields) {
        const read = field.read(view, base + at[key]!);
        if (read !== undefined) value[key] = read;
      }
      return value as ValueOf<S>;
    },
    write(view, base, value) {
      const source = value as Record<string, unknown>;
      for (const [key, field] of fields) field.write(view, base + at[key]!, source[key]);
    },
    encode(value) {
      const data = new Uint8Array(size);
      self.write(new DataView(data.buffer), 0, value);
      return data;
    },
    decode(data) {
      if (data.length < size) return undefined;
      return self.read(new DataView(data.buffer, data.byteOffset, data.byteLength), 0);
    },
  };
  return self;
}
