/**
 * AML: the byte code of ACPI namespaces, as far as a static namespace needs it.
 *
 * Follows the ACPI specification 6.4, chapter 20. Each function encodes one object or term; a tree of calls reads as
 * the ASL it stands for. Every encoding is the shortest one, as the reference compiler's is.
 */
import { invariant } from '@ringlet/wire';

/** Encoded AML. */
export type Aml = readonly number[];

const NAME = 0x08;
const BYTE = 0x0a;
const WORD = 0x0b;
const DOUBLE_WORD = 0x0c;
const STRING = 0x0d;
const QUAD_WORD = 0x0e;
const SCOPE = 0x10;
const BUFFER = 0x11;
const PACKAGE = 0x12;
const EXTENDED = 0x5b;
const DEVICE = 0x82;

/** `Scope (path) { … }`, for a name in the root */
export function scope(path: string, ...terms: Aml[]): Aml {
  return [SCOPE, ...withLength([...segment(path), ...terms.flat()])];
}

/** `Device (name) { … }` */
export function device(name: string, ...terms: Aml[]): Aml {
  return [EXTENDED, DEVICE, ...withLength([...segment(name), ...terms.flat()])];
}

/** `Name (name, value)` */
export function name(path: string, value: Aml): Aml {
  return [NAME, ...segment(path), ...value];
}

/** `Package () { … }` */
export function list(...values: Aml[]): Aml {
  invariant(values.length < 256, 'a package of this kind has at most 255 elements');
  return [PACKAGE, ...withLength([values.length, ...values.flat()])];
}

/** An integer of up to 64 bits. */
export function integer(value: number): Aml {
  invariant(Number.isSafeInteger(value) && value >= 0, 'AML integers are unsigned');
  if (value < 2) return [value];
  if (value < 2 ** 8) return [BYTE, value];
  if (value < 2 ** 16) return [WORD, ...littleEndian(value, 2)];
  if (value < 2 ** 32) return [DOUBLE_WORD, ...littleEndian(value, 4)];
  return [QUAD_WORD, ...littleEndian(value, 8)];
}

/** A string of ASCII characters. */
export function string(text: string): Aml {
  const codes = Array.from(text, (character) => character.charCodeAt(0));
  invariant(
    codes.every((code) => code > 0 && code < 128),
    'AML strings are ASCII',
  );
  return [STRING, ...codes, 0];
}

/** `EisaId ("PNP0501")`: three letters of five bits, then four hexadecimal digits, big-endian. */
export function eisaId(id: string): Aml {
  invariant(/^[A-Z]{3}[0-9A-F]{4}$/.test(id), 'an EISA id is three letters and four digits');
  const letters = [0, 1, 2].reduce((sum, i) => (sum << 5) | (id.charCodeAt(i) - 0x40), 0);
  const product = parseInt(id.slice(3), 16);
  return [DOUBLE_WORD, letters >> 8, letters & 0xff, product >> 8, product & 0xff];
}

/** `ResourceTemplate () { … }` */
export function resources(...descriptors: Aml[]): Aml {
  const content = [...descriptors.flat(), 0x79, 0x00];
  return [BUFFER, ...withLength([...integer(content.length), ...content])];
}

/** `QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite, 0, start, end, 0, bytes)` */
export function memoryWindow(start: number, bytes: number): Aml {
  const last = start + bytes - 1;
  const body = [0x00, 0x0c, 0x03, ...[0, start, last, 0, bytes].flatMap((value) => littleEndian(value, 8))];
  return [0x8a, ...littleEndian(body.length, 2), ...body];
}

/** `IO (Decode16, port, port, 0x01, count)` */
export function ports(port: number, count: number): Aml {
  return [0x47, 0x01, ...littleEndian(port, 2), ...littleEndian(port, 2), 0x01, count];
}

/** `IRQNoFlags () {number}`: an ISA interrupt, edge-triggered and active-high */
export function interrupt(number: number): Aml {
  invariant(number >= 0 && number < 16, 'an ISA interrupt has a number below 16');
  return [0x22, ...littleEndian(1 << number, 2)];
}

/** A name of one segment: up to four characters, padded with underscores. */
function segment(path: string): number[] {
  invariant(/^[A-Z_][A-Z0-9_]{0,3}$/.test(path), 'a name segment has up to four capitals and digits');
  return Array.from(path.padEnd(4, '_'), (character) => character.charCodeAt(0));
}

/** Puts a package length before `content`: it counts itself, and takes one to four bytes. */
function withLength(content: readonly number[]): number[] {
  if (content.length + 1 < 0x40) return [content.length + 1, ...content];
  for (let extra = 1; extra <= 3; extra++) {
    const total = content.length + 1 + extra;
    if (total >= 2 ** (4 + 8 * extra)) continue;
    return [(extra << 6) | (total & 0xf), ...littleEndian(Math.floor(total / 16), extra), ...content];
  }
  throw new RangeError('an AML object has less than 256 MiB');
}

function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
}
