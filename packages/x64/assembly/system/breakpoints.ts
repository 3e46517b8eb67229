/**
 * Debug registers as the memory and the run loop see them: which pages are watched, which accesses and instructions hit
 * (APM volume 2 chapter 13; Intel SDM volume 3 chapter 18).
 */
import { CR4, CS, DEBUG_PENDING, DR, FLAG_SYSTEM, RIP, SEG_BASE } from '../../src/state';
import { CR4_DE, FLAG_RF, code64 } from './machine';

/** Local and global enable bits of DR7. */
const ENABLES: u64 = 0xff;

const KIND_EXECUTE: u64 = 0;
const KIND_WRITE: u64 = 1;
/** Ports, with CR4.DE; undefined without. */
const KIND_PORT: u64 = 2;
const KIND_READ_WRITE: u64 = 3;

/** Any breakpoint is enabled. */
// @ts-ignore: decorator
@inline
export function breakpointsEnabled(s: usize): bool {
  return (load<u64>(s, DR + 56) & ENABLES) != 0;
}

function address(s: usize, index: u32): u64 {
  return load<u64>(s + (index << 3), DR);
}

function enabled(dr7: u64, index: u64): bool {
  return ((dr7 >> (index << 1)) & 3) != 0;
}

function kind(dr7: u64, index: u64): u64 {
  return (dr7 >> (16 + (index << 2))) & 3;
}

/** Bytes watched: 1, 2, 8 or 4 for the encodings 0 … 3. */
function length(dr7: u64, index: u64): u64 {
  const encoded = (dr7 >> (18 + (index << 2))) & 3;
  return encoded == 2 ? 8 : encoded + 1;
}

/** A data breakpoint lies in the page at `page`. */
export function watched(s: usize, page: u64): bool {
  if (!breakpointsEnabled(s)) return false;
  const dr7 = load<u64>(s, DR + 56);
  for (let i: u32 = 0; i < 4; i++) {
    if (enabled(dr7, i) && (kind(dr7, i) & 1) != 0 && ((address(s, i) ^ page) & ~0xfff) == 0) return true;
  }
  return false;
}

/** Notes the data breakpoints that an access to a watched page hits; they are reported behind the instruction. */
export function watch(s: usize, a: u64, size: u32, write: bool): void {
  const dr7 = load<u64>(s, DR + 56);
  for (let i: u32 = 0; i < 4; i++) {
    if (!enabled(dr7, i)) continue;
    const on = kind(dr7, i);
    if (on != KIND_READ_WRITE && !(on == KIND_WRITE && write)) continue;
    const bytes = length(dr7, i);
    const first = address(s, i) & ~(bytes - 1);
    if (a < first + bytes && first < a + size) store<u32>(s, load<u32>(s, DEBUG_PENDING) | (1 << i), DEBUG_PENDING);
  }
}

/** Notes the I/O breakpoints that an access to `size` ports from `port` on hits; reported behind the instruction. */
export function watchPorts(s: usize, port: u32, size: u32): void {
  if (!breakpointsEnabled(s) || (load<u64>(s, CR4) & CR4_DE) == 0) return;
  const dr7 = load<u64>(s, DR + 56);
  for (let i: u32 = 0; i < 4; i++) {
    if (!enabled(dr7, i) || kind(dr7, i) != KIND_PORT) continue;
    const bytes = length(dr7, i);
    const first = address(s, i) & ~(bytes - 1);
    if (port < first + bytes && first < port + size) store<u32>(s, load<u32>(s, DEBUG_PENDING) | (1 << i), DEBUG_PENDING);
  }
}

/** Bits of DR6 for instruction breakpoints at RIP; 0 when there is none, or RF suppresses it. */
export function instructionBreakpoints(s: usize): u32 {
  if (!breakpointsEnabled(s) || (load<u32>(s, FLAG_SYSTEM) & FLAG_RF) != 0) return 0;
  const dr7 = load<u64>(s, DR + 56);
  let at = load<u64>(s, RIP);
  if (!code64(s)) at = (at + load<u64>(s, CS + SEG_BASE)) & 0xffffffff;
  let hits: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    if (enabled(dr7, i) && kind(dr7, i) == KIND_EXECUTE && address(s, i) == at) hits |= 1 << i;
  }
  return hits;
}
