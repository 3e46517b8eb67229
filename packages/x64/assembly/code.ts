/**
 * Decoded code: blocks, where they are found, and how they go away.
 *
 * Blocks lie in the VP's arena, never move and are not reused before the arena is emptied as a whole, so a stale pointer
 * never points at something else; a block that is dropped is marked. Code is known by the system page it lies in, not by
 * address: one decode serves all aliases, and RIP inside a block is relative to the page (CODE_BASE).
 *
 *     page record (288 bytes)          block (32 bytes, then ops)
 *      0 u32 host page | 1 if dropped   0 u32 state: 1 valid, 0 dropped
 *      4 u32 next in hash chain         4 u32 next block in chunk
 *      8 u64 mask of chunks with code   8 u32 offset in page | mode << 16
 *     16 64 × u32 first block          12 u32 number of ops
 *        of each 64-byte chunk         16 u32 times entered (hotness)   20 u32 host page
 *                                      24 u32 checksum of its bytes     28 u32 number of bytes
 *
 * Devices write without asking here. So a block that is looked up again after the jump cache was emptied, as it is when
 * a page gets a new use, is compared with its bytes, by checksum.
 *
 * Links between blocks stay inside one page and die with it; a page is dropped as a whole, by the first write to a chunk
 * that holds code. Blocks of instructions that cross into another page are not kept at all.
 */
import { dropForOthers } from './cross';
import { decode, decodedEnds, decodedOps, MAX_LENGTH, TOO_LONG } from './decode';
import { H_CONTINUE, H_STALE } from './hot';
import { executable, TLB_ADDEND, TLB_CODE, TLB_ENTRY_COUNT, TLB_ENTRY_SIZE, TLB_WRITE } from './memory';
import { MODE_64, MODE_CODE } from './mode';
import { faultCode, OP_PLACE, OP_SIZE } from './op';
import {
  ARENA,
  ARENA_END,
  ARENA_NEXT,
  BLOCK_HASH,
  BLOCK_HASH_MASK,
  CODE_BASE,
  CODE_EPOCH,
  CODE_MASKS,
  CODE_PAGE,
  COUNT_ARENA_RESETS,
  COUNT_BLOCKS_DECODED,
  COUNT_CODE_DROPS,
  COUNT_OPS_DECODED,
  CS,
  JUMP_CACHE,
  LOOKUPS,
  MODE,
  RIP,
  SEG_BASE,
  TLB_SUPERVISOR,
  TLB_USER,
  VP_COUNT,
  VP_TABLE,
} from '../src/state';

export const BLOCK_HEADER: u32 = 32;
export const BLOCK_VALID = 0;
export const BLOCK_NEXT = 4;
export const BLOCK_KEY = 8;
export const BLOCK_COUNT = 12;
export const BLOCK_HOTNESS = 16;
export const BLOCK_PAGE = 20;
const BLOCK_CHECKSUM = 24;
const BLOCK_BYTES = 28;

const PAGE_RECORD: u32 = 16 + 64 * 4;
const PAGE_NEXT = 4;
const PAGE_CHUNKS = 16;

/** Ops in a block, at most. */
const MAX_OPS: u32 = 60;
/** The arena begins with room for one block of one instruction that is not kept, and 32 bytes of code. */
const SCRATCH_CODE: u32 = 0;
const SCRATCH_BLOCK: u32 = 32;
const SCRATCH_SIZE: u32 = 256;

/** Jump cache: 4096 entries of {u64 RIP, u32 block, u32 epoch << 4 | mode}. */
const JUMP_ENTRIES: u32 = 4096;

/** Empties the arena: all blocks are forgotten. */
export function resetArena(s: usize): void {
  store<u32>(s, load<u32>(s, ARENA) + SCRATCH_SIZE, ARENA_NEXT);
  memory.fill(load<u32>(s, BLOCK_HASH), 0, (load<u32>(s, BLOCK_HASH_MASK) + 1) * 4);
  flushJumpCache(s);
  store<u64>(s, load<u64>(s, COUNT_ARENA_RESETS) + 1, COUNT_ARENA_RESETS);
}

