/**
 * Linear address → guest-physical address, by the guest's own page tables, for whoever looks from outside.
 *
 * Rights are not looked at, nothing is marked as accessed, and a TLB may hold something older. The core's own walk, with
 * all its checks, is `assembly/system/page-walk.ts`.
 */
import type { RegisterView } from './registers.ts';

const CR0_PG = 1n << 31n;
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const EFER_LMA = 1n << 10n;
const PRESENT = 1n;
const LARGE = 0x80n;
const TABLE = 0x000f_ffff_ffff_f000n;

/**
 * Translates an address.
 *
 * @param read - fills an array with guest-physical memory; `false` when some of it is not there
 * @returns the guest-physical address; `undefined` when no page is there
 */
export function linearToPhysical(
  { cr0, cr3, cr4, efer }: Pick<RegisterView, 'cr0' | 'cr3' | 'cr4' | 'efer'>,
  linear: bigint,
  read: (gpa: number, target: Uint8Array) => boolean,
): number | undefined {
  const long = (efer & EFER_LMA) !== 0n;
  const address = long ? BigInt.asUintN(64, linear) : BigInt.asUintN(32, linear);
  if ((cr0 & CR0_PG) === 0n) return Number(address);
  const wide = long || (cr4 & CR4_PAE) !== 0n;
  const indexBits = wide ? 9n : 10n;
  const entryBytes = wide ? 8 : 4;
  const bytes = new Uint8Array(8);
  let table = long ? cr3 & TABLE : wide ? cr3 & 0xffff_ffe0n : cr3 & 0xffff_f000n;
  for (let level = long ? 3 : wide ? 2 : 1; ; level--) {
    const shift = 12n + indexBits * BigInt(level);
    const index = (address >> shift) & ((1n << indexBits) - 1n);
    if (!read(Number(table) + Number(index) * entryBytes, bytes.subarray(0, entryBytes))) return undefined;
    const entry = new DataView(bytes.buffer).getBigUint64(0, true);
    if ((entry & PRESENT) === 0n) return undefined;
    // A PAE pointer is no page, whatever its bits; neither is an entry of the fourth level.
    const mayBeLarge = level > 0 && level < 3 && (long || level < 2) && (wide || (cr4 & CR4_PSE) !== 0n);
    if (level === 0 || (mayBeLarge && (entry & LARGE) !== 0n)) {
      const offset = (1n << shift) - 1n;
      // Without PAE, bits 13-20 of a large page's entry are bits 32-39 of its address.
      const page = wide ? entry & TABLE : (entry & 0xffff_f000n) | (level > 0 ? (entry & 0x1f_e000n) << 19n : 0n);
      return Number((page & ~offset) | (address & offset));
    }
    table = wide ? entry & TABLE : entry & 0xffff_f000n;
  }
}

/** Longest instruction. */
const MOST_CODE = 15;
const PAGE = 4096;

/**
 * The bytes at RIP, up to the longest instruction, as far as they are there.
 *
 * @param read - as of {@link linearToPhysical}
 */
export function codeAt(registers: RegisterView, read: (gpa: number, target: Uint8Array) => boolean): Uint8Array {
  const start = registers.segments.cs.base + registers.rip;
  const code = new Uint8Array(MOST_CODE);
  let length = 0;
  while (length < MOST_CODE) {
    const at = start + BigInt(length);
    const run = Math.min(MOST_CODE - length, PAGE - Number(at & 0xfffn));
    const gpa = linearToPhysical(registers, at, read);
    if (gpa === undefined || !read(gpa, code.subarray(length, length + run))) break;
    length += run;
  }
  return code.subarray(0, length);
}
