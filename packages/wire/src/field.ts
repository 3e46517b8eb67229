/**
 * Fields: the leaves of a wire struct. Each knows its width and how to move its value to and from memory.
 *
 * Little-endian unless the name says otherwise (`u16be`…, for SCSI and VHDX-era formats that are big-endian).
 */

/**
 * What a field holds, for whoever describes a struct to others: tables, C headers, dissectors. `uint` and `int` are
 * little-endian, `uint-be` is big-endian, `text` is UTF-16 that ends at the first NUL,
 * `utf8` what its name says.
 */
export type FieldKind =
  'uint' | 'uint-be' | 'int' | 'bytes' | 'text' | 'utf8' | 'guid' | 'reserved' | 'array' | 'struct';

/** Names of the values that a specification gives a field: `{ Read: 0, Write: 1 }`. A peer may write any other. */
export type ValueNames = Readonly<Record<string, number>>;

/** Values that share an integer: for each its lowest bit, how many bits it has, and names for what it can be. */
export type PackedValues = Readonly<
  Record<string, readonly [bit: number, width: number] | readonly [bit: number, width: number, names: ValueNames]>
>;

/** One field: how wide it is in bytes, and how to move its value to and from memory. */
export interface Field<T> {
  /** What it holds, for whoever shows it. */
  readonly kind: FieldKind;
  /** Of an `array`: what it is made of. */
  readonly element?: Field<any>;
  /** Names of values. */
  readonly names?: ValueNames;
  /** Names of bits, or of runs of them, by their mask. */
  readonly bits?: ValueNames;
  /** Values that are packed in it, from its lowest bit up or not: see {@link packed}. */
  readonly packed?: PackedValues;
  /** Bytes that are text, with spaces or zeros behind it. */
  readonly ascii?: boolean;
  /** Width in bytes. */
  readonly size: number;
  /** Reads the value at byte offset `at`. */
  read(view: DataView, at: number): T;
  /** Writes the value at byte offset `at`. */
  write(view: DataView, at: number, value: T): void;
}

/** An unsigned byte. */
export const u8: Field<number> = {
  kind: 'uint',
  size: 1,
  read: (view, at) => view.getUint8(at),
  write: (view, at, value) => view.setUint8(at, value),
};

/** An unsigned 16-bit integer, little-endian. */
export const u16: Field<number> = {
  kind: 'uint',
  size: 2,
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, value, true),
};

/** An unsigned 32-bit integer, little-endian. */
export const u32: Field<number> = {
  kind: 'uint',
  size: 4,
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, value, true),
};

/** A signed 16-bit integer, little-endian. */
export const i16: Field<number> = {
  kind: 'int',
  size: 2,
  read: (view, at) => view.getInt16(at, true),
  write: (view, at, value) => view.setInt16(at, value, true),
};

/** A signed 32-bit integer, little-endian. */
export const i32: Field<number> = {
  kind: 'int',
  size: 4,
  read: (view, at) => view.getInt32(at, true),
  write: (view, at, value) => view.setInt32(at, value, true),
};

/** An unsigned 64-bit integer, little-endian. */
export const u64: Field<bigint> = {
  kind: 'uint',
  size: 8,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value, true),
};

/** An unsigned 16-bit integer, big-endian. */
export const u16be: Field<number> = {
  kind: 'uint-be',
  size: 2,
  read: (view, at) => view.getUint16(at, false),
  write: (view, at, value) => view.setUint16(at, value, false),
};

/** An unsigned 32-bit integer, big-endian. */
export const u32be: Field<number> = {
  kind: 'uint-be',
  size: 4,
  read: (view, at) => view.getUint32(at, false),
  write: (view, at, value) => view.setUint32(at, value, false),
};

/** An unsigned 64-bit integer, big-endian. */
export const u64be: Field<bigint> = {
  kind: 'uint-be',
  size: 8,
  read: (view, at) => view.getBigUint64(at, false),
  write: (view, at, value) => view.setBigUint64(at, value, false),
};