/** Forgets which RIP means which block: after any change of a mapping of code. */
export function flushJumpCache(s: usize): void {
  const epoch = (load<u32>(s, CODE_EPOCH) + 1) & 0x0fffffff;
  store<u32>(s, epoch, CODE_EPOCH);
  // Once in 2^28 times an old entry could look new.
  if (epoch == 0) memory.fill(load<u32>(s, JUMP_CACHE), 0, JUMP_ENTRIES * 16);
}

/** Block at RIP, 0 on a fault (FAULT_* set). Sets CODE_BASE. */
export function lookup(s: usize): usize {
  const rip = load<u64>(s, RIP);
  const mode = load<u32>(s, MODE);
  const tag = (load<u32>(s, CODE_EPOCH) << 4) | mode;
  const entry = <usize>load<u32>(s, JUMP_CACHE) + (((<u32>(rip ^ (rip >> 12))) & (JUMP_ENTRIES - 1)) << 4);
  const cached: usize = load<u32>(entry, 8);
  if (load<u64>(entry) == rip && load<u32>(entry, 12) == tag && load<u32>(cached) != 0) {
    store<u64>(s, rip - (load<u32>(cached, BLOCK_KEY) & 0xfff), CODE_BASE);
    store<u32>(s, load<u32>(cached, BLOCK_PAGE), CODE_PAGE);
    return cached;
  }
  store<u64>(s, load<u64>(s, LOOKUPS) + 1, LOOKUPS);
  const linear = linearRip(s, rip, mode);
  const host = executable(s, linear);
  if (host == 0) return 0;
  const offset = (<u32>linear) & 0xfff;
  store<u64>(s, rip - offset, CODE_BASE);
  const block = blockAt(s, host & ~0xfff, offset, mode, linear, true);
  store<u32>(s, block == 0 ? 0 : load<u32>(block, BLOCK_PAGE), CODE_PAGE);
  if (block != 0 && load<u32>(block, BLOCK_PAGE) != 0) {
    store<u64>(entry, rip);
    store<u32>(entry, <u32>block, 8);
    // Decoding may have emptied the arena and with it the epoch.
    store<u32>(entry, (load<u32>(s, CODE_EPOCH) << 4) | mode, 12);
  }
  return block;
}

function linearRip(s: usize, rip: u64, mode: u32): u64 {
  if ((mode & MODE_CODE) == MODE_64) return rip;
  return (load<u64>(s + CS, SEG_BASE) + rip) & 0xffffffff;
}

/** Block at an offset of the running page, for a link; 0 when there is none that can be linked to. */
export function linkTarget(s: usize, offset: u32): usize {
  const page: usize = load<u32>(s, CODE_PAGE);
  if (page == 0) return 0;
  const mode = load<u32>(s, MODE);
  const resets = load<u64>(s, COUNT_ARENA_RESETS);
  const block = blockAt(s, page, offset, mode, linearRip(s, load<u64>(s, CODE_BASE) + offset, mode), false);
  if (block == 0 || load<u32>(block, BLOCK_PAGE) == 0) return 0;
  // Not after the arena was emptied under the op that wants the link.
  return load<u64>(s, COUNT_ARENA_RESETS) == resets ? block : 0;
}

/** Finds or decodes a block; `again`: one that is found is compared with its bytes. @returns 0 on a fault of a fetch from the following page */
function blockAt(s: usize, page: usize, offset: u32, mode: u32, linear: u64, again: bool): usize {
  const key = offset | (mode << 16);
  const record = pageRecord(s, page);
  if (record != 0) {
    let block: usize = load<u32>(record + PAGE_CHUNKS + ((offset >> 6) << 2));
    while (block != 0) {
      if (load<u32>(block, BLOCK_KEY) == key) {
        if (!again || checksum(page + offset, load<u32>(block, BLOCK_BYTES)) == load<u32>(block, BLOCK_CHECKSUM))
          return block;
        dropPage(s, page);
        break;
      }
      block = load<u32>(block, BLOCK_NEXT);
    }
  }
  return decodeBlock(s, page, offset, mode, linear);
}

