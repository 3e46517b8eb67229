/**
 * ELF executables for x86, 32- and 64-bit: what has to be in memory, and where to start.
 *
 * Follows the System V ABI (gABI chapters 4 and 5). Segments go to their physical addresses; sections and relocations
 * are not looked at.
 */
import { UserError } from '@ringlet/wire';
import { damaged } from '../damaged.ts';

const MAGIC = 0x464c457f;
const CLASS_32 = 1;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const EXECUTABLE = 2;
const SHARED = 3;
const MACHINE_386 = 3;
const MACHINE_X86_64 = 62;
const SEGMENT_LOAD = 1;
const SEGMENT_NOTE = 4;
/** Far more than any kernel has. */
const MOST_SEGMENTS = 256;
const MOST_NOTES = 1024;

/** A piece of the image that has to be in memory. */
export interface ElfSegment {
  /** Physical address. */
  readonly address: number;
  /** What stands there. */
  readonly data: Uint8Array;
  /** Bytes in memory; those after `data` are zero. */
  readonly size: number;
  /** Virtual address, for finding the entry of images that give a virtual one. */
  readonly virtualAddress: bigint;
}

/** A note: a typed record under an owner's name. */
interface ElfNote {
  readonly owner: string;
  readonly type: number;
  readonly data: Uint8Array;
}

/** What a loader has to know of an ELF file. */
export interface ElfImage {
  readonly width: 32 | 64;
  /** Physical address of the first instruction. */
  readonly entry: number;
  /** In the file's order; at least one. */
  readonly segments: readonly ElfSegment[];
  readonly notes: readonly ElfNote[];
}

