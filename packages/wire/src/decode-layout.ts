/**
 * Decodes bytes by a layout table. What is decoded is untrusted and may be cut off anywhere: fields that are not there are
 * left out, and nothing is thrown. The generated dissectors of `ringlet dissector` do exactly the same, in Lua.
 */
import type { FieldRow } from './field-rows.ts';
import { guid } from './guid.ts';
import { utf16, utf8 } from './field.ts';
import type { CaseRow, LayoutRow, LayoutTable, Place, Times } from './layout.ts';

/** Layouts inside layouts, at most. */
const MOST_DEPTH = 16;
/** Repetitions of one alternative, at most. */
const MOST_TIMES = 256;
/** Layouts in one message, at most. */
const MOST_LAYOUTS = 512;
const PAGE = 4096;
/** Above this, integers are bigints. */
const MOST_NUMBER_BYTES = 4;

/** One field that was found. */
export interface DecodedField {
  /** As it is declared. */
  readonly name: string;
  /** From the first byte of all. */
  readonly at: number;
  /** Width in bytes. */
  readonly size: number;
  /** Integers of more than four bytes are bigints, GUIDs are text, arrays of small integers are lists. */
  readonly value: number | bigint | string | Uint8Array | readonly number[];
  /** What the specification calls the value: a name, or the names of the bits that are set. */
  readonly text?: string;
}

/** One layout that was found. */
export interface DecodedLayout {
  /** Name of the layout: `vstor`, `rndis.packet`. */
  readonly layout: string;
  /** What the specification calls it. */
  readonly title: string;
  /** Its first byte, from the first of all. */
  readonly at: number;
  /** How many layouts it is inside of. */
  readonly depth: number;
  /** Its fields in the order on the wire, as far as there were bytes. */
  readonly fields: readonly DecodedField[];
}

/** Values by the names of fields: what alternatives are chosen by. */
export type Scope = Readonly<Record<string, number | string>>;

type OwnScope = Record<string, number | string>;

/** A scope that sees all of another, and is not seen by it. */
const inside = (outer: Scope): OwnScope => Object.create(outer) as OwnScope;

/**
 * Takes `data` apart.
 *
 * @param root - name of the layout that it begins with
 * @returns the layouts in the order in which they were found
 */
export function decodeLayout(table: LayoutTable, root: string, data: Uint8Array, scope: Scope = {}): DecodedLayout[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const found: DecodedLayout[] = [];

  const decode = (name: string, start: number, limit: number, own: OwnScope, depth: number): number => {
    const row = table[name];
    if (row === undefined || depth > MOST_DEPTH || found.length >= MOST_LAYOUTS) return limit;
    const fields: DecodedField[] = [];
    found.push({ layout: name, title: row.title, at: start, depth, fields });
    const add = (field: FieldRow): void => {
      const at = start + field.at;
      if (at + field.size > limit) return;
      const value = valueOf(view, field, at);
      const text = textOf(field, value);
      fields.push({ name: field.name, at, size: field.size, value, ...(text !== undefined && { text }) });
      if (typeof value === 'number' || typeof value === 'string') own[field.name] = value;
      else if (typeof value === 'bigint') own[field.name] = Number(value);
    };
    row.fields.forEach(add);
    if (row.tail !== undefined) {
      const left = Math.max(0, limit - start - row.size);
      const size = left - (left % unitOf(row.tail));
      if (size > 0) add({ ...row.tail, size });
      return limit;
    }
    return follow(row, start, limit, own, depth);
  };

  const follow = (row: LayoutRow, start: number, limit: number, own: OwnScope, depth: number): number => {
    let end = Math.min(start + row.size, limit);
    for (const part of row.parts) {
      const chosen = part.find((each) => applies(each, own, limit - end));
      if (chosen === undefined) continue;
      const begin = chosen.at === undefined ? end : start + placeOf(chosen.at, own);
      if (!(begin >= start && begin <= limit)) continue;
      const length = chosen.length === undefined ? limit - begin : placeOf(chosen.length, own);
      const stop = Math.min(limit, begin + Math.max(0, length));
      // A length of nothing: it is not there.
      if (chosen.length === undefined || stop > begin) end = repeat(chosen, begin, stop, own, depth);
      if (chosen.length !== undefined) end = stop;
    }
    return end;
  };

  const repeat = (chosen: CaseRow, begin: number, stop: number, own: OwnScope, depth: number): number => {
    const times = timesOf(chosen.times, own);
    let at = begin;
    for (let i = 0; i < times && (at < stop || i === 0); i++) {
      if (chosen.times !== undefined && at >= stop) break;
      at = decode(chosen.layout, at, stop, chosen.known === true ? own : inside(own), depth + 1);
    }
    return at;
  };

  decode(root, 0, data.length, inside(scope), 0);
  return found;
}

