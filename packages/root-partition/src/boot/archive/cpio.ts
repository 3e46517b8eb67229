/**
 * cpio archives in the "new ASCII" form, of which Linux makes its initial root file system.
 *
 * Follows Documentation/driver-api/early-userspace/buffer-format.rst. Each member is
 *
 *     0     6                                             110
 *     magic | 13 fields of eight hexadecimal digits       | name NUL | zeros to 4 | data | zeros to 4
 *
 * and a member named `TRAILER!!!` ends the archive. Archives may follow one another, with zeros between them.
 */
import { damaged } from '../damaged.ts';

/** Kinds of files, in the upper bits of the mode (POSIX `S_IF…`). */
export const FileKind = {
  Fifo: 0o010000,
  CharacterDevice: 0o020000,
  Directory: 0o040000,
  BlockDevice: 0o060000,
  Regular: 0o100000,
  SymbolicLink: 0o120000,
  Mask: 0o170000,
} as const;

/** A member of an archive. */
export interface CpioEntry {
  /** Path without a leading slash. */
  readonly name: string;
  /** Kind and permissions. */
  readonly mode: number;
  /** Contents; the target, for a symbolic link. */
  readonly data: Uint8Array;
  /** Number of its owner. */
  readonly uid: number;
  /** Number of its group. */
  readonly gid: number;
  /** Seconds since 1970. */
  readonly modified: number;
  /** Major and minor number, for a device. */
  readonly device: readonly [number, number];
  /** Members with the same number and more than one link are one file; only the last of them has the data. */
  readonly inode: number;
  /** Names that it has. */
  readonly links: number;
}

const MAGIC = '070701';
/** With a sum over the data, which Linux checks. */
const MAGIC_SUMMED = '070702';
const TRAILER = 'TRAILER!!!';
const HEADER = 110;
const FIELDS = 13;
/** PATH_MAX of Linux, which takes no longer names. */
const LONGEST_NAME = 4096;
const LARGEST_FILE = 0xffff_ffff;

/** What is given of a member; what is left out is 0 (inodes are numbered, with one link). */
export type NewCpioEntry = Partial<CpioEntry> & Pick<CpioEntry, 'name' | 'mode'>;

/** Writes an archive. Directories must come before what is in them. */
export function writeCpio(entries: Iterable<NewCpioEntry>): Uint8Array {
  return Buffer.concat([...cpioMembers(entries), ...cpioTrailer()]);
}

/**
 * Members one by one, for archives that are larger than memory should be; {@link cpioTrailer} ends them.
 *
 * @param firstInode - number of the first member that brings none
 */
export function* cpioMembers(entries: Iterable<NewCpioEntry>, firstInode = 1): Generator<Uint8Array, void> {
  let number = firstInode;
  for (const entry of entries) {
    const full = { data: new Uint8Array(0), uid: 0, gid: 0, modified: 0, device: [0, 0] as const, links: 1, ...entry };
    yield* member({ inode: number++, ...full });
  }
}

/** What ends an archive. */
export function cpioTrailer(): Uint8Array[] {
  const none = { data: new Uint8Array(0), mode: 0, uid: 0, gid: 0, modified: 0, device: [0, 0] as const };
  return member({ ...none, name: TRAILER, inode: 0, links: 1 });
}

/**
 * Reads one archive. Data are views of `archive`.
 *
 * @param start - where it begins; zeros before it are skipped
 * @returns its members, and where it ends
 * @throws UserError `file-damaged`
 */
export function readCpio(archive: Uint8Array, start = 0): { entries: CpioEntry[]; end: number } {
  let at = start;
  while (archive[at] === 0) at++;
  const entries: CpioEntry[] = [];
  for (;;) {
    const { entry, end } = readMember(archive, at);
    at = end;
    if (entry.name === TRAILER) return { entries, end };
    entries.push(entry);
  }
}

function member(entry: CpioEntry): Uint8Array[] {
  const name = new TextEncoder().encode(`${entry.name}\0`);
  if (name.length > LONGEST_NAME || entry.data.length > LARGEST_FILE) {
    throw new RangeError(`a cpio archive cannot hold ${entry.name}`);
  }
  const fields = [
    entry.inode,
    entry.mode,
    entry.uid,
    entry.gid,
    entry.links,
    entry.modified,
    entry.data.length,
    0,
    0,
    entry.device[0],
    entry.device[1],
    name.length,
    0,
  ];
  const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return [new TextEncoder().encode(header), name, zeros(HEADER + name.length), entry.data, zeros(entry.data.length)];
}

/** Reads the member at `at`. @returns it, and where the next one starts */
function readMember(archive: Uint8Array, at: number): { entry: CpioEntry; end: number } {
  if (at + HEADER > archive.length) throw damaged('cpio', 'it is cut short');
  const text = String.fromCharCode(...archive.subarray(at, at + HEADER));
  const magic = text.slice(0, 6);
  if (magic !== MAGIC && magic !== MAGIC_SUMMED) throw damaged('cpio', `there is no member at byte ${at}`);
  const fields = Array.from({ length: FIELDS }, (_, i) => {
    const digits = text.slice(6 + 8 * i, 14 + 8 * i);
    if (!/^[0-9a-fA-F]{8}$/.test(digits)) throw damaged('cpio', `a field of the member at byte ${at} is no number`);
    return parseInt(digits, 16);
  });
  const field = (index: number): number => fields[index]!;
  const [size, nameSize] = [field(6), field(11)];
  if (nameSize < 1 || nameSize > LONGEST_NAME) throw damaged('cpio', `a name has ${nameSize} bytes`);
  const dataStart = at + padded(HEADER + nameSize);
  const end = dataStart + padded(size);
  if (dataStart + size > archive.length) throw damaged('cpio', 'it is cut short');
  const nameStart = at + HEADER;
  if (archive[nameStart + nameSize - 1] !== 0) throw damaged('cpio', 'a name does not end with a NUL');
  const name = new TextDecoder().decode(archive.subarray(nameStart, nameStart + nameSize - 1));
  const data = archive.subarray(dataStart, dataStart + size);
  if (magic === MAGIC_SUMMED && data.reduce((total, byte) => (total + byte) >>> 0, 0) !== field(12)) {
    throw damaged('cpio', `${name} does not match its checksum`);
  }
  const entry = {
    name,
    data,
    inode: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    links: field(4),
    modified: field(5),
    device: [field(9), field(10)] as const,
  };
  return { entry, end };
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function zeros(size: number): Uint8Array {
  return new Uint8Array(padded(size) - size);
}
