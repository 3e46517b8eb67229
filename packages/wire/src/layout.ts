/**
 * Layouts: which structs follow each other in a message, said as data instead of code.
 *
 * A layout is a struct (its head) and parts behind it. A part is a list of alternatives, of which the first that applies
 * is taken: by the values of fields that were read before, by how many bytes are left. It begins where the part before it
 * ended, or at a place that a field tells.
 *
 *     { name: 'echo', head: EchoHeader, parts: [
 *         [{ when: { operation: 1 }, layout: Ping }, { when: { operation: 2 }, layout: Pong }]] }
 *
 * {@link layoutTable} makes plain data of it, which goes to other threads, to other languages, and to `decodeLayout`.
 */
import type { ValueNames } from './field.ts';
import { byValue, describeStruct, type FieldRow } from './field-rows.ts';
import type { Struct } from './struct.ts';

/** A number that a field tells: its value times `times` plus `plus`. Without a field, `plus` alone. */
export interface Place {
  /** Name of the field; the nearest one that was read has it. */
  readonly field?: string;
  /** What its value is multiplied by; 1 when absent. */
  readonly times?: number;
  /** What is added then, in bytes or pieces; 0 when absent. */
  readonly plus?: number;
}

/** How often an alternative stands there one after the other: a number, as long as there are bytes, or once a page. */
export type Times =
  | Place
  | 'rest'
  /** As often as pages of 4096 bytes are touched by `length` bytes from `offset` in the first: names of fields. */
  | { readonly pages: { readonly length: string; readonly offset: string } };

/** One of the things that may follow. */
export interface Alternative {
  /** Values that fields have, the nearest of each name. */
  readonly when?: Readonly<Record<string, number | string | readonly (number | string)[]>>;
  /** Bytes that are left, at least. */
  readonly atLeast?: number;
  /** Where, from the start of the layout that it belongs to; behind the part before it when absent. */
  readonly at?: Place;
  /** Bytes that are its own; all that are left when absent. */
  readonly length?: Place;
  /** Once when absent. */
  readonly times?: Times;
  /** What follows in the layout that it belongs to may be chosen by its fields, too. */
  readonly known?: boolean;
  /** What stands there if it applies. */
  readonly layout: Layout;
}

/** One field of all bytes behind a head, however many they are. */
export interface Tail {
  /** Its name. */
  readonly name: string;
  /** What they are; those of a list are little-endian integers. */
  readonly kind: 'bytes' | 'ascii' | 'utf8' | 'utf16' | 'list';
  /** Bytes of one element of a list. */
  readonly element?: 1 | 2 | 4;
  /** Names of the elements' values. */
  readonly names?: ValueNames;
}

/** A declared message. */
export interface Layout {
  /** Lower-case words joined by dots, its own: `vstor`, `rndis.packet`. */
  readonly name: string;
  /** The struct that it begins with; none when absent. */
  readonly head?: Struct<any>;
  /** All bytes behind the head, as one field; such a layout has no parts. */
  readonly tail?: Tail;
  /** What follows, in order; of each part's alternatives the first that applies. */
  readonly parts?: readonly (readonly Alternative[])[];
}

/** One alternative, as data. */
export interface CaseRow extends Omit<Alternative, 'layout' | 'when'> {
  /** Fields and the values that they may have for it to apply. */
  readonly when?: readonly (readonly [field: string, values: readonly (number | string)[]])[];
  /** Name of the layout. */
  readonly layout: string;
}

/** One layout, as data. */
export interface LayoutRow {
  /** What its specification calls it. */
  readonly title: string;
  /** Bytes of its head. */
  readonly size: number;
  /** Fields of its head. */
  readonly fields: readonly FieldRow[];
  /** The field of what is behind the head; its size is 0 here. */
  readonly tail?: FieldRow;
  /** What follows, in order. */
  readonly parts: readonly (readonly CaseRow[])[];
}

/** Layouts by name. Plain data. */
export type LayoutTable = Readonly<Record<string, LayoutRow>>;

/** The layouts that can be reached from some, as data. @throws Error when two have one name: a mistake of the declaration. */
export function layoutTable(...roots: readonly Layout[]): LayoutTable {
  const table: Record<string, LayoutRow> = {};
  const known = new Map<string, Layout>();
  const add = (layout: Layout): string => {
    const { name, head, tail, parts = [] } = layout;
    const before = known.get(name);
    if (before === layout) return name;
    if (before !== undefined) throw new Error(`two layouts are called ${name}`);
    if (!/^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/.test(name)) throw new Error(`"${name}" cannot be a layout's name`);
    known.set(name, layout);
    table[name] = {
      title: head?.name ?? name,
      size: head?.size ?? 0,
      fields: head ? describeStruct(head) : [],
      ...(tail && { tail: tailRow(tail, head?.size ?? 0) }),
      parts: [],
    };
    table[name] = { ...table[name], parts: parts.map((part) => part.map(rowOf)) };
    return name;
  };
  const rowOf = ({ layout, when, ...rest }: Alternative): CaseRow => ({
    ...rest,
    ...(when && {
      when: Object.entries(when).map(([field, values]) => [field, Array.isArray(values) ? values : [values]] as const),
    }),
    layout: add(layout),
  });
  for (const root of roots) add(root);
  return table;
}

const tailRow = ({ names, ...rest }: Tail, at: number): FieldRow => ({
  ...rest,
  at,
  size: 0,
  ...(names && { names: byValue(names) }),
});