/** Of code bytes within a page. */
function checksum(from: usize, bytes: u32): u32 {
  let sum: u64 = bytes;
  let at = from;
  let left = bytes;
  for (; left >= 8; left -= 8) {
    sum = (rotl<u64>(sum, 9) ^ load<u64>(at)) * 0x9e3779b97f4a7c15;
    at += 8;
  }
  for (; left > 0; left--) sum = (rotl<u64>(sum, 9) ^ (<u64>load<u8>(at++))) * 0x9e3779b97f4a7c15;
  return <u32>(sum >> 32);
}

function pageRecord(s: usize, page: usize): usize {
  let record: usize = load<u32>(bucketOf(s, page));
  while (record != 0 && load<u32>(record) != <u32>page) record = load<u32>(record, PAGE_NEXT);
  return record;
}

function bucketOf(s: usize, page: usize): usize {
  const number = (<u32>page) >> 12;
  return <usize>load<u32>(s, BLOCK_HASH) + (((number ^ (number >> 9)) & load<u32>(s, BLOCK_HASH_MASK)) << 2);
}

function decodeBlock(s: usize, page: usize, offset: u32, mode: u32, linear: u64): usize {
  if (load<u32>(s, ARENA_NEXT) + PAGE_RECORD + BLOCK_HEADER + (MAX_OPS + 4) * OP_SIZE > load<u32>(s, ARENA_END))
    resetArena(s);
  let record = pageRecord(s, page);
  if (record == 0) {
    record = load<u32>(s, ARENA_NEXT);
    store<u32>(s, <u32>record + PAGE_RECORD, ARENA_NEXT);
    memory.fill(record, 0, PAGE_RECORD);
    store<u32>(record, <u32>page);
    const bucket = bucketOf(s, page);
    store<u32>(record, load<u32>(bucket), PAGE_NEXT);
    store<u32>(bucket, <u32>record);
  }
  // First the mark, then the bytes: a write by another VP in between finds the mark.
  markChunk(s, page, offset >> 6);
  const block: usize = load<u32>(s, ARENA_NEXT);
  let p = block + BLOCK_HEADER;
  const first = p;
  let at = offset;
  let count: u32 = 0;
  let ends = false;
  while (!ends && count < MAX_OPS && at < 0x1000) {
    if (at + MAX_LENGTH + 1 > 0x1000) {
      // Bytes up to the page's end, zeros after them: an instruction that uses zeros crosses.
      const copy = <usize>load<u32>(s, ARENA) + SCRATCH_CODE;
      memory.fill(copy, 0, 32);
      memory.copy(copy, page + at, 0x1000 - at);
      const length = decode(s, copy, p, at, mode);
      if (at + length > 0x1000) {
        if (count == 0) return decodeCrossing(s, page, at, mode, linear);
        break;
      }
      if (length == TOO_LONG) break;
      markChunk(s, page, (at + length - 1) >> 6);
      at += length;
    } else {
      const length = decode(s, page + at, p, at, mode);
      if (length == TOO_LONG) {
        if (count != 0) break;
        faultCode(s, 13, 0);
        return 0;
      }
      markChunk(s, page, (at + length - 1) >> 6);
      at += length;
    }
    count += decodedOps;
    p += decodedOps * OP_SIZE;
    ends = decodedEnds;
  }
  if (count == 0) {
    faultCode(s, 13, 0);
    return 0;
  }
  p = finishBlock(p, at);
  store<u32>(block, 1, BLOCK_VALID);
  store<u32>(block, offset | (mode << 16), BLOCK_KEY);
  store<u32>(block, count, BLOCK_COUNT);
  store<u32>(block, 0, BLOCK_HOTNESS);
  store<u32>(block, <u32>page, BLOCK_PAGE);
  store<u32>(block, at - offset, BLOCK_BYTES);
  store<u32>(block, checksum(page + offset, at - offset), BLOCK_CHECKSUM);
  const chunk = record + PAGE_CHUNKS + ((offset >> 6) << 2);
  store<u32>(block, load<u32>(chunk), BLOCK_NEXT);
  store<u32>(chunk, <u32>block);
  store<u32>(s, (<u32>p + 7) & ~7, ARENA_NEXT);
  store<u64>(s, load<u64>(s, COUNT_BLOCKS_DECODED) + 1, COUNT_BLOCKS_DECODED);
  store<u64>(s, load<u64>(s, COUNT_OPS_DECODED) + <u64>((p - first) / OP_SIZE), COUNT_OPS_DECODED);
  return block;
}