function applies({ when = [], atLeast = 0 }: CaseRow, own: Scope, left: number): boolean {
  return left >= atLeast && when.every(([field, values]) => values.includes(own[field] as never));
}

const placeOf = ({ field, times = 1, plus = 0 }: Place, own: Scope): number =>
  (field === undefined ? 0 : Number(own[field] ?? 0) * times) + plus;

function timesOf(times: Times | undefined, own: Scope): number {
  if (times === undefined) return 1;
  if (times === 'rest') return MOST_TIMES;
  if (!('pages' in times)) return Math.min(MOST_TIMES, placeOf(times, own));
  const { length, offset } = times.pages;
  return Math.min(MOST_TIMES, Math.ceil((Number(own[length] ?? 0) + Number(own[offset] ?? 0)) / PAGE));
}

function valueOf(view: DataView, row: FieldRow, at: number): DecodedField['value'] {
  const bytes = (): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, row.size);
  switch (row.kind) {
    case 'guid':
      return guid.read(view, at);
    case 'utf16':
      return utf16(row.size / 2).read(view, at);
    case 'utf8':
      return utf8(row.size).read(view, at);
    case 'ascii':
      return asciiText(bytes());
    case 'list': {
      const element = row.element ?? 1;
      return Array.from({ length: row.size / element }, (_, i) =>
        Number(integer(view, at + i * element, element, true)),
      );
    }
    case 'bytes':
      return bytes();
    default: {
      const value = partOf(row, integer(view, at, row.size, row.bigEndian !== true));
      return row.kind === 'int' ? Number(BigInt.asIntN(row.size * 8, BigInt(value))) : value;
    }
  }
}

function integer(view: DataView, at: number, size: number, little: boolean): number | bigint {
  if (size > MOST_NUMBER_BYTES) return view.getBigUint64(at, little);
  if (size === 4) return view.getUint32(at, little);
  return size === 2 ? view.getUint16(at, little) : view.getUint8(at);
}

/** Of an integer that is packed with others: its own bits. */
function partOf({ bit, width = 0, size }: FieldRow, value: number | bigint): number | bigint {
  if (bit === undefined) return value;
  const own = BigInt.asUintN(width, BigInt(value) >> BigInt(bit));
  return size > MOST_NUMBER_BYTES ? own : Number(own);
}

/** Bytes of one character or element. */
const unitOf = ({ kind, element = 1 }: FieldRow): number => (kind === 'utf16' ? 2 : element);

function asciiText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end))).replace(/ +$/, '');
}

function textOf({ names, bits }: FieldRow, value: DecodedField['value']): string | undefined {
  if (names !== undefined && Array.isArray(value)) {
    return (value as readonly number[]).map((each) => names[each] ?? String(each)).join('|');
  }
  if (names !== undefined) return names[Number(value)];
  if (bits === undefined || (typeof value !== 'number' && typeof value !== 'bigint')) return undefined;
  const word = BigInt(value);
  const set = bits.filter(([mask]) => mask !== 0 && (word & BigInt(mask)) === BigInt(mask)).map(([, name]) => name);
  return set.length === 0 ? undefined : set.join('|');
}