/** One program header, as far as it matters here. */
interface ProgramHeader {
  readonly type: number;
  readonly offset: number;
  readonly virtualAddress: bigint;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

/** Where the two widths keep what is needed. */
const LAYOUT = {
  32: { header: 52, entry: 24, programHeaders: 28, entrySize: 42, count: 44, programHeader: 32 },
  64: { header: 64, entry: 24, programHeaders: 32, entrySize: 54, count: 56, programHeader: 56 },
} as const;

/** Whether `data` starts as an ELF file does. */
export function isElf(data: Uint8Array): boolean {
  return data.length >= 4 && new DataView(data.buffer, data.byteOffset).getUint32(0, true) === MAGIC;
}

/**
 * Reads an ELF executable.
 *
 * @throws UserError `file-damaged` when anything lies outside the file, `kernel-unsupported` when it is not an x86 one
 */
export function parseElf(data: Uint8Array): ElfImage {
  if (!isElf(data)) throw damaged('ELF', 'it does not start with the ELF magic');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const kind = data[4];
  const width = kind === CLASS_64 ? 64 : kind === CLASS_32 ? 32 : undefined;
  if (width === undefined) throw damaged('ELF', 'it is neither 32- nor 64-bit');
  const layout = LAYOUT[width];
  if (data.length < layout.header) throw damaged('ELF', 'its header is cut short');
  const machine = view.getUint16(18, true);
  const forX86 = data[5] === LITTLE_ENDIAN && (machine === MACHINE_386 || machine === MACHINE_X86_64);
  if (!forX86) throw unsupported('is for another processor');
  const type = view.getUint16(16, true);
  if (type !== EXECUTABLE && type !== SHARED) throw unsupported('is not an executable');

  const headers = programHeaders(view, width);
  const segments = headers.filter((header) => header.type === SEGMENT_LOAD && header.memorySize > 0);
  if (segments.length === 0) throw damaged('ELF', 'it has nothing to load');
  const entry = width === 64 ? view.getBigUint64(layout.entry, true) : BigInt(view.getUint32(layout.entry, true));
  return {
    width,
    entry: physicalEntry(entry, segments),
    segments: segments.map((header) => ({
      address: header.address,
      data: data.subarray(header.offset, header.offset + header.fileSize),
      size: header.memorySize,
      virtualAddress: header.virtualAddress,
    })),
    notes: headers
      .filter((header) => header.type === SEGMENT_NOTE)
      .flatMap((header) => notes(data.subarray(header.offset, header.offset + header.fileSize))),
  };
}

/** Reads all program headers and checks that each lies within the file. */
function programHeaders(view: DataView, width: 32 | 64): ProgramHeader[] {
  const layout = LAYOUT[width];
  const table =
    width === 64 ? number(view.getBigUint64(layout.programHeaders, true)) : view.getUint32(layout.programHeaders, true);
  const count = view.getUint16(layout.count, true);
  const size = view.getUint16(layout.entrySize, true);
  if (count > MOST_SEGMENTS) throw damaged('ELF', `it has ${count} program headers`);
  if (count > 0 && size < layout.programHeader) throw damaged('ELF', 'its program headers are too small');
  if (table + count * size > view.byteLength) throw damaged('ELF', 'its program headers lie outside the file');
  return Array.from({ length: count }, (_, i) => {
    const header = width === 64 ? header64(view, table + i * size) : header32(view, table + i * size);
    const used = header.type === SEGMENT_LOAD || header.type === SEGMENT_NOTE;
    if (used && header.offset + header.fileSize > view.byteLength)
      throw damaged('ELF', 'a segment lies outside the file');
    if (header.type === SEGMENT_LOAD && header.fileSize > header.memorySize) {
      throw damaged('ELF', 'a segment is larger in the file than in memory');
    }
    return header;
  });
}

function header64(view: DataView, at: number): ProgramHeader {
  return {
    type: view.getUint32(at, true),
    offset: number(view.getBigUint64(at + 8, true)),
    virtualAddress: view.getBigUint64(at + 16, true),
    address: number(view.getBigUint64(at + 24, true)),
    fileSize: number(view.getBigUint64(at + 32, true)),
    memorySize: number(view.getBigUint64(at + 40, true)),
  };
}

function header32(view: DataView, at: number): ProgramHeader {
  return {
    type: view.getUint32(at, true),
    offset: view.getUint32(at + 4, true),
    virtualAddress: BigInt(view.getUint32(at + 8, true)),
    address: view.getUint32(at + 12, true),
    fileSize: view.getUint32(at + 16, true),
    memorySize: view.getUint32(at + 20, true),
  };
}

/** The physical address of the entry, which some images give as a virtual one. */
function physicalEntry(entry: bigint, segments: readonly ProgramHeader[]): number {
  const inside = (start: bigint, header: ProgramHeader): boolean =>
    entry >= start && entry < start + BigInt(header.memorySize);
  if (segments.some((header) => inside(BigInt(header.address), header))) return Number(entry);
  const segment = segments.find((header) => inside(header.virtualAddress, header));
  if (segment === undefined) throw damaged('ELF', 'its entry lies outside its segments');
  return segment.address + Number(entry - segment.virtualAddress);
}

/** Splits a note segment: three words, then name and data, each padded to four bytes. */
function notes(data: Uint8Array): ElfNote[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const found: ElfNote[] = [];
  for (let at = 0; at + 12 <= data.length;) {
    const nameSize = view.getUint32(at, true);
    const dataSize = view.getUint32(at + 4, true);
    const name = at + 12;
    const content = name + padded(nameSize);
    if (content + dataSize > data.length) throw damaged('ELF', 'a note is cut short');
    if (found.length === MOST_NOTES) throw damaged('ELF', 'it has too many notes');
    found.push({
      owner: String.fromCharCode(...data.subarray(name, name + Math.max(0, Math.min(nameSize, 64) - 1))),
      type: view.getUint32(at + 8, true),
      data: data.subarray(content, content + dataSize),
    });
    at = content + padded(dataSize);
  }
  return found;
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Addresses and sizes beyond 2^53 are damage: no machine here has that much. */
function number(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('ELF', 'an address or a size is out of range');
  return Number(value);
}

function unsupported(why: string): UserError {
  return new UserError('kernel-unsupported', `this ELF file ${why}`, {
    hint: 'Use an executable for x86 (bzImage, vmlinux, or a Multiboot or PVH kernel).',
  });
}