/** Appends the op that goes on at the next offset. It is also where fused and faulting ops may look ahead to. */
function finishBlock(p: usize, at: u32): usize {
  memory.fill(p, 0, OP_SIZE);
  store<u16>(p, <u16>H_CONTINUE);
  store<i64>(p, <i64>at, 32);
  return p + OP_SIZE;
}

/** A block of one instruction that lies in two pages; decoded anew each time, as the second page can be any. */
function decodeCrossing(s: usize, page: usize, offset: u32, mode: u32, linear: u64): usize {
  const here: u32 = 0x1000 - offset;
  const next = executable(s, (mode & MODE_CODE) == MODE_64 ? linear + here : (linear + here) & 0xffffffff);
  const copy = <usize>load<u32>(s, ARENA) + SCRATCH_CODE;
  if (next == 0) {
    // Only what does not need the next page to be known as wrong may ignore it.
    return 0;
  }
  memory.copy(copy, page + offset, here);
  memory.copy(copy + here, next, 16 - here);
  return scratchBlock(s, copy, offset, mode);
}

/** The one block that is not kept. */
function scratchBlock(s: usize, code: usize, offset: u32, mode: u32): usize {
  const block = <usize>load<u32>(s, ARENA) + SCRATCH_BLOCK;
  const length = decode(s, code, block + BLOCK_HEADER, offset, mode);
  if (length == TOO_LONG) {
    faultCode(s, 13, 0);
    return 0;
  }
  finishBlock(block + BLOCK_HEADER + decodedOps * OP_SIZE, offset + length);
  store<u32>(block, 1, BLOCK_VALID);
  store<u32>(block, offset | (mode << 16), BLOCK_KEY);
  store<u32>(block, decodedOps, BLOCK_COUNT);
  store<u32>(block, 0, BLOCK_PAGE);
  return block;
}

/** A block of the one instruction at RIP, for single steps; 0 on a fault. */
export function singleBlock(s: usize): usize {
  const rip = load<u64>(s, RIP);
  const mode = load<u32>(s, MODE);
  const linear = linearRip(s, rip, mode);
  const host = executable(s, linear);
  if (host == 0) return 0;
  const offset = (<u32>linear) & 0xfff;
  store<u64>(s, rip - offset, CODE_BASE);
  store<u32>(s, 0, CODE_PAGE);
  const copy = <usize>load<u32>(s, ARENA) + SCRATCH_CODE;
  const here: u32 = 0x1000 - offset;
  if (here >= 16) {
    memory.copy(copy, host, 16);
    return scratchBlock(s, copy, offset, mode);
  }
  memory.fill(copy, 0, 32);
  memory.copy(copy, host, here);
  const block = scratchBlock(s, copy, offset, mode);
  if (block != 0) {
    const place: u32 = load<u16>(block + BLOCK_HEADER, OP_PLACE);
    if (place >> 12 <= here) return block;
  }
  return decodeCrossing(s, host & ~0xfff, offset, mode, linear);
}

// ---- writes to code ----------------------------------------------------------------------------------------------------

