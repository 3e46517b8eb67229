/**
 * MODE: what decoding and blocks depend on. Kept by whoever changes CS, SS, CPL or EFER: call {@link updateMode}.
 */
import { chooseEpoch } from './blocks/pages';
import { accessFlagChanged } from './system/access-flag';
import {
  CPL,
  CR0,
  CS,
  EFER,
  FLAG_SYSTEM,
  MODE,
  SEG_ATTRIBUTES,
  SS,
  TLB_CURRENT,
  TLB_SUPERVISOR,
  TLB_USER,
} from '../src/state';

/** Bits 0-1: code size. */
export const MODE_CODE: u32 = 3;
export const MODE_16: u32 = 0;
export const MODE_32: u32 = 1;
export const MODE_64: u32 = 2;
/** CPL is 3. */
export const MODE_USER: u32 = 4;
/** The stack pointer has 32 bits (SS.B); not set in 64-bit mode. */
export const MODE_STACK_32: u32 = 8;

/** Derives MODE and the current TLB from CS, SS, CPL and EFER.LMA. */
export function updateMode(s: usize): void {
  const cs = load<u32>(s + CS, SEG_ATTRIBUTES);
  const longMode = (load<u64>(s, EFER) & 0x400) != 0;
  const virtual8086 = (load<u32>(s, FLAG_SYSTEM) & 0x20000) != 0;
  const protectedMode = (load<u64>(s, CR0) & 1) != 0;
  let mode: u32;
  if (longMode && (cs & 0x2000) != 0) mode = MODE_64;
  else {
    mode = protectedMode && !virtual8086 && (cs & 0x4000) != 0 ? MODE_32 : MODE_16;
    if ((load<u32>(s + SS, SEG_ATTRIBUTES) & 0x4000) != 0) mode |= MODE_STACK_32;
  }
  const user = load<u32>(s, CPL) == 3;
  if (user) mode |= MODE_USER;
  store<u32>(s, mode, MODE);
  store<u32>(s, load<u32>(s + (user ? TLB_USER : TLB_SUPERVISOR)), TLB_CURRENT);
  chooseEpoch(s);
  accessFlagChanged(s);
}
