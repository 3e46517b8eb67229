/**
 * XZ: streams of blocks, each with its filters and a check, and an index at the end.
 *
 * Follows "The .xz File Format" 1.2.0. Filters: LZMA2, alone or after the x86 branch filter. No package on npm reads the
 * branch filter, which Linux uses for its kernels.
 *
 *     header     FD '7zXZ' 00 | 00 check | crc32
 *     block      header | data | zeros to a multiple of 4 | check
 *     index      00 | count | (size unpadded, size plain) each | zeros | crc32
 *     footer     crc32 | size of the index / 4 - 1 | 00 check | 'YZ'
 */
import { UserError } from '@ringlet/wire';
import { damaged } from '../../damaged.ts';
import { ByteCursor } from './byte-cursor.ts';
import { CHECK_SIZES, checksum, makeCheck, type Check } from './check.ts';
import { Lzma2Decoder } from './lzma2.ts';
import { X86Filter } from './x86-filter.ts';

const HEADER_MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const FOOTER_MAGIC = 0x5a59;
const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;
/** Largest dictionary taken on: what `xz -9` and Linux need is 64 and 128 MiB. */
const LARGEST_DICTIONARY = 256 * 2 ** 20;
/** Indicator of an index, where a block has its header's size. */
const INDEX = 0;

/** What a block's header says. */
interface BlockHeader {
  readonly packedSize: number | undefined;
  readonly plainSize: number | undefined;
  readonly dictionary: number;
  /** Start address of the x86 filter, `undefined` without that filter. */
  readonly x86Start: number | undefined;
}

/** One record of the index: sizes of a block. */
interface BlockSizes {
  readonly unpadded: number;
  readonly plain: number;
}

/** Whether `data` starts as an XZ file does. */
export function isXz(data: Uint8Array): boolean {
  return HEADER_MAGIC.every((byte, i) => data[i] === byte);
}

/**
 * Decompresses an XZ file piece by piece, so that whoever calls can write, count or stop in between. Each piece is good
 * until the next is asked for. Checks everything the format lets one check.
 *
 * @throws UserError `file-damaged`; `xz-unsupported` for filters and checks that are valid but not handled here
 */
export function* decompressXz(input: Uint8Array): Generator<Uint8Array, void> {
  const cursor = new ByteCursor(input);
  do {
    yield* stream(cursor);
    // Zeros may follow, in fours, and further streams.
    while (cursor.left >= 4 && cursor.peekU32() === 0) cursor.skip(4);
  } while (cursor.left > 0);
}

/** One stream, from its header to its footer. */
function* stream(cursor: ByteCursor): Generator<Uint8Array, void> {
  if (!isXz(cursor.rest)) throw damaged('XZ', 'it does not start with the XZ magic');
  const flags = cursor.skip(HEADER_MAGIC.length);
  const type = checkType(cursor);
  if (checksum(cursor.since(flags)) !== cursor.u32()) throw damaged('XZ', 'the header does not match its checksum');

  const blocks: BlockSizes[] = [];
  while (cursor.peek() !== INDEX) blocks.push(yield* block(cursor, type));
  const indexSize = index(cursor, blocks);

  const sum = cursor.u32();
  const footer = cursor.position;
  const backward = (cursor.u32() + 1) * 4;
  if (checkType(cursor) !== type) throw damaged('XZ', 'header and footer disagree');
  if (checksum(cursor.since(footer)) !== sum) throw damaged('XZ', 'the footer does not match its checksum');
  if (backward !== indexSize) throw damaged('XZ', 'the footer gives the index another size');
  if (cursor.u16() !== FOOTER_MAGIC) throw damaged('XZ', 'it does not end with the XZ magic');
}

/** Reads stream flags: a zero and the type of check. */
function checkType(cursor: ByteCursor): number {
  if (cursor.u8() !== 0) throw damaged('XZ', 'reserved flags are set');
  const type = cursor.u8();
  if (type > 15) throw damaged('XZ', 'reserved flags are set');
  return type;
}

