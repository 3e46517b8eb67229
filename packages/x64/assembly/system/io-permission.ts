/** The I/O permission bitmap of the TSS (APM volume 2 section 12.2.4). */
import { faultCode } from '../op';
import { CPL, SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT, TR } from '../../src/state';
import { peek } from './access';
import { GENERAL_PROTECTION } from './descriptors';
import { NULL_SEGMENT, failed, iopl, longMode, protectedMode, virtual8086 } from './machine';

/** Whether the running code may use `size` ports from `port` on. @returns false when a fault or an exit was set */
export function ioAllowed(s: usize, port: u32, size: u32): bool {
  // In virtual-8086 mode the bitmap alone counts.
  if (!protectedMode(s) || (load<u32>(s, CPL) <= iopl(s) && !virtual8086(s))) return true;
  const attributes = load<u32>(s, TR + SEG_ATTRIBUTES);
  const limit = load<u32>(s, TR + SEG_LIMIT);
  const base = load<u64>(s, TR + SEG_BASE);
  // A 16-bit TSS has no bitmap.
  if ((attributes & NULL_SEGMENT) == 0 && (attributes & 8) != 0 && limit >= 103) {
    const map = <u32>peek(s, at(s, base + 102), 2, 0);
    if (failed(s)) return false;
    const byte = map + (port >> 3);
    // Two bytes are always read: a row of ports may lie in both.
    if (byte + 1 <= limit) {
      const bits = <u32>peek(s, at(s, base + byte), 2, 0);
      if (failed(s)) return false;
      if (((bits >> (port & 7)) & ((1 << size) - 1)) == 0) return true;
    }
  }
  faultCode(s, GENERAL_PROTECTION, 0);
  return false;
}

function at(s: usize, linear: u64): u64 {
  return longMode(s) ? linear : linear & 0xffffffff;
}
