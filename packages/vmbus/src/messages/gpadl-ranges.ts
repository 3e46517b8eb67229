/**
 * The range buffer of a GPADL: which guest pages a buffer consists of, cut into messages and put together again.
 *
 *     range 0                          range 1 …
 *    ┌──────────┬──────────┬─────┬────┬──────────┬─
 *    │ bytes u32│offset u32│ pfn │ pfn│ bytes u32│      pfn u64 × ceil((offset + bytes) / 4096)
 *    └──────────┴──────────┴─────┴────┴──────────┴─
 *
 * One header message carries the first 208 + 8 bytes, body messages 224 each, in order and without waiting. The length
 * is a u16, so a GPADL of one range holds at most 8190 pages.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from './catalogue.ts';
import { GpadlBody, GpadlHeader } from './channel.ts';
import { encodeMessage } from './codec.ts';

const RANGE_HEADER_BYTES = 8;
/** Range-buffer bytes that fit in one header message: 27 units, a range header and 26 page numbers. */
export const HEADER_TAIL_BYTES = (MAX_MESSAGE_BYTES - HEADER_BYTES - GpadlHeader.size) & ~7;
/** Range-buffer bytes that fit in one body message: 28 page numbers. */
export const BODY_TAIL_BYTES = (MAX_MESSAGE_BYTES - HEADER_BYTES - GpadlBody.size) & ~7;
/** Most bytes of a range buffer: its length is a u16, in whole units. */
const MAX_RANGE_BUFFER_BYTES = 0xffff & ~7;
/** Most pages of a GPADL with one range. */
export const MAX_PAGES_PER_GPADL = (MAX_RANGE_BUFFER_BYTES - RANGE_HEADER_BYTES) / 8;
/** First page number that a guest-physical address of 2^53 bytes could not have. */
const PAGE_NUMBER_LIMIT = 2 ** 41;

/** One contiguous run of guest-chosen pages. */
export interface GpadlRange {
  /** Bytes of the buffer. */
  readonly byteCount: number;
  /** Byte offset in the first page, below 4096. */
  readonly byteOffset: number;
  /** Guest page numbers, in order. */
  readonly pages: Float64Array;
}

/** Why a range buffer was refused. */
export type RangeFault =
  'too-short' | 'trailing-bytes' | 'no-ranges' | 'empty-range' | 'offset-beyond-page' | 'page-number';

/** Encodes the messages that describe one range of pages, in the order they must be posted. */
export function gpadlMessages(relid: number, gpadl: number, range: GpadlRange): Uint8Array[] {
  invariant(range.pages.length <= MAX_PAGES_PER_GPADL, 'a GPADL holds at most 8190 pages');
  const buffer = encodeRanges([range]);
  const first = buffer.subarray(0, HEADER_TAIL_BYTES);
  const out = [
    encodeMessage('GpadlHeader', { relid, gpadl, rangeBufferLength: buffer.length, rangeCount: 1, tail: first }),
  ];
  for (let at = HEADER_TAIL_BYTES; at < buffer.length; at += BODY_TAIL_BYTES) {
    out.push(encodeMessage('GpadlBody', { messageNumber: 0, gpadl, tail: buffer.subarray(at, at + BODY_TAIL_BYTES) }));
  }
  return out;
}

/** Lays ranges out as a range buffer. */
export function encodeRanges(ranges: readonly GpadlRange[]): Uint8Array {
  const size = ranges.reduce((sum, range) => sum + RANGE_HEADER_BYTES + range.pages.length * 8, 0);
  const data = new Uint8Array(size);
  const view = new DataView(data.buffer);
  let at = 0;
  for (const range of ranges) {
    view.setUint32(at, range.byteCount, true);
    view.setUint32(at + 4, range.byteOffset, true);
    at += RANGE_HEADER_BYTES;
    for (const page of range.pages) {
      view.setBigUint64(at, BigInt(page), true);
      at += 8;
    }
  }
  return data;
}

/** Reads a complete range buffer that a guest wrote; `buffer` is private to the caller, so that checks hold. */
export function decodeRanges(buffer: Uint8Array, rangeCount: number): GpadlRange[] | RangeFault {
  if (rangeCount === 0) return 'no-ranges';
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const ranges: GpadlRange[] = [];
  let at = 0;
  for (let index = 0; index < rangeCount; index++) {
    if (at + RANGE_HEADER_BYTES > buffer.length) return 'too-short';
    const byteCount = view.getUint32(at, true);
    const byteOffset = view.getUint32(at + 4, true);
    at += RANGE_HEADER_BYTES;
    if (byteCount === 0) return 'empty-range';
    if (byteOffset >= PAGE_SIZE) return 'offset-beyond-page';
    const pageCount = Math.ceil((byteOffset + byteCount) / PAGE_SIZE);
    if (at + pageCount * 8 > buffer.length) return 'too-short';
    const pages = new Float64Array(pageCount);
    for (let page = 0; page < pageCount; page++, at += 8) {
      const number = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
      if (number >= PAGE_NUMBER_LIMIT) return 'page-number';
      pages[page] = number;
    }
    ranges.push({ byteCount, byteOffset, pages });
  }
  return at === buffer.length ? ranges : 'trailing-bytes';
}
