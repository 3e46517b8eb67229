/**
 * Memory that is to be all zeroes again, without making the host commit what nobody ever touched: a page is read first, and
 * written only where it holds something. Reading a page that was never written costs the host no memory.
 *
 * In WebAssembly, 64 bytes at a time: typed arrays would take ten times as long for memory that has gigabytes.
 */
import type { SharedMemory } from './memory.ts';

/** The parts of the WebAssembly API used here; Node's own type package does not declare them. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { m: { m: SharedMemory } }) => { exports: { clear: ClearPages } };
};

/** Clears a run of pages of 4 KiB. @param at - address of the first @param pages - at least 1 */
export type ClearPages = (at: number, pages: number) => void;

const [AT, PAGES, LINE] = [0, 1, 2];
const LINE_WORDS = [0, 8, 16, 24, 32, 40, 48, 56];
const [GET, SET, TEE] = [0x20, 0x21, 0x22];
const [BLOCK, LOOP, NO_RESULT, END, BR, BR_IF] = [0x02, 0x03, 0x40, 0x0b, 0x0c, 0x0d];
/** `i32.const` of 0, 1, 64 and 4096. */
const [ZERO, ONE, LINE_BYTES, PAGE_BYTES] = [
  [0x41, 0x00],
  [0x41, 0x01],
  [0x41, 0xc0, 0x00],
  [0x41, 0x80, 0x20],
];
const [I32_ADD, I32_SUB, I32_NE, I64_EQZ, I64_OR] = [0x6a, 0x6b, 0x47, 0x50, 0x84];
const I64_LOAD_ALIGNED = [0x29, 0x03];
const MEMORY_FILL = [0xfc, 0x0b, 0x00];

// prettier-ignore
const BODY = [
  0x01, 0x01, 0x7f,                                             // a local: the line that is looked at
  LOOP, NO_RESULT,
    GET, AT, SET, LINE,
    BLOCK, NO_RESULT,                                           // left when the page is clear
      LOOP, NO_RESULT,
        BLOCK, NO_RESULT,                                       // left when the line is clear
          ...LINE_WORDS.flatMap((word, n) => [GET, LINE, ...I64_LOAD_ALIGNED, word, ...(n === 0 ? [] : [I64_OR])]),
          I64_EQZ, BR_IF, 0,
          GET, AT, ...ZERO, ...PAGE_BYTES, ...MEMORY_FILL,
          BR, 2,
        END,
        GET, LINE, ...LINE_BYTES, I32_ADD, TEE, LINE,
        GET, AT, ...PAGE_BYTES, I32_ADD,
        I32_NE, BR_IF, 0,
      END,
    END,
    GET, AT, ...PAGE_BYTES, I32_ADD, SET, AT,
    GET, PAGES, ...ONE, I32_SUB, TEE, PAGES, BR_IF, 0,
  END,
  END,
];

// prettier-ignore
const MODULE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,                               // magic, version
  0x01, 0x06, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x00,                               // type: (i32 i32) → ()
  0x02, 0x0b, 0x01, 0x01, 0x6d, 0x01, 0x6d, 0x02, 0x03, 0x00, 0x80, 0x80, 0x04, // import: shared memory, ≤ 65536 pages
  0x03, 0x02, 0x01, 0x00,                                                       // function 0 of type 0
  0x07, 0x09, 0x01, 0x05, 0x63, 0x6c, 0x65, 0x61, 0x72, 0x00, 0x00,             // export "clear"
  0x0a, ...unsigned(BODY.length + 1 + unsigned(BODY.length).length), 0x01, ...unsigned(BODY.length), ...BODY,
);

let compiled: object | undefined;

/** What clears pages of `memory`, on this thread. */
export function clearPages(memory: SharedMemory): ClearPages {
  compiled ??= new WebAssembly.Module(MODULE);
  return new WebAssembly.Instance(compiled, { m: { m: memory } }).exports.clear;
}

/** A number as WebAssembly writes lengths: below 16384. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >>> 7];
}
