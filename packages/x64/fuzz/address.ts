/** Memory operands: modrm byte, SIB byte and displacement of an address near the border of the data pages. */
import { BORDER, type Place } from './place.ts';
import { little, type Random } from './random.ts';

/** Registers that hold addresses in a case, and those that hold small numbers. */
export const POINTERS: readonly number[] = [3, 4, 5, 6, 7, 12, 13];
export const SMALL: readonly number[] = [1, 9];

/** An encoded memory operand. */
export interface MemoryOperand {
  readonly bytes: number[];
  /** Bits of REX. */
  readonly x: number;
  readonly b: number;
  /** Index in `bytes` of a RIP-relative displacement, to be filled when its place is known; -1 for none. */
  readonly relative: number;
}

/** A memory operand with `reg` in modrm. @param bits - address size */
export function memoryOperand(reg: number, random: Random, place: Place, bits: 64 | 32 | 16): MemoryOperand {
  if (bits === 16) return { ...plain(short(reg, random, place)) };
  const kind = random.below(10);
  if (kind < 6) return based(reg, random, place);
  const absolute = place.border + random.below(64) - 32;
  if (kind >= 8) return plain([(reg << 3) | 4, 0x25, ...little(absolute, 4)]);
  if (place.bits !== 64) return plain([(reg << 3) | 5, ...little(absolute, 4)]);
  return { bytes: [(reg << 3) | 5, 0, 0, 0, 0], x: 0, b: 0, relative: 1 };
}

/** The displacement of a RIP-relative operand of an instruction that ends at `next`. */
export function relativeDisplacement(next: number, random: Random): number[] {
  return little(BORDER + random.below(64) - 32 - next, 4);
}

const plain = (bytes: number[]): MemoryOperand => ({ bytes, x: 0, b: 0, relative: -1 });

/** [pointer + index * scale + displacement]. */
function based(reg: number, random: Random, place: Place): MemoryOperand {
  const known = (register: number): boolean => place.bits === 64 || register < 8;
  const base = random.pick(POINTERS.filter(known));
  const index = random.chance(30) ? random.pick(SMALL.filter(known)) : 4;
  const displacement = random.chance(70) ? random.below(48) - 24 : 0;
  const mod = random.chance(10) ? 2 : displacement !== 0 || (base & 7) === 5 ? 1 : 0;
  const bytes: number[] = [];
  let x = 0;
  if (index !== 4 || (base & 7) === 4 || random.chance(10)) {
    bytes.push((mod << 6) | (reg << 3) | 4, (random.below(4) << 6) | ((index & 7) << 3) | (base & 7));
    x = index >> 3;
  } else bytes.push((mod << 6) | (reg << 3) | (base & 7));
  if (mod === 1) bytes.push(displacement & 255);
  if (mod === 2) bytes.push(...little(displacement, 4));
  return { bytes, x, b: base >> 3, relative: -1 };
}

/** 16-bit addressing: [bx+si], … or a displacement. */
function short(reg: number, random: Random, place: Place): number[] {
  const mod = random.below(3);
  const rm = random.below(8);
  const bytes = [(mod << 6) | (reg << 3) | rm];
  if (mod === 0 && rm === 6) bytes.push(...little(place.border + random.below(64) - 32, 2));
  // Two pointers add up to nothing; with this displacement they are near the border again.
  if (mod === 1) bytes.push(random.below(48) & 255);
  if (mod === 2) bytes.push(...little((rm < 4 ? -place.border : 0) + random.below(48) - 24, 2));
  return bytes;
}
