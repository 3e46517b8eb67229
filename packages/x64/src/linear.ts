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
  if (long && !canonical(linear)) return undefined;
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

/** In long mode, bits 63-48 of an address are as bit 47. */
export function canonical(linear: bigint): boolean {
  const upper = BigInt.asIntN(64, linear) >> 47n;
  return upper === 0n || upper === -1n;
}

/**
 * Fills `target` with the bytes from an address on, as far as they are there.
 *
 * @param registers - `undefined`: the address is a guest-physical one
 * @param read - fills an array with guest-physical memory; `false` when some of it is not there
 * @returns how many are
 */
export function readLinear(
  registers: Pick<RegisterView, 'cr0' | 'cr3' | 'cr4' | 'efer'> | undefined,
  address: bigint,
  target: Uint8Array,
  read: (gpa: number, target: Uint8Array) => boolean,
): number {
  let done = 0;
  while (done < target.length) {
    const at = BigInt.asUintN(64, address + BigInt(done));
    const run = Math.min(target.length - done, PAGE - Number(at & 0xfffn));
    const gpa = registers === undefined ? Number(at) : linearToPhysical(registers, at, read);
    if (gpa === undefined || !read(gpa, target.subarray(done, done + run))) break;
    done += run;
  }
  return done;
}

/** Longest instruction. */
const MOST_CODE = 15;
const PAGE = 4096;

/**
 * The bytes at RIP, up to the longest instruction, as far as they are there.
 *
 * @param read - fills an array with guest-physical memory; `false` when some of it is not there
 */
export function codeAt(registers: RegisterView, read: (gpa: number, target: Uint8Array) => boolean): Uint8Array {
  const code = new Uint8Array(MOST_CODE);
  return code.subarray(0, readLinear(registers, registers.segments.cs.base + registers.rip, code, read));
}
