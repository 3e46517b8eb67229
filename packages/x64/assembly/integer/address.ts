/**
 * Effective addresses that the run loop does not make itself: 16- and 32-bit address size, and segments outside 64-bit
 * mode with their limits (SDM volume 3, 5.3).
 */
import {
  faultCode,
  OP_ADDRESS_SHIFT,
  OP_BASE,
  OP_DISPLACEMENT,
  OP_FLAGS,
  OP_IMMEDIATE,
  OP_INDEX,
  OP_SCALE,
  OP_SEGMENT,
} from '../op';
import { MODE_64, MODE_CODE } from '../mode';
import { NOT_READABLE, NOT_WRITABLE } from '../system/paging';
import { ADDRESS, MODE, SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT, SS, ZERO } from '../../src/state';

const READ_WRITE: u32 = 2;
const EXPAND_DOWN: u32 = 4;
const CODE: u32 = 8;
const BIG: u32 = 0x4000;
const UNUSABLE: u32 = 0x10000;

/** Truncates an offset to an address size (log2 of bytes: 1, 2, 3). */
// @ts-ignore: decorator
@inline
export function truncate(offset: u64, log: u32): u64 {
  return log == 3 ? offset : log == 2 ? offset & 0xffffffff : offset & 0xffff;
}

/** Makes ADDRESS for the op that follows; its immediate is how many bytes that reaches. @returns false when the segment does not allow it */
export function addressOp(s: usize, p: usize): bool {
  const offset = truncate(
    load<u64>(load<u32>(p, OP_BASE)) +
      (load<u64>(load<u32>(p, OP_INDEX)) << (<u64>load<u8>(p, OP_SCALE))) +
      <u64>(<i64>load<i32>(p, OP_DISPLACEMENT)),
    <u32>load<u8>(p, OP_FLAGS) >> OP_ADDRESS_SHIFT,
  );
  const record: usize = load<u32>(p, OP_SEGMENT);
  const linear = record == s + ZERO ? offset : segmentAddress(s, record, offset, load<u32>(p, OP_IMMEDIATE));
  store<u64>(s, linear, ADDRESS);
  return linear != NO_ADDRESS;
}

/** What {@link segmentAddress} answers when there was a fault: not canonical, so no linear address. */
export const NO_ADDRESS: u64 = 0x8000000000000000;

/** Linear address of `size` bytes at an offset in a segment; checks the limit outside 64-bit mode. */
export function segmentAddress(s: usize, record: usize, offset: u64, size: u32): u64 {
  if ((load<u32>(s, MODE) & MODE_CODE) == MODE_64) return load<u64>(record, SEG_BASE) + offset;
  const attributes = load<u32>(record, SEG_ATTRIBUTES);
  const limit: u64 = load<u32>(record, SEG_LIMIT);
  const last = offset + size - 1;
  let inside: bool;
  if ((attributes & (CODE | EXPAND_DOWN)) == EXPAND_DOWN && (attributes & 0x10) != 0) {
    inside = offset > limit && last <= ((attributes & BIG) != 0 ? 0xffffffff : 0xffff);
  } else inside = last <= limit;
  if (!inside || (attributes & UNUSABLE) != 0) {
    faultCode(s, record == s + SS ? 12 : 13, 0);
    return NO_ADDRESS;
  }
  const linear = (load<u64>(record, SEG_BASE) + offset) & 0xffffffff;
  // Almost every segment can be written; the others carry what is forbidden to where translations are made.
  if ((attributes & (CODE | READ_WRITE)) == READ_WRITE) return linear;
  return linear | ((attributes & (CODE | READ_WRITE)) == CODE ? NOT_WRITABLE | NOT_READABLE : NOT_WRITABLE);
}
