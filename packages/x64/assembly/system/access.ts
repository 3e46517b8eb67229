/**
 * Accesses that the processor makes on its own behalf: descriptor tables, TSS, stacks of other privilege levels.
 *
 * They go through the TLB of the privilege they are made with, whatever the current one is. Outside long mode linear
 * addresses have 32 bits; callers truncate.
 */
import { readableBytes, writableBytes, written } from '../memory';
import { closeUserPages } from './access-flag';
import { TLB_CURRENT, TLB_SUPERVISOR, TLB_USER } from '../../src/state';

/** The access under way is one that no instruction asked for: SMAP does not look at RFLAGS.AC. */
export let implicitAccess: bool = false;

/**
 * Reads 1, 2, 4 or 8 bytes with the rights of `privilege` (3 = user, other levels are alike). Callers ask `failed`.
 */
export function peek(s: usize, va: u64, size: u32, privilege: u32): u64 {
  const before = enter(s, privilege);
  const host = readableBytes(s, va, size);
  leave(s, before);
  if (host == 0) return 0;
  if (size == 8) return load<u64>(host);
  if (size == 4) return load<u32>(host);
  return size == 2 ? <u64>load<u16>(host) : <u64>load<u8>(host);
}

/** Writes 1, 2, 4 or 8 bytes; see {@link peek}. */
export function poke(s: usize, va: u64, size: u32, privilege: u32, value: u64): void {
  const before = enter(s, privilege);
  const host = writableBytes(s, va, size, false);
  if (host != 0) {
    if (size == 8) store<u64>(host, value);
    else if (size == 4) store<u32>(host, <u32>value);
    else if (size == 2) store<u16>(host, <u16>value);
    else store<u8>(host, <u8>value);
    written(s, host);
  }
  leave(s, before);
}

/** Sets bits of a byte at supervisor privilege, without losing what another VP changes in it. */
export function setBits(s: usize, va: u64, bits: u32): void {
  const before = enter(s, 0);
  const host = writableBytes(s, va, 1, true);
  leave(s, before);
  if (host == 0) return;
  atomic.or<u8>(host, <u8>bits);
  written(s, host);
}

/** Clears bits of a byte, as {@link setBits} sets them. */
export function clearBits(s: usize, va: u64, bits: u32): void {
  const before = enter(s, 0);
  const host = writableBytes(s, va, 1, true);
  leave(s, before);
  if (host == 0) return;
  atomic.and<u8>(host, ~(<u8>bits));
  written(s, host);
}

/** Makes sure that 1, 2 or 4 bytes can be written at supervisor privilege. @returns false when a fault or an exit was set */
export function touch(s: usize, va: u64, size: u32): bool {
  const before = enter(s, 0);
  const host = writableBytes(s, va, size, true);
  leave(s, before);
  return host != 0;
}

function enter(s: usize, privilege: u32): u32 {
  const before = load<u32>(s, TLB_CURRENT);
  store<u32>(s, privilege == 3 ? load<u32>(s, TLB_USER) : load<u32>(s, TLB_SUPERVISOR), TLB_CURRENT);
  implicitAccess = privilege != 3;
  // What RFLAGS.AC has opened is not open to these.
  if (implicitAccess) closeUserPages(s);
  return before;
}

function leave(s: usize, before: u32): void {
  store<u32>(s, before, TLB_CURRENT);
  implicitAccess = false;
}
