/**
 * The interpreter: blocks of decoded ops through one `switch`.
 *
 * Measured rules it follows: at most 250 cases, the rest behind the function table; no slow path inlined; a block costs
 * one budget check and one look at EXIT_REQUEST. A memory case asks for a host address and leaves by `fault` when there
 * is none; it changes registers and flags only after that.
 */
import { ADC, ADD, AND, CMP, OR, SBB, SUB, TEST, XOR, alu, increment, noteLogic, noteSub, put } from './arithmetic';
import {
  aluLoad,
  aluRegister,
  aluStore,
  extendLoad,
  incrementMemory,
  moveLoad,
  multiply32,
  multiply64,
  rotate,
  shiftLeft,
  shiftRight,
  shiftSigned,
  source,
  target,
} from './cases';
import { begin, endWith, faultAt, fetchFault, follow, stale, undefinedOp, undone } from './block-end';
import { BLOCK_COUNT, BLOCK_HEADER, BLOCK_KEY } from './blocks/layout';
import { lookup } from './blocks/lookup';
import { carry, condition, overflow, parity, sign, zero } from './flags';
import { addressOp } from './integer/address';
import { readable, writable, write, written } from './memory';
import {
  END,
  FAULT,
  HOT_LIMIT,
  NEXT,
  OP_IMMEDIATE,
  OP_PLACE,
  OP_SIZE,
  OP_SOURCE,
  OP_TARGET,
  advance,
  effective,
  faultCode,
  ripOf,
} from './op';
import { CODE_BASE, EXIT_REQUEST, RAX, RBP, RDX, RIP, RSP } from '../src/state';

/**
 * Runs blocks from `block` on. Leaves with RIP exact and `ended` set.
 * @returns what is left of the budget
 */
