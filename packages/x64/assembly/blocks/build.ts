/** Decodes blocks. */
import { breakpointAtOffset, breakpointHandler } from '../debugger';
import { MAX_LENGTH, TOO_LONG, decode, decodedEnds, decodedOps } from '../decode/decode';
import { fusedHandler, H_CONTINUE, H_JCC, H_SETCC } from '../hot';
import { executable } from '../memory';
import { MODE_64, MODE_CODE } from '../mode';
import { OP_PLACE, OP_SIZE, faultCode } from '../op';
import {
  ARENA,
  ARENA_END,
  ARENA_NEXT,
  CODE_BASE,
  CODE_PAGE,
  COUNT_BLOCKS_DECODED,
  COUNT_OPS_DECODED,
  MODE,
  RIP,
} from '../../src/state';
import {
  BLOCK_BYTES,
  BLOCK_CHECKSUM,
  BLOCK_COUNT,
  BLOCK_HEADER,
  BLOCK_KEY,
  BLOCK_NEXT,
  BLOCK_PAGE,
  BLOCK_STOPS,
  BLOCK_VALID,
  MAX_OPS,
  PAGE_CHUNKS,
  PAGE_RECORD,
  SCRATCH_BLOCK,
  SCRATCH_CODE,
} from './layout';
import { linearRip } from './lookup';
import { pageOf, resetArena } from './pages';
import { markChunk } from './writes';

export function decodeBlock(s: usize, page: usize, offset: u32, mode: u32, linear: u64): usize {
  if (load<u32>(s, ARENA_NEXT) + PAGE_RECORD + BLOCK_HEADER + (2 * MAX_OPS + 4) * OP_SIZE > load<u32>(s, ARENA_END))
    resetArena(s);
  const record = pageOf(s, page);
  // First the mark, then the bytes: a write by another VP in between finds the mark.
  markChunk(s, page, offset >> 6);
  const block: usize = load<u32>(s, ARENA_NEXT);
  let p = block + BLOCK_HEADER;
  const first = p;
  let at = offset;
  let count: u32 = 0;
  let stops: u32 = 0;
  let ends = false;
  while (!ends && count < MAX_OPS && at < 0x1000) {
    if (breakpointAtOffset(s, at)) {
      p = addStop(p, at);
      stops++;
    }
    if (at + MAX_LENGTH + 1 > 0x1000) {
      // Bytes up to the page's end, zeros after them: an instruction that uses zeros crosses.
      const copy = <usize>load<u32>(s, ARENA) + SCRATCH_CODE;
      memory.fill(copy, 0, 32);
      memory.copy(copy, page + at, 0x1000 - at);
      const length = decode(s, copy, p, at, mode);
      if (at + length > 0x1000) {
        if (count == 0) return decodeCrossing(s, page, at, mode, linear, true);
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
    if (count != 0) fuse(p);
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
  store<u32>(block, stops, BLOCK_STOPS);
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

/** Puts the op of a breakpoint before the instruction at an offset. @returns where that instruction's op goes */
function addStop(p: usize, at: u32): usize {
  memory.fill(p, 0, OP_SIZE);
  store<u16>(p, <u16>breakpointHandler());
  store<u16>(p, <u16>at, OP_PLACE);
  return p + OP_SIZE;
}

/** If `p` is a conditional jump behind a comparison in the same block: lets the comparison do both. */
function fuse(p: usize): void {
  const jump: u32 = load<u16>(p);
  if (jump < H_JCC || jump >= H_SETCC) return;
  const fused = fusedHandler(load<u16>(p - OP_SIZE), jump);
  if (fused != 0) store<u16>(p - OP_SIZE, <u16>fused);
}

/** Appends the op that goes on at the next offset. It is also where fused and faulting ops may look ahead to. */
function finishBlock(p: usize, at: u32): usize {
  memory.fill(p, 0, OP_SIZE);
  store<u16>(p, <u16>H_CONTINUE);
  store<i64>(p, <i64>at, 32);
  return p + OP_SIZE;
}

/** A block of one instruction that lies in two pages; decoded anew each time, as the second page can be any. */
function decodeCrossing(s: usize, page: usize, offset: u32, mode: u32, linear: u64, stops: bool): usize {
  const here: u32 = 0x1000 - offset;
  const next = executable(s, (mode & MODE_CODE) == MODE_64 ? linear + here : (linear + here) & 0xffffffff);
  const copy = <usize>load<u32>(s, ARENA) + SCRATCH_CODE;
  if (next == 0) {
    // Only what does not need the next page to be known as wrong may ignore it.
    return 0;
  }
  memory.copy(copy, page + offset, here);
  memory.copy(copy + here, next, 16 - here);
  return scratchBlock(s, copy, offset, mode, stops);
}

/** The one block that is not kept. */
function scratchBlock(s: usize, code: usize, offset: u32, mode: u32, stops: bool): usize {
  const block = <usize>load<u32>(s, ARENA) + SCRATCH_BLOCK;
  const stop = stops && breakpointAtOffset(s, offset);
  const first = stop ? addStop(block + BLOCK_HEADER, offset) : block + BLOCK_HEADER;
  const length = decode(s, code, first, offset, mode);
  if (length == TOO_LONG) {
    faultCode(s, 13, 0);
    return 0;
  }
  finishBlock(first + decodedOps * OP_SIZE, offset + length);
  store<u32>(block, 1, BLOCK_VALID);
  store<u32>(block, offset | (mode << 16), BLOCK_KEY);
  store<u32>(block, decodedOps, BLOCK_COUNT);
  store<u32>(block, <u32>stop, BLOCK_STOPS);
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
    return scratchBlock(s, copy, offset, mode, false);
  }
  memory.fill(copy, 0, 32);
  memory.copy(copy, host, here);
  const block = scratchBlock(s, copy, offset, mode, false);
  if (block != 0) {
    const place: u32 = load<u16>(block + BLOCK_HEADER, OP_PLACE);
    if (place >> 12 <= here) return block;
  }
  return decodeCrossing(s, host & ~0xfff, offset, mode, linear, false);
}

/** Of code bytes within a page. */
export function checksum(from: usize, bytes: u32): u32 {
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
