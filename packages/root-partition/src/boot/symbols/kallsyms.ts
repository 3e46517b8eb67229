/**
 * The symbols that a Linux kernel carries in itself (CONFIG_KALLSYMS), found in its plain image without any help.
 *
 * Follows the tables that scripts/kallsyms.c of Linux writes, from 4.20 on. They lie in read-only data, each aligned to 8:
 *
 *     [offsets  base]  count  names  markers  [order]  tokens  token index  [offsets  base  [order]]
 *
 * Offsets are before or, from 6.4 on, behind. The order of symbols by name, 24 bits each, came with 6.2.
 *
 * - tokens: 256 strings, each ended by a zero; the index has where each begins, 16 bits each.
 * - names: a length (with bit 7 set, 7 bits of it, and the rest in the next byte), then so many numbers of tokens. What they
 *   make together is a letter, as nm has it, and the name.
 * - markers: where in names every 256th symbol begins, 32 bits each.
 * - offsets: 32 bits a symbol. Where per-processor symbols are absolute, those are as they are, and the others are minus one
 *   minus the distance from the base; otherwise all are distances.
 *
 * The index is what is looked for: 256 increasing numbers that name the beginnings of the strings right before it.
 */
import { UserError } from '@ringlet/wire';
import { decompressPayload } from '../compression/payload.ts';
import { isBzImage, parseBzImage } from '../image/bzimage.ts';
import { isElf } from '../image/elf.ts';

/** One symbol. */
export interface KernelSymbol {
  /** As the kernel has it. */
  readonly name: string;
  /** Its linear address, as the kernel was linked or is loaded. */
  readonly address: bigint;
  /** As nm has it: T and t code, D and d data, … upper case when it is global. */
  readonly type: string;
}

const TOKENS = 256;
const INDEX_BYTES = 2 * TOKENS;
const NAMES_PER_MARKER = 256;
/** A kernel has some hundred thousand; what claims more is something else. */
const MOST_SYMBOLS = 4_000_000;
/** Of one symbol's place in the order by name. */
const ORDER_BYTES = 3;
/** Of one symbol's encoded name. */
const LONGEST_NAME = 1024;
const ZERO_TOKEN = 0x30;
/** Digits stand for themselves in every kernel: they are in names. */
const DIGITS = Buffer.from(Array.from({ length: 10 }, (_, digit) => [ZERO_TOKEN + digit, 0]).flat());
const LOWEST_KERNEL = 0xffff_ffff_8000_0000n;

/**
 * Reads the symbols of a kernel.
 *
 * @param kernel - a bzImage, or a plain vmlinux
 * @returns in the order of the kernel's table
 * @throws UserError `symbols-none` when it has none, and what decompressing it throws
 */
export function kernelSymbols(kernel: Uint8Array): KernelSymbol[] {
  const plain = isBzImage(kernel) ? decompressPayload(parseBzImage(kernel).payload).data : kernel;
  const image = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
  const found = isElf(plain) ? findTables(image) : undefined;
  if (found === undefined) {
    throw new UserError('symbols-none', 'this kernel has no symbols in itself', {
      hint: 'a Linux kernel with CONFIG_KALLSYMS has, as those of distributions do',
    });
  }
  return found;
}

function findTables(image: Buffer): KernelSymbol[] | undefined {
  for (let at = image.indexOf(DIGITS); at >= 0; at = image.indexOf(DIGITS, at + 1)) {
    const tokens = readTokens(image, at);
    if (tokens === undefined) continue;
    const names = readNames(image, tokens);
    if (names === undefined) continue;
    const addresses = readAddresses(image, tokens.end, names);
    if (addresses === undefined) continue;
    return names.names.map((name, i) => ({ type: name[0]!, name: name.slice(1), address: addresses[i]! }));
  }
  return undefined;
}

interface Tokens {
  readonly strings: readonly string[];
  readonly start: number;
  /** Behind their index. */
  readonly end: number;
}

/** The table of tokens in which the digits are at `digits`. */
function readTokens(image: Buffer, digits: number): Tokens | undefined {
  let start = digits;
  for (let token = 0; token < ZERO_TOKEN && start > 1; token++) {
    start = image.lastIndexOf(0, start - 2) + 1;
    if (digits - start > ZERO_TOKEN * LONGEST_NAME) return undefined;
  }
  const strings: string[] = [];
  const starts: number[] = [];
  let at = start;
  for (let token = 0; token < TOKENS; token++) {
    const end = image.indexOf(0, at);
    if (end < 0 || end - at > LONGEST_NAME) return undefined;
    starts.push(at - start);
    strings.push(image.toString('latin1', at, end));
    at = end + 1;
  }
  for (let index = at; index < at + 8; index++) {
    if (index + INDEX_BYTES > image.length) return undefined;
    if (starts.every((value, token) => image.readUInt16LE(index + 2 * token) === value)) {
      return { strings, start, end: index + INDEX_BYTES };
    }
  }
  return undefined;
}