/** Marks a 64-byte chunk of a system page as holding code; its writers take the slow path from now on. */
function markChunk(s: usize, page: usize, chunk: u32): void {
  const masks: usize = load<u32>(s, CODE_MASKS);
  if (masks == 0) return;
  const slot = masks + ((page >> 12) << 3);
  const bit: u64 = (<u64>1) << (<u64>chunk);
  const before = load<u64>(slot);
  if ((before & bit) != 0) return;
  if (atomic.or<u64>(slot, bit) == 0) protectPage(s, page);
}

/** Takes the fast write path to a page from the TLBs of all VPs of the partition. */
function protectPage(s: usize, page: usize): void {
  const count = load<u32>(s, VP_COUNT);
  const table: usize = load<u32>(s, VP_TABLE);
  if (count < 2 || table == 0) {
    protectIn(load<u32>(s, TLB_USER), page);
    protectIn(load<u32>(s, TLB_SUPERVISOR), page);
    return;
  }
  for (let i: u32 = 0; i < count; i++) {
    const other: usize = load<u32>(table + (i << 2));
    protectIn(load<u32>(other, TLB_USER), page);
    protectIn(load<u32>(other, TLB_SUPERVISOR), page);
  }
}

function protectIn(tlb: usize, page: usize): void {
  for (let i: u32 = 0; i < TLB_ENTRY_COUNT; i++) {
    const entry = tlb + i * TLB_ENTRY_SIZE;
    const tag = load<u64>(entry, TLB_WRITE);
    if ((tag & 0xfff) == 0 && <u32>tag + load<u32>(entry, TLB_ADDEND) == <u32>page)
      store<u64>(entry, tag | TLB_CODE, TLB_WRITE);
  }
}

/**
 * A write of `size` bytes at `host`, inside one page that holds code, is about to happen: drops the page's blocks when
 * it touches a chunk with code. @returns whether the page holds no code any more
 */
export function codeWritten(s: usize, host: usize, size: u32): bool {
  const page = host & ~0xfff;
  const slot = <usize>load<u32>(s, CODE_MASKS) + ((page >> 12) << 3);
  const from = <u64>(((<u32>host) & 0xfff) >> 6);
  const to = <u64>((((<u32>host) & 0xfff) + size - 1) >> 6);
  const touched = ((<u64>-1) << from) & ((<u64>-1) >> (63 - to));
  const mask = atomic.load<u64>(slot);
  if (mask == 0) return true;
  if ((mask & touched) == 0) return false;
  atomic.store<u64>(slot, 0);
  dropPage(s, page);
  if (load<u32>(s, VP_COUNT) > 1) dropForOthers(s, page);
  return true;
}

/** Whether a system page is marked as holding decoded code: then its write tag gets TLB_CODE. */
export function holdsCode(s: usize, host: usize): bool {
  const masks: usize = load<u32>(s, CODE_MASKS);
  return masks != 0 && atomic.load<u64>(masks + ((host >> 12) << 3)) != 0;
}

/** Forgets the blocks of a system page. */
export function dropPage(s: usize, page: usize): void {
  const bucket = bucketOf(s, page);
  let link = bucket;
  let record: usize = load<u32>(bucket);
  while (record != 0 && load<u32>(record) != <u32>page) {
    link = record + PAGE_NEXT;
    record = load<u32>(record, PAGE_NEXT);
  }
  if (record == 0) return;
  store<u32>(link, load<u32>(record, PAGE_NEXT));
  for (let chunk: u32 = 0; chunk < 64; chunk++) {
    let block: usize = load<u32>(record + PAGE_CHUNKS + (chunk << 2));
    while (block != 0) {
      store<u32>(block, 0, BLOCK_VALID);
      // The running block may be one of them: its next op looks up the block anew.
      const count = load<u32>(block, BLOCK_COUNT);
      for (let i: u32 = 0; i < count; i++) store<u16>(block + BLOCK_HEADER + i * OP_SIZE, <u16>H_STALE);
      block = load<u32>(block, BLOCK_NEXT);
    }
  }
  store<u64>(s, load<u64>(s, COUNT_CODE_DROPS) + 1, COUNT_CODE_DROPS);
}
