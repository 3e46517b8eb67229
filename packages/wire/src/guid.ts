/** GUIDs as Windows writes them: the first three groups little-endian, the last eight bytes as they stand. */
import type { Field } from './field.ts';

const TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether `text` is a GUID in its lower-case 8-4-4-4-12 form. */
export const isGuid = (text: string): boolean => TEXT.test(text);

/** The all-zero GUID. */
export const NIL_GUID = '00000000-0000-0000-0000-000000000000';

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0');

/** A 16-byte GUID, in lower-case text form without braces. */
export const guid: Field<string> = {
  kind: 'guid',
  size: 16,
  read: (view, at) => {
    let tail = '';
    for (let i = 8; i < 16; i++) tail += hex(view.getUint8(at + i), 2);
    return [
      hex(view.getUint32(at, true), 8),
      hex(view.getUint16(at + 4, true), 4),
      hex(view.getUint16(at + 6, true), 4),
      tail.slice(0, 4),
      tail.slice(4),
    ].join('-');
  },
  write: (view, at, value) => {
    const text = value.toLowerCase();
    if (!isGuid(text)) throw new TypeError(`not a GUID: ${value}`);
    const digits = text.replaceAll('-', '');
    view.setUint32(at, parseInt(digits.slice(0, 8), 16), true);
    view.setUint16(at + 4, parseInt(digits.slice(8, 12), 16), true);
    view.setUint16(at + 6, parseInt(digits.slice(12, 16), 16), true);
    for (let i = 0; i < 8; i++) view.setUint8(at + 8 + i, parseInt(digits.slice(16 + 2 * i, 18 + 2 * i), 16));
  },
};
