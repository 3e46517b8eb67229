/**
 * Structs, fields, GUIDs and byte order, and the three kinds of failure. No word of virtualization in it.
 *
 * @packageDocumentation
 */
export {
  array,
  ascii,
  bytes,
  flags,
  i16,
  i32,
  named,
  packed,
  reserved,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
  utf16,
  utf8,
} from './field.ts';
export type { Field, FieldKind, PackedValues, ValueNames } from './field.ts';
export { describeStruct } from './field-rows.ts';
export type { FieldRow } from './field-rows.ts';
export { layoutTable } from './layout.ts';
export type { Alternative, CaseRow, Layout, LayoutRow, LayoutTable, Place, Tail, Times } from './layout.ts';
export { decodeLayout } from './decode-layout.ts';
export type { DecodedField, DecodedLayout, Scope } from './decode-layout.ts';
export { guid, isGuid, NIL_GUID } from './guid.ts';
export { struct, structAfter } from './struct.ts';
export type { Infer, Shape, Struct, ValueOf } from './struct.ts';
export { invariant, UserError } from './failure.ts';
