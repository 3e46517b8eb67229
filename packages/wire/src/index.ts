/**
 * Structs, fields, GUIDs and byte order, and the three kinds of failure. No word of virtualization in it.
 *
 * @packageDocumentation
 */
export { array, bytes, i16, i32, reserved, u16, u16be, u32, u32be, u64, u64be, u8, utf16 } from './field.ts';
export type { Field, FieldKind } from './field.ts';
export { guid, isGuid, NIL_GUID } from './guid.ts';
export { struct } from './struct.ts';
export type { Infer, Shape, Struct, ValueOf } from './struct.ts';
export { invariant, UserError } from './failure.ts';