interface Names {
  /** With their types before them. */
  readonly names: readonly string[];
  /** Where the count stands. */
  readonly start: number;
}

function readNames(image: Buffer, { strings, start: end }: Tokens): Names | undefined {
  for (const markers of markersBefore(image, end)) {
    const { values, start, count: known } = markers;
    // The last marker says where at most 256 names before the markers begin.
    const highest = start - values.at(-1)!;
    const lowest = Math.max(16, highest - NAMES_PER_MARKER * LONGEST_NAME - 8);
    for (let at = highest; at >= lowest; at--) {
      const count = image.readUInt32LE(at - 8);
      if (Math.ceil(count / NAMES_PER_MARKER) !== values.length || (known !== undefined && count !== known)) continue;
      const names = expand(image, at, count, strings, values);
      if (names) return { names, start: at - 8 };
    }
  }
  return undefined;
}

interface Markers {
  readonly values: readonly number[];
  readonly start: number;
  /** How many symbols there are, when their order by name says so. */
  readonly count?: number;
}

/** What may be the markers: right before the tokens, or before the symbols' order by name. */
function* markersBefore(image: Buffer, end: number): Generator<Markers> {
  const most = Math.min(MOST_SYMBOLS, Math.floor(end / 4));
  for (let count = 0; count < most; count++) {
    const markersEnd = end - padded(ORDER_BYTES * count);
    for (const last of [markersEnd - 4, markersEnd - 8]) {
      const markers = risingTo(image, last, count === 0 ? undefined : Math.ceil(count / NAMES_PER_MARKER));
      if (markers) yield count === 0 ? markers : { ...markers, count };
    }
  }
}

/** The numbers that fall, backwards from `last`, to the 0 of the first; `length` of them when it is given. */
function risingTo(image: Buffer, last: number, length: number | undefined): Markers | undefined {
  // Looked at first: it rules out almost everything.
  if (length !== undefined && (last - 4 * length < 0 || image.readUInt32LE(last - 4 * (length - 1)) !== 0))
    return undefined;
  const values: number[] = [];
  let before = 0x1_0000_0000;
  for (let at = last; at >= 4; at -= 4) {
    const value = image.readUInt32LE(at);
    if (value >= before) return undefined;
    values.push(value);
    before = value;
    if (value !== 0) continue;
    const right = values.length > 1 && (length === undefined || values.length === length);
    return right ? { values: values.toReversed(), start: at } : undefined;
  }
  return undefined;
}

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

function expand(
  image: Buffer,
  start: number,
  count: number,
  strings: readonly string[],
  markers: readonly number[],
): string[] | undefined {
  const names: string[] = [];
  let at = start;
  for (let symbol = 0; symbol < count; symbol++) {
    if (symbol % NAMES_PER_MARKER === 0 && at - start !== markers[symbol / NAMES_PER_MARKER]) return undefined;
    let length = image[at++]!;
    if ((length & 0x80) !== 0) length = (length & 0x7f) | (image[at++]! << 7);
    if (length === 0 || length > LONGEST_NAME || at + length > image.length) return undefined;
    let name = '';
    for (let i = 0; i < length; i++) name += strings[image[at + i]!]!;
    names.push(name);
    at += length;
  }
  return names;
}

function readAddresses(image: Buffer, behind: number, { names, start }: Names): bigint[] | undefined {
  const bytes = padded(4 * names.length);
  const before = { base: start - 8, offsets: start - 8 - bytes };
  const after = [0, 4].map((gap) => ({ base: behind + gap + bytes, offsets: behind + gap }));
  for (const { base, offsets } of [before, ...after]) {
    if (offsets < 0 || base + 8 > image.length) continue;
    const origin = image.readBigUInt64LE(base);
    if (origin < LOWEST_KERNEL) continue;
    return addressesFrom(image, offsets, names.length, origin);
  }
  return undefined;
}

function addressesFrom(image: Buffer, at: number, count: number, base: bigint): bigint[] {
  const offsets = Array.from({ length: count }, (_, i) => image.readInt32LE(at + 4 * i));
  const absolute = offsets.filter((offset) => offset < 0).length > count / 2;
  return offsets.map((offset) => {
    if (!absolute) return base + BigInt(offset >>> 0);
    return offset < 0 ? base - 1n - BigInt(offset) : BigInt(offset);
  });
}
