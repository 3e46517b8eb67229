/**
 * Writes an ELF file that holds nothing but symbols, for debuggers (System V ABI, gABI chapter 4). Its sections say where code
 * and data lie and have no contents: those are in the machine.
 *
 *     header | symbols, local ones first | their names | names of sections | section headers
 */
import type { KernelSymbol } from './kallsyms.ts';

const HEADER = 64;
const SECTION_HEADER = 64;
const SYMBOL = 24;
const MACHINE_X86_64 = 62;
const EXECUTABLE = 2;

const SymbolType = { object: 1, function: 2 } as const;
const GLOBAL = 0x10;
const ABSOLUTE = 0xfff1;
const SectionType = { symbols: 2, strings: 3, empty: 8 } as const;
const ALLOCATED = 2n;
const WRITABLE = 1n;
const CODE = 4n;

/** Lower addresses are numbers, of per-processor variables above all. */
const LOWEST_ADDRESS = 0xffff_8000_0000_0000n;

/** Where Linux's code is, by the names of its first and last symbols. */
const CODE_BOUNDS = [
  ['_stext', '_etext'],
  ['_sinittext', '_einittext'],
] as const;

/** A run of addresses, code or data. */
interface Region {
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly code: boolean;
}

/** @returns the file */
export function writeSymbolFile(symbols: readonly KernelSymbol[]): Uint8Array {
  const sorted = symbols.toSorted((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  const regions = regionsOf(sorted);
  const isGlobal = ({ type }: KernelSymbol): boolean => type === type.toUpperCase();
  const sizes = sizesOf(sorted);
  const rows = sorted.map((symbol, i) => ({ symbol, size: sizes[i]! }));
  const ordered = [...rows.filter(({ symbol }) => !isGlobal(symbol)), ...rows.filter(({ symbol }) => isGlobal(symbol))];
  const locals = rows.filter(({ symbol }) => !isGlobal(symbol)).length;

  const names = new StringTable();
  const table = Buffer.alloc(SYMBOL * (ordered.length + 1));
  for (const [i, { symbol, size }] of ordered.entries()) {
    const region = regions.findIndex(({ start, end }) => symbol.address >= start && symbol.address < end);
    const at = SYMBOL * (i + 1);
    table.writeUInt32LE(names.add(symbol.name), at);
    const type = region >= 0 && regions[region]!.code ? SymbolType.function : SymbolType.object;
    table[at + 4] = type | (isGlobal(symbol) ? GLOBAL : 0);
    table.writeUInt16LE(region < 0 ? ABSOLUTE : region + 1, at + 6);
    table.writeBigUInt64LE(symbol.address, at + 8);
    table.writeBigUInt64LE(region < 0 ? 0n : size, at + 16);
  }

  const sectionNames = new StringTable();
  const strings = names.bytes;
  const symbolsAt = HEADER;
  const stringsAt = symbolsAt + table.length;
  const headers: SectionHeader[] = [
    { name: 0, type: 0, flags: 0n, address: 0n, offset: 0, size: 0n, link: 0, info: 0, entry: 0 },
  ];
  for (const { name, start, end, code } of regions) {
    headers.push({
      name: sectionNames.add(name),
      type: SectionType.empty,
      flags: ALLOCATED | (code ? CODE : WRITABLE),
      address: start,
      offset: HEADER,
      size: end - start,
      link: 0,
      info: 0,
      entry: 0,
    });
  }
  const stringsIndex = headers.length + 1;
  headers.push({
    name: sectionNames.add('.symtab'),
    type: SectionType.symbols,
    flags: 0n,
    address: 0n,
    offset: symbolsAt,
    size: BigInt(table.length),
    link: stringsIndex,
    info: locals + 1,
    entry: SYMBOL,
  });
  const plain = (name: string, offset: number, size: number): SectionHeader => ({
    name: sectionNames.add(name),
    type: SectionType.strings,
    flags: 0n,
    address: 0n,
    offset,
    size: BigInt(size),
    link: 0,
    info: 0,
    entry: 0,
  });
  headers.push(plain('.strtab', stringsAt, strings.length));
  const sectionNamesAt = stringsAt + strings.length;
  const ownName = plain('.shstrtab', sectionNamesAt, 0);
  const sectionNameBytes = sectionNames.bytes;
  headers.push({ ...ownName, size: BigInt(sectionNameBytes.length) });
  const headersAt = Math.ceil((sectionNamesAt + sectionNameBytes.length) / 8) * 8;

  const file = Buffer.alloc(headersAt + SECTION_HEADER * headers.length);
  writeHeader(file, headersAt, headers.length);
  table.copy(file, symbolsAt);
  strings.copy(file, stringsAt);
  sectionNameBytes.copy(file, sectionNamesAt);
  for (const [i, header] of headers.entries()) writeSection(file, headersAt + SECTION_HEADER * i, header);
  return file;
}

/** Code as its bounds say; what lies between is data. Regions do not overlap. */
function regionsOf(sorted: readonly KernelSymbol[]): Region[] {
  const high = sorted.filter(({ address }) => address >= LOWEST_ADDRESS);
  if (high.length === 0) return [];
  const addressOf = (name: string): bigint | undefined => high.find((symbol) => symbol.name === name)?.address;
  const code = CODE_BOUNDS.flatMap(([first, last]) => {
    const start = addressOf(first);
    const end = addressOf(last);
    return start !== undefined && end !== undefined && start < end ? [{ start, end }] : [];
  }).toSorted((a, b) => (a.start < b.start ? -1 : 1));
  const regions: Region[] = [];
  let at = high[0]!.address;
  const end = high.at(-1)!.address + 1n;
  const add = (from: bigint, to: bigint, isCode: boolean): void => {
    if (from >= to) return;
    regions.push({ name: `${isCode ? '.text' : '.data'}${regions.length || ''}`, start: from, end: to, code: isCode });
  };
  for (const range of code) {
    if (range.start < at) continue;
    add(at, range.start, false);
    add(range.start, range.end, true);
    at = range.end;
  }
  add(at, end, false);
  return regions;
}

/** Each reaches to the next at another address. */
function sizesOf(sorted: readonly KernelSymbol[]): bigint[] {
  const sizes: bigint[] = Array.from({ length: sorted.length }, () => 0n);
  for (let i = sorted.length - 2; i >= 0; i--) {
    const distance = sorted[i + 1]!.address - sorted[i]!.address;
    sizes[i] = distance === 0n ? sizes[i + 1]! : distance;
  }
  return sizes;
}

interface SectionHeader {
  readonly name: number;
  readonly type: number;
  readonly flags: bigint;
  readonly address: bigint;
  readonly offset: number;
  readonly size: bigint;
  readonly link: number;
  readonly info: number;
  readonly entry: number;
}

/** Strings behind each other, each ended by a zero; the first is empty. */
class StringTable {
  readonly #parts: string[] = ['\0'];
  #length = 1;

  /** @returns where it begins */
  add(text: string): number {
    const at = this.#length;
    this.#parts.push(text, '\0');
    this.#length += Buffer.byteLength(text, 'latin1') + 1;
    return at;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#parts.join(''), 'latin1');
  }
}

function writeHeader(file: Buffer, sections: number, count: number): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(EXECUTABLE, 16);
  file.writeUInt16LE(MACHINE_X86_64, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(sections), 40);
  file.writeUInt16LE(HEADER, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(SECTION_HEADER, 58);
  file.writeUInt16LE(count, 60);
  file.writeUInt16LE(count - 1, 62);
}

function writeSection(file: Buffer, at: number, header: SectionHeader): void {
  file.writeUInt32LE(header.name, at);
  file.writeUInt32LE(header.type, at + 4);
  file.writeBigUInt64LE(header.flags, at + 8);
  file.writeBigUInt64LE(header.address, at + 16);
  file.writeBigUInt64LE(BigInt(header.offset), at + 24);
  file.writeBigUInt64LE(header.size, at + 32);
  file.writeUInt32LE(header.link, at + 40);
  file.writeUInt32LE(header.info, at + 44);
  file.writeBigUInt64LE(1n, at + 48);
  file.writeBigUInt64LE(BigInt(header.entry), at + 56);
}