/** Padding or a reserved range: written as zero, never read, absent from the value. */
export const reserved = (size: number): Field<void> => ({
  kind: 'reserved',
  size,
  read: () => undefined,
  write: (view, at) => {
    for (let i = 0; i < size; i++) view.setUint8(at + i, 0);
  },
});

/** A fixed run of bytes, copied on read so that a later write by a peer cannot change it. Short values are zero-filled. */
export const bytes = (size: number): Field<Uint8Array> => ({
  kind: 'bytes',
  size,
  read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, size).slice(),
  write: (view, at, value) => {
    if (value.length > size) throw new RangeError(`field holds ${size} bytes, given ${value.length}`);
    const target = new Uint8Array(view.buffer, view.byteOffset + at, size);
    target.fill(0);
    target.set(value);
  },
});

/** A fixed run of `length` values of one field. Short values are filled with zero bytes. */
export const array = <T>(field: Field<T>, length: number): Field<T[]> => ({
  kind: 'array',
  element: field,
  size: field.size * length,
  read: (view, at) => Array.from({ length }, (_, i) => field.read(view, at + i * field.size)),
  write: (view, at, value) => {
    if (value.length > length) throw new RangeError(`field holds ${length} values, given ${value.length}`);
    for (let i = 0; i < field.size * length; i++) view.setUint8(at + i, 0);
    value.forEach((item, i) => field.write(view, at + i * field.size, item));
  },
});

/** A fixed array of `units` UTF-16 code units, read up to the first NUL and written with zero fill. */
export const utf16 = (units: number): Field<string> => ({
  kind: 'text',
  size: units * 2,
  read: (view, at) => {
    let text = '';
    for (let i = 0; i < units; i++) {
      const unit = view.getUint16(at + i * 2, true);
      if (unit === 0) break;
      text += String.fromCharCode(unit);
    }
    return text;
  },
  write: (view, at, value) => {
    if (value.length > units) throw new RangeError(`field holds ${units} UTF-16 units, given ${value.length}`);
    for (let i = 0; i < units; i++) view.setUint16(at + i * 2, i < value.length ? value.charCodeAt(i) : 0, true);
  },
});

/** `size` bytes of UTF-8, read up to the first NUL and written with zero fill; what does not fit is cut off. */
export const utf8 = (size: number): Field<string> => ({
  kind: 'utf8',
  size,
  read: (view, at) => {
    let codes = '';
    for (let i = 0; i < size && view.getUint8(at + i) !== 0; i++) {
      codes += `%${view
        .getUint8(at + i)
        .toString(16)
        .padStart(2, '0')}`;
    }
    try {
      return decodeURIComponent(codes);
    } catch {
      return codes.replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    }
  },
  write: (view, at, value) => {
    const codes = encodeURIComponent(value).match(/%..|./g) ?? [];
    for (let i = 0; i < size; i++) {
      const code = codes[i] ?? '%00';
      view.setUint8(at + i, code.length === 3 ? parseInt(code.slice(1), 16) : code.charCodeAt(0));
    }
  },
});

/** The same field, with names for its values. The codec does not change: a peer may write what has no name. */
export const named = <T extends number | bigint>(field: Field<T>, names: ValueNames): Field<T> => ({ ...field, names });

/** The same field, with names for its bits, by their masks. */
export const flags = <T extends number | bigint>(field: Field<T>, bits: ValueNames): Field<T> => ({ ...field, bits });

/**
 * The same field, said to hold several values: `packed(u8, { qualifier: [5, 3], type: [0, 5, DeviceType] })`. The codec does
 * not change; who shows it shows each value, and bits that none has are reserved.
 */
export const packed = <T extends number | bigint>(field: Field<T>, values: PackedValues): Field<T> => ({
  ...field,
  packed: values,
});

/** The same bytes, said to be text: ASCII with spaces or zeros behind it. */
export const ascii = (field: Field<Uint8Array>): Field<Uint8Array> => ({ ...field, ascii: true });
