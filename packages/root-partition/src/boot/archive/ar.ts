/**
 * ar archives, as Debian packages are: `debian-binary`, `control.tar.*`, `data.tar.*`.
 *
 *     !<arch>\n | name 16 | time 12 | owner 6 | group 6 | mode 8 | size 10 | `\n | data | \n to an even offset | ...
 *
 * All text, padded with blanks. Long names by reference (GNU, BSD) do not occur in packages and are not resolved.
 */
import { damaged } from '../damaged.ts';

/** A member of an archive; its data are a view of the archive. */
export interface ArMember {
  /** Without the padding and the slash that some archives put behind it. */
  readonly name: string;
  /** Its contents. */
  readonly data: Uint8Array;
}

const MAGIC = '!<arch>\n';
const HEADER = 60;
const HEADER_END = '`\n';

/** Whether `data` starts as an ar archive does. */
export function isAr(data: Uint8Array): boolean {
  return text(data, 0, MAGIC.length) === MAGIC;
}

/** Reads the members one by one. @throws UserError `file-damaged` */
export function* readAr(archive: Uint8Array): Generator<ArMember, void> {
  if (!isAr(archive)) throw damaged('ar', 'it does not start with the ar magic');
  for (let at = MAGIC.length; at < archive.length;) {
    if (at + HEADER > archive.length) throw damaged('ar', 'a header is cut short');
    if (text(archive, at + 58, 2) !== HEADER_END) throw damaged('ar', `there is no member at byte ${at}`);
    const size = text(archive, at + 48, 10).trimEnd();
    if (!/^\d+$/.test(size)) throw damaged('ar', 'a size is no number');
    const start = at + HEADER;
    const end = start + Number(size);
    if (end > archive.length) throw damaged('ar', 'a member is cut short');
    // Some writers end a name with a slash, so that it may have blanks.
    const name = text(archive, at, 16).trimEnd().replace(/\/$/, '');
    yield { name, data: archive.subarray(start, end) };
    at = end + (end % 2);
  }
}

function text(data: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...data.subarray(at, at + length));
}
