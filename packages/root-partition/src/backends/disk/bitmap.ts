/** Bits of sectors: bit 0 of byte 0 is the first, as in the sector bitmaps of VHDX. */

/** Whether bit `index` is set. */
export function bitAt(bits: Uint8Array, index: number): boolean {
  return (bits[index >>> 3]! & (1 << (index & 7))) !== 0;
}

/** How many bits from `from` on, at most `most`, are like the first of them. */
export function runLength(bits: Uint8Array, from: number, most: number): number {
  const set = bitAt(bits, from);
  const whole = set ? 0xff : 0;
  const end = from + most;
  let at = from + 1;
  while (at < end) {
    if ((at & 7) === 0 && bits[at >>> 3] === whole) at += 8;
    else if (bitAt(bits, at) === set) at++;
    else break;
  }
  return Math.min(at, end) - from;
}

/** Sets or clears `count` bits. @returns how many changed. */
export function fillBits(bits: Uint8Array, from: number, count: number, set: boolean): number {
  const end = from + count;
  let changed = 0;
  for (let at = from; at < end;) {
    const index = at >>> 3;
    const first = at & 7;
    const length = Math.min(8 - first, end - at);
    const mask = ((1 << length) - 1) << first;
    const before = bits[index]!;
    const after = set ? before | mask : before & ~mask;
    bits[index] = after;
    changed += ones(before ^ after);
    at += length;
  }
  return changed;
}

/** How many bits of `bits` are set. */
export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) count += ones(byte);
  return count;
}

function ones(byte: number): number {
  let count = 0;
  for (let rest = byte & 0xff; rest !== 0; rest &= rest - 1) count++;
  return count;
}