/** One block. @returns its sizes, which the index must repeat. */
function* block(cursor: ByteCursor, type: number): Generator<Uint8Array, BlockSizes> {
  const start = cursor.position;
  const header = blockHeader(cursor);
  const check = makeCheck(type);
  if (check === undefined) throw unsupported(`a check of type ${type}`);

  const dataStart = cursor.position;
  const decoder = new Lzma2Decoder(cursor.bytes, dataStart, header.dictionary);
  const filter = header.x86Start === undefined ? undefined : new X86Filter(header.x86Start);
  let plain = 0;
  for (const chunk of decoder.chunks()) {
    const piece = filter === undefined ? chunk : filter.push(chunk);
    plain += piece.length;
    if (plain > (header.plainSize ?? Infinity)) throw damaged('XZ', 'a block is longer than it says');
    check.update(piece);
    yield piece;
  }
  const last = filter?.finish() ?? new Uint8Array(0);
  plain += last.length;
  check.update(last);
  if (last.length > 0) yield last;

  cursor.skip(decoder.position - dataStart);
  if (
    (header.plainSize ?? plain) !== plain ||
    (header.packedSize ?? decoder.position - dataStart) !== decoder.position - dataStart
  ) {
    throw damaged('XZ', 'a block has another size than it says');
  }
  cursor.zerosToMultipleOf4();
  const stored = cursor.take(CHECK_SIZES[type]!);
  verify(check, stored);
  return { unpadded: decoder.position - start + stored.length, plain };
}

/** Reads a block's header: sizes, where given, and its filters. */
function blockHeader(cursor: ByteCursor): BlockHeader {
  const start = cursor.position;
  const size = (cursor.u8() + 1) * 4;
  const header = new ByteCursor(cursor.bytes.subarray(start, start + size), 1);
  cursor.skip(size - 1);
  const flags = header.u8();
  if ((flags & 0x3c) !== 0) throw unsupported('a block with flags of a later version');
  const packedSize = (flags & 0x40) === 0 ? undefined : header.variable();
  const plainSize = (flags & 0x80) === 0 ? undefined : header.variable();
  const filters = (flags & 3) + 1;
  let x86Start: number | undefined;
  for (let i = 1; i < filters; i++) {
    const id = header.variable();
    if (id !== FILTER_X86 || x86Start !== undefined) throw unsupported(`filter ${id} before the last`);
    x86Start = startAddress(header);
  }
  const dictionary = dictionarySize(header);
  while (header.left > 4) if (header.u8() !== 0) throw damaged('XZ', 'padding is not zero');
  if (checksum(cursor.bytes.subarray(start, start + size - 4)) !== header.u32()) {
    throw damaged('XZ', 'a block header does not match its checksum');
  }
  return { packedSize, plainSize, dictionary, x86Start };
}

/** Reads the properties of the x86 filter: nothing, or where the data starts. */
function startAddress(header: ByteCursor): number {
  const size = header.variable();
  if (size === 0) return 0;
  if (size !== 4) throw damaged('XZ', 'the x86 filter has properties of a wrong size');
  return header.u32();
}

/** Reads the LZMA2 filter: one byte, a dictionary of 2 or 3 times a power of two. */
function dictionarySize(header: ByteCursor): number {
  const id = header.variable();
  if (id !== FILTER_LZMA2) throw unsupported(`filter ${id} as the last`);
  if (header.variable() !== 1) throw damaged('XZ', 'LZMA2 has properties of a wrong size');
  const code = header.u8();
  if (code > 40) throw damaged('XZ', 'the dictionary size is out of range');
  const size = (2 | (code & 1)) * 2 ** ((code >> 1) + 11);
  if (size > LARGEST_DICTIONARY) throw unsupported(`a dictionary of ${size / 2 ** 20} MiB`);
  return size;
}

/** Reads the index, which must list `blocks`. @returns its size. */
function index(cursor: ByteCursor, blocks: readonly BlockSizes[]): number {
  const start = cursor.position;
  cursor.skip(1);
  if (cursor.variable() !== blocks.length) throw damaged('XZ', 'the index lists another number of blocks');
  for (const { unpadded, plain } of blocks) {
    const listed = cursor.variable() === unpadded && cursor.variable() === plain;
    if (!listed) throw damaged('XZ', 'the index lists a block of another size');
  }
  cursor.zerosToMultipleOf4(start);
  if (checksum(cursor.since(start)) !== cursor.u32()) throw damaged('XZ', 'the index does not match its checksum');
  return cursor.position - start;
}

/** Compares a block's check with the stored one. */
function verify(check: Check, stored: Uint8Array): void {
  const sum = check.digest();
  if (!sum.every((byte, i) => stored[i] === byte)) throw damaged('XZ', 'a block does not match its checksum');
}

function unsupported(what: string): UserError {
  return new UserError('xz-unsupported', `this XZ file uses ${what}, which is not supported`, {
    hint: 'Decompress it with `xz -d` and give the result.',
  });
}