export function execute(s: usize, block: usize, budget: i32): i32 {
  begin();
  let b = block;
  let p: usize = b + BLOCK_HEADER;
  let left = budget - load<i32>(b, BLOCK_COUNT);
  let k: i32 = 0;
  let to: usize = 0;
  let link: usize = 0;
  for (;;) {
    const h: u32 = load<u16>(p);
    // prettier-ignore
    switch (h) {
      case 1: aluRegister<u8>(s, p, ADD); p += OP_SIZE; continue;
      case 2: if (aluLoad<u8>(s, p, ADD)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 3: if (aluStore<u8>(s, p, ADD)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 4: aluRegister<u32>(s, p, ADD); p += OP_SIZE; continue;
      case 5: if (aluLoad<u32>(s, p, ADD)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 6: if (aluStore<u32>(s, p, ADD)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 7: aluRegister<u64>(s, p, ADD); p += OP_SIZE; continue;
      case 8: if (aluLoad<u64>(s, p, ADD)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 9: if (aluStore<u64>(s, p, ADD)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 10: aluRegister<u8>(s, p, OR); p += OP_SIZE; continue;
      case 11: if (aluLoad<u8>(s, p, OR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 12: if (aluStore<u8>(s, p, OR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 13: aluRegister<u32>(s, p, OR); p += OP_SIZE; continue;
      case 14: if (aluLoad<u32>(s, p, OR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 15: if (aluStore<u32>(s, p, OR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 16: aluRegister<u64>(s, p, OR); p += OP_SIZE; continue;
      case 17: if (aluLoad<u64>(s, p, OR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 18: if (aluStore<u64>(s, p, OR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 19: aluRegister<u8>(s, p, ADC); p += OP_SIZE; continue;
      case 20: if (aluLoad<u8>(s, p, ADC)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 21: if (aluStore<u8>(s, p, ADC)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 22: aluRegister<u32>(s, p, ADC); p += OP_SIZE; continue;
      case 23: if (aluLoad<u32>(s, p, ADC)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 24: if (aluStore<u32>(s, p, ADC)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 25: aluRegister<u64>(s, p, ADC); p += OP_SIZE; continue;
      case 26: if (aluLoad<u64>(s, p, ADC)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 27: if (aluStore<u64>(s, p, ADC)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 28: aluRegister<u8>(s, p, SBB); p += OP_SIZE; continue;
      case 29: if (aluLoad<u8>(s, p, SBB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 30: if (aluStore<u8>(s, p, SBB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 31: aluRegister<u32>(s, p, SBB); p += OP_SIZE; continue;
      case 32: if (aluLoad<u32>(s, p, SBB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 33: if (aluStore<u32>(s, p, SBB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 34: aluRegister<u64>(s, p, SBB); p += OP_SIZE; continue;
      case 35: if (aluLoad<u64>(s, p, SBB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 36: if (aluStore<u64>(s, p, SBB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 37: aluRegister<u8>(s, p, AND); p += OP_SIZE; continue;
      case 38: if (aluLoad<u8>(s, p, AND)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 39: if (aluStore<u8>(s, p, AND)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 40: aluRegister<u32>(s, p, AND); p += OP_SIZE; continue;
      case 41: if (aluLoad<u32>(s, p, AND)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 42: if (aluStore<u32>(s, p, AND)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 43: aluRegister<u64>(s, p, AND); p += OP_SIZE; continue;
      case 44: if (aluLoad<u64>(s, p, AND)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 45: if (aluStore<u64>(s, p, AND)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 46: aluRegister<u8>(s, p, SUB); p += OP_SIZE; continue;
      case 47: if (aluLoad<u8>(s, p, SUB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 48: if (aluStore<u8>(s, p, SUB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 49: aluRegister<u32>(s, p, SUB); p += OP_SIZE; continue;
      case 50: if (aluLoad<u32>(s, p, SUB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 51: if (aluStore<u32>(s, p, SUB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 52: aluRegister<u64>(s, p, SUB); p += OP_SIZE; continue;
      case 53: if (aluLoad<u64>(s, p, SUB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 54: if (aluStore<u64>(s, p, SUB)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 55: aluRegister<u8>(s, p, XOR); p += OP_SIZE; continue;
      case 56: if (aluLoad<u8>(s, p, XOR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 57: if (aluStore<u8>(s, p, XOR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 58: aluRegister<u32>(s, p, XOR); p += OP_SIZE; continue;
      case 59: if (aluLoad<u32>(s, p, XOR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 60: if (aluStore<u32>(s, p, XOR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 61: aluRegister<u64>(s, p, XOR); p += OP_SIZE; continue;
      case 62: if (aluLoad<u64>(s, p, XOR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 63: if (aluStore<u64>(s, p, XOR)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 64: aluRegister<u8>(s, p, CMP); p += OP_SIZE; continue;
      case 65: if (aluLoad<u8>(s, p, CMP)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 66: if (aluStore<u8>(s, p, CMP)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 67: aluRegister<u32>(s, p, CMP); p += OP_SIZE; continue;
      case 68: if (aluLoad<u32>(s, p, CMP)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 69: if (aluStore<u32>(s, p, CMP)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 70: aluRegister<u64>(s, p, CMP); p += OP_SIZE; continue;
      case 71: if (aluLoad<u64>(s, p, CMP)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 72: if (aluStore<u64>(s, p, CMP)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 73: aluRegister<u8>(s, p, TEST); p += OP_SIZE; continue;
      case 74: if (aluLoad<u8>(s, p, TEST)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 75: if (aluStore<u8>(s, p, TEST)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 76: aluRegister<u32>(s, p, TEST); p += OP_SIZE; continue;
      case 77: if (aluLoad<u32>(s, p, TEST)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 78: if (aluStore<u32>(s, p, TEST)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 79: aluRegister<u64>(s, p, TEST); p += OP_SIZE; continue;
      case 80: if (aluLoad<u64>(s, p, TEST)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 81: if (aluStore<u64>(s, p, TEST)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 82: put<u8>(target(p), load<u8>(source(p))); p += OP_SIZE; continue;
      case 83: if (moveLoad<u8>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 84: if (write<u8>(s, effective(p), load<u8>(source(p)))) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 85: put<u32>(target(p), load<u32>(source(p))); p += OP_SIZE; continue;
      case 86: if (moveLoad<u32>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 87: if (write<u32>(s, effective(p), load<u32>(source(p)))) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 88: put<u64>(target(p), load<u64>(source(p))); p += OP_SIZE; continue;
      case 89: if (moveLoad<u64>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 90: if (write<u64>(s, effective(p), load<u64>(source(p)))) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 91: put<u32>(target(p), increment<u32>(s, load<u32>(target(p)), false)); p += OP_SIZE; continue;
      case 92: put<u64>(target(p), increment<u64>(s, load<u64>(target(p)), false)); p += OP_SIZE; continue;
      case 93: if (incrementMemory<u32>(s, p, false)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 94: if (incrementMemory<u64>(s, p, false)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 95: put<u32>(target(p), increment<u32>(s, load<u32>(target(p)), true)); p += OP_SIZE; continue;
      case 96: put<u64>(target(p), increment<u64>(s, load<u64>(target(p)), true)); p += OP_SIZE; continue;
      case 97: if (incrementMemory<u32>(s, p, true)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 98: if (incrementMemory<u64>(s, p, true)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 99: put<u32>(target(p), alu<u32>(s, SUB, 0, load<u32>(target(p)))); p += OP_SIZE; continue;
      case 100: put<u64>(target(p), alu<u64>(s, SUB, 0, load<u64>(target(p)))); p += OP_SIZE; continue;
      case 101: put<u32>(target(p), ~load<u32>(target(p))); p += OP_SIZE; continue;
      case 102: put<u64>(target(p), ~load<u64>(target(p))); p += OP_SIZE; continue;
      case 103: rotate<u32>(s, p, true); p += OP_SIZE; continue;
      case 104: rotate<u64>(s, p, true); p += OP_SIZE; continue;
      case 105: rotate<u32>(s, p, false); p += OP_SIZE; continue;
      case 106: rotate<u64>(s, p, false); p += OP_SIZE; continue;
      case 107: shiftLeft<u32>(s, p); p += OP_SIZE; continue;
      case 108: shiftLeft<u64>(s, p); p += OP_SIZE; continue;
      case 109: shiftRight<u32>(s, p); p += OP_SIZE; continue;
      case 110: shiftRight<u64>(s, p); p += OP_SIZE; continue;
      case 111: shiftSigned<i32>(s, p); p += OP_SIZE; continue;
      case 112: shiftSigned<i64>(s, p); p += OP_SIZE; continue;
      case 113: store<u64>(target(p), load<u8>(source(p))); p += OP_SIZE; continue;
      case 114: if (extendLoad<u8, u64>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 115: store<u64>(target(p), load<u16>(source(p))); p += OP_SIZE; continue;
      case 116: if (extendLoad<u16, u64>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 117: put<u32>(target(p), <u32>(<i32>load<i8>(source(p)))); p += OP_SIZE; continue;
      case 118: if (extendLoad<i8, i32>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 119: store<i64>(target(p), <i64>load<i8>(source(p))); p += OP_SIZE; continue;
      case 120: if (extendLoad<i8, i64>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 121: put<u32>(target(p), <u32>(<i32>load<i16>(source(p)))); p += OP_SIZE; continue;
      case 122: if (extendLoad<i16, i32>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 123: store<i64>(target(p), <i64>load<i16>(source(p))); p += OP_SIZE; continue;
      case 124: if (extendLoad<i16, i64>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 125: store<i64>(target(p), <i64>load<i32>(source(p))); p += OP_SIZE; continue;
      case 126: if (extendLoad<i32, i64>(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      case 127: put<u32>(target(p), <u32>effective(p)); p += OP_SIZE; continue;
      case 128: store<u64>(target(p), effective(p)); p += OP_SIZE; continue;
      case 129: multiply32(s, target(p), <i64>load<i32>(target(p)), <i64>load<i32>(source(p))); p += OP_SIZE; continue;
      case 130: { const host = readable<i32>(s, effective(p)); if (host == 0) { k = FAULTED; break; } multiply32(s, target(p), <i64>load<i32>(target(p)), <i64>load<i32>(host)); p += OP_SIZE; continue; }
      case 131: multiply64(s, target(p), <i64>load<i64>(target(p)), <i64>load<i64>(source(p))); p += OP_SIZE; continue;
      case 132: { const host = readable<i64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } multiply64(s, target(p), <i64>load<i64>(target(p)), <i64>load<i64>(host)); p += OP_SIZE; continue; }
      case 133: multiply32(s, target(p), load<i64>(p, OP_IMMEDIATE), <i64>load<i32>(source(p))); p += OP_SIZE; continue;
      case 134: { const host = readable<i32>(s, effective(p)); if (host == 0) { k = FAULTED; break; } multiply32(s, target(p), load<i64>(p, OP_IMMEDIATE), <i64>load<i32>(host)); p += OP_SIZE; continue; }
      case 135: multiply64(s, target(p), load<i64>(p, OP_IMMEDIATE), <i64>load<i64>(source(p))); p += OP_SIZE; continue;
      case 136: { const host = readable<i64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } multiply64(s, target(p), load<i64>(p, OP_IMMEDIATE), <i64>load<i64>(host)); p += OP_SIZE; continue; }
      case 137: put<u32>(s + RAX, <u32>(<i32>load<i16>(s, RAX))); p += OP_SIZE; continue;
      case 138: store<i64>(s, <i64>load<i32>(s, RAX), RAX); p += OP_SIZE; continue;
      case 139: put<u32>(s + RDX, <u32>(load<i32>(s, RAX) >> 31)); p += OP_SIZE; continue;
      case 140: store<i64>(s, load<i64>(s, RAX) >> 63, RDX); p += OP_SIZE; continue;
      case 141: { const rsp = load<u64>(s, RSP) - 8; if (write<u64>(s, rsp, load<u64>(target(p)))) { store<u64>(s, rsp, RSP); p += OP_SIZE; continue; } k = STACK_FAULTED; break; }
      case 142: { const rsp = load<u64>(s, RSP); const host = readable<u64>(s, rsp); if (host == 0) { k = STACK_FAULTED; break; } const value = load<u64>(host); store<u64>(s, rsp + 8, RSP); store<u64>(target(p), value); p += OP_SIZE; continue; }
      case 143: { const rbp = load<u64>(s, RBP); const host = readable<u64>(s, rbp); if (host == 0) { k = STACK_FAULTED; break; } store<u64>(s, load<u64>(host), RBP); store<u64>(s, rbp + 8, RSP); p += OP_SIZE; continue; }
      case 144: { const rsp = load<u64>(s, RSP) - 8; if (!write<u64>(s, rsp, nextRip(s, p))) { k = STACK_FAULTED; break; } store<u64>(s, rsp, RSP); to = load<u32>(p, OP_TARGET); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; link = OP_TARGET; break; }
      case 145: { const rsp = load<u64>(s, RSP); const host = readable<u64>(s, rsp); if (host == 0) { k = STACK_FAULTED; break; } const rip = load<u64>(host); if (!canonical(rip)) { fault13(s); k = FAULTED; break; } store<u64>(s, rsp + 8 + load<u64>(p, OP_IMMEDIATE), RSP); store<u64>(s, rip, RIP); k = JUMPED; break; }
      case 146: to = load<u32>(p, OP_TARGET); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; link = OP_TARGET; break;
      case 147: { const rip = load<u64>(target(p)); if (!canonical(rip)) { fault13(s); k = FAULTED; break; } store<u64>(s, rip, RIP); k = JUMPED; break; }
      case 148: { const host = readable<u64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const rip = load<u64>(host); if (!canonical(rip)) { fault13(s); k = FAULTED; break; } store<u64>(s, rip, RIP); k = JUMPED; break; }
      case 149: { const rip = load<u64>(target(p)); const rsp = load<u64>(s, RSP) - 8; const top = writable<u64>(s, rsp); if (top == 0) { k = STACK_FAULTED; break; } if (!canonical(rip)) { fault13(s); k = FAULTED; break; } store<u64>(top, nextRip(s, p)); if (!written(s, top)) { k = STACK_FAULTED; break; } store<u64>(s, rsp, RSP); store<u64>(s, rip, RIP); k = JUMPED; break; }
      case 150: { const host = readable<u64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const rip = load<u64>(host); const rsp = load<u64>(s, RSP) - 8; const top = writable<u64>(s, rsp); if (top == 0) { k = STACK_FAULTED; break; } if (!canonical(rip)) { fault13(s); k = FAULTED; break; } store<u64>(top, nextRip(s, p)); if (!written(s, top)) { k = STACK_FAULTED; break; } store<u64>(s, rsp, RSP); store<u64>(s, rip, RIP); k = JUMPED; break; }
      case 151: link = (overflow(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 152: link = (overflow(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 153: link = (carry(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 154: link = (carry(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 155: link = (zero(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 156: link = (zero(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 157: link = (carry(s) | zero(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 158: link = (carry(s) | zero(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 159: link = (sign(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 160: link = (sign(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 161: link = (parity(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 162: link = (parity(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 163: link = (sign(s) ^ overflow(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 164: link = (sign(s) ^ overflow(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 165: link = ((sign(s) ^ overflow(s)) | zero(s)) != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 166: link = ((sign(s) ^ overflow(s)) | zero(s)) == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break;
      case 167: store<u8>(target(p), <u8>condition(s, load<u8>(p, OP_IMMEDIATE))); p += OP_SIZE; continue;
      case 168: put<u32>(target(p), condition(s, load<u8>(p, OP_IMMEDIATE)) != 0 ? load<u32>(source(p)) : load<u32>(target(p))); p += OP_SIZE; continue;
      case 169: store<u64>(target(p), condition(s, load<u8>(p, OP_IMMEDIATE)) != 0 ? load<u64>(source(p)) : load<u64>(target(p))); p += OP_SIZE; continue;
      case 170: p += OP_SIZE; continue;
      case 171: to = load<u32>(p, OP_TARGET); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; link = OP_TARGET; break;
      case 172: if (addressOp(s, p)) { p += OP_SIZE; continue; } k = FAULTED; break;
      // 0 has no op; with it the table starts where the numbers do.
      case 0:
      case 173: undefinedOp(s, p); k = FAULTED; break;
      case 174: k = STALE; break;
      case 175: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a < c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 176: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a >= c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 177: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 178: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 179: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a <= c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 180: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a > c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 181: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = <i32>a < <i32>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 182: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = <i32>a >= <i32>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 183: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = <i32>a <= <i32>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 184: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = <i32>a > <i32>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 185: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a < c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 186: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a >= c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 187: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 188: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 189: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a <= c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 190: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a > c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 191: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = <i64>a < <i64>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 192: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = <i64>a >= <i64>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 193: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = <i64>a <= <i64>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 194: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = <i64>a > <i64>c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 195: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a < c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 196: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a >= c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 197: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 198: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 199: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a <= c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 200: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a > c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 201: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); const r = (a & c) as u8; noteLogic<u8>(s, r); p += OP_SIZE; link = r == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 202: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); const r = (a & c) as u8; noteLogic<u8>(s, r); p += OP_SIZE; link = r != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 203: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); const r = (a & c) as u8; noteLogic<u8>(s, r); p += OP_SIZE; link = <i8>r < 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 204: { const a = load<u8>(target(p)); const c = load<u8>(source(p)); const r = (a & c) as u8; noteLogic<u8>(s, r); p += OP_SIZE; link = <i8>r >= 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 205: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); const r = (a & c) as u32; noteLogic<u32>(s, r); p += OP_SIZE; link = r == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 206: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); const r = (a & c) as u32; noteLogic<u32>(s, r); p += OP_SIZE; link = r != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 207: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); const r = (a & c) as u32; noteLogic<u32>(s, r); p += OP_SIZE; link = <i32>r < 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 208: { const a = load<u32>(target(p)); const c = load<u32>(source(p)); const r = (a & c) as u32; noteLogic<u32>(s, r); p += OP_SIZE; link = <i32>r >= 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 209: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); const r = (a & c) as u64; noteLogic<u64>(s, r); p += OP_SIZE; link = r == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 210: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); const r = (a & c) as u64; noteLogic<u64>(s, r); p += OP_SIZE; link = r != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 211: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); const r = (a & c) as u64; noteLogic<u64>(s, r); p += OP_SIZE; link = <i64>r < 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 212: { const a = load<u64>(target(p)); const c = load<u64>(source(p)); const r = (a & c) as u64; noteLogic<u64>(s, r); p += OP_SIZE; link = <i64>r >= 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 213: { const host = readable<u8>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u8>(host); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 214: { const host = readable<u8>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u8>(host); const c = load<u8>(source(p)); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 215: { const host = readable<u32>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u32>(host); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 216: { const host = readable<u32>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u32>(host); const c = load<u32>(source(p)); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 217: { const host = readable<u64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u64>(host); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 218: { const host = readable<u64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u64>(host); const c = load<u64>(source(p)); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 219: { const host = readable<u8>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u8>(target(p)); const c = load<u8>(host); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 220: { const host = readable<u8>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u8>(target(p)); const c = load<u8>(host); noteSub<u8>(s, a, (a - c) as u8); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 221: { const host = readable<u32>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u32>(target(p)); const c = load<u32>(host); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 222: { const host = readable<u32>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u32>(target(p)); const c = load<u32>(host); noteSub<u32>(s, a, (a - c) as u32); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 223: { const host = readable<u64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u64>(target(p)); const c = load<u64>(host); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a == c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 224: { const host = readable<u64>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u64>(target(p)); const c = load<u64>(host); noteSub<u64>(s, a, (a - c) as u64); p += OP_SIZE; link = a != c ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 225: { const host = readable<u8>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u8>(host); const c = load<u8>(source(p)); const r = (a & c) as u8; noteLogic<u8>(s, r); p += OP_SIZE; link = r == 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      case 226: { const host = readable<u8>(s, effective(p)); if (host == 0) { k = FAULTED; break; } const a = load<u8>(host); const c = load<u8>(source(p)); const r = (a & c) as u8; noteLogic<u8>(s, r); p += OP_SIZE; link = r != 0 ? OP_TARGET : OP_SOURCE; to = load<u32>(p + link); if (to != 0) { b = to; if (left > 0 && load<u32>(s, EXIT_REQUEST) == 0) { left -= load<i32>(b, BLOCK_COUNT); p = b + BLOCK_HEADER; continue; } k = ENTER; break; } k = LINK; break; }
      default: {
        const outcome = call_indirect<i32>(h - HOT_LIMIT, s, p);
        if (outcome == NEXT) { p += OP_SIZE; continue; }
        if (outcome == FAULT) { k = FAULTED; break; }
        if (outcome == END) advance(s, p);
        endWith(outcome);
        return left + undone(b, p) - 1;
      }
    }
    if (k == LINK) {
      // Offset from CODE_BASE: of the jump's target, or of the next instruction when it is not taken.
      const place: u32 = load<u16>(p, OP_PLACE);
      const offset: u64 = link == OP_SOURCE ? (place & 0xfff) + (place >> 12) : load<u64>(p, OP_IMMEDIATE);
      b = follow(s, p, p + link, offset);
      k = b == 0 ? JUMPED : ENTER;
    }
    if (k == ENTER) {
      if (left <= 0 || load<u32>(s, EXIT_REQUEST) != 0) {
        store<u64>(s, load<u64>(s, CODE_BASE) + (load<u32>(b, BLOCK_KEY) & 0xfff), RIP);
        return left;
      }
    } else if (k == JUMPED) {
      if (left <= 0 || load<u32>(s, EXIT_REQUEST) != 0) return left;
      b = lookup(s);
      if (b == 0) {
        fetchFault(s);
        return left;
      }
    } else {
      if (k == STALE) stale(s, p);
      else faultAt(s, p, k == STACK_FAULTED);
      return left + undone(b, p);
    }
    left -= load<i32>(b, BLOCK_COUNT);
    p = b + BLOCK_HEADER;
  }
  return left;
}

// How a case left the switch.
const FAULTED: i32 = 0;
/** As FAULTED, by an access to the stack. */
const STACK_FAULTED: i32 = 1;
/** RIP is set. */
const JUMPED: i32 = 2;
/** `b` is the next block, in the same page. */
const ENTER: i32 = 3;
/** The op's field `link` is to be filled with the block it leads to. */
const LINK: i32 = 4;
/** The block was dropped. */
const STALE: i32 = 5;

function fault13(s: usize): void {
  faultCode(s, 13, 0);
}

// @ts-ignore: decorator
@inline
function canonical(a: u64): bool {
  return <u64>((<i64>a << 16) >> 16) == a;
}

/** RIP after a hot op; those are 64-bit. */
// @ts-ignore: decorator
@inline
function nextRip(s: usize, p: usize): u64 {
  const place: u32 = load<u16>(p, OP_PLACE);
  return load<u64>(s, CODE_BASE) + (place & 0xfff) + (place >> 12);
}
