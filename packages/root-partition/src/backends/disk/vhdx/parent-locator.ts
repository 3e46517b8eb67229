/** The parent locator of a differencing VHDX (MS-VHDX 2.6.2.6): which disk it builds on, and where that may be. */
import { isGuid } from '@ringlet/wire';
import type { ImageSource } from '../image-source.ts';
import { LocatorEntry, LocatorHeader, VHDX_LOCATOR, viewOf } from './layout.ts';

/** Keys that a locator of this kind needs no more of. */
const MOST_KEYS = 64;

/** How a file names its parent. */
export interface ParentLocator {
  /** The `DataWriteGuid`s that the parent may have: one, or two while a merge was under way. */
  linkage: string[];
  /** As stored, with backslashes: from the directory of this file. */
  relativePath?: string | undefined;
  /** As stored, starting with `\\?\`. */
  absolutePath?: string | undefined;
}

/** Reads a locator. @throws UserError when it is damaged or of another kind. */
export function parseLocator(source: ImageSource, item: Uint8Array): ParentLocator {
  const header = LocatorHeader.decode(item);
  if (header === undefined) throw source.damaged('its parent locator is too short');
  if (header.type !== VHDX_LOCATOR) throw source.unsupported(`its parent is of an unknown kind, ${header.type}`);
  if (header.count > MOST_KEYS) throw source.damaged(`its parent locator has ${header.count} keys`);
  const view = viewOf(item);
  const values = new Map<string, string>();
  for (let i = 0; i < header.count; i++) {
    const at = LocatorHeader.size + i * LocatorEntry.size;
    if (at + LocatorEntry.size > item.length) throw source.damaged('its parent locator is too short');
    const entry = LocatorEntry.read(view, at);
    const key = textAt(item, entry.keyOffset, entry.keyLength);
    const value = textAt(item, entry.valueOffset, entry.valueLength);
    if (key === undefined || value === undefined || values.has(key)) {
      throw source.damaged('its parent locator has a key that cannot be read');
    }
    values.set(key, value);
  }
  const linkage = ['parent_linkage', 'parent_linkage2']
    .map((key) =>
      values
        .get(key)
        ?.toLowerCase()
        .replace(/^\{(.*)\}$/, '$1'),
    )
    .filter((id): id is string => id !== undefined && isGuid(id));
  if (linkage.length === 0) throw source.damaged('its parent locator has no parent_linkage');
  return { linkage, relativePath: values.get('relative_path'), absolutePath: values.get('absolute_win32_path') };
}

/** Encodes a locator. */
export function encodeLocator(locator: ParentLocator): Uint8Array {
  const pairs: [string, string][] = [['parent_linkage', `{${locator.linkage[0]!}}`]];
  if (locator.relativePath !== undefined) pairs.push(['relative_path', locator.relativePath]);
  if (locator.absolutePath !== undefined) pairs.push(['absolute_win32_path', locator.absolutePath]);
  const tableEnd = LocatorHeader.size + pairs.length * LocatorEntry.size;
  const item = new Uint8Array(pairs.reduce((sum, [key, value]) => sum + (key.length + value.length) * 2, tableEnd));
  const view = viewOf(item);
  LocatorHeader.write(view, 0, { type: VHDX_LOCATOR, count: pairs.length });
  let at = tableEnd;
  const put = (text: string): number => {
    const from = at;
    for (let i = 0; i < text.length; i++, at += 2) view.setUint16(at, text.charCodeAt(i), true);
    return from;
  };
  pairs.forEach(([key, value], index) => {
    LocatorEntry.write(view, LocatorHeader.size + index * LocatorEntry.size, {
      keyOffset: put(key),
      valueOffset: put(value),
      keyLength: key.length * 2,
      valueLength: value.length * 2,
    });
  });
  return item;
}

/** The string at `at`; `undefined` when it is empty, odd, outside, or has a NUL in it. */
function textAt(item: Uint8Array, at: number, length: number): string | undefined {
  if (at === 0 || length === 0 || length % 2 !== 0 || at + length > item.length) return undefined;
  const view = viewOf(item);
  let text = '';
  for (let i = 0; i < length; i += 2) text += String.fromCharCode(view.getUint16(at + i, true));
  return text.includes('\0') ? undefined : text;
}
