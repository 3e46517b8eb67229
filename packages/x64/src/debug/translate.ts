/**
 * Addresses as a debugger reads them: linear → guest-physical → place in the node, without the marks that the processor
 * leaves in page tables, and whatever a page's rights are.
 */
import * as S from '../state.ts';

const PAGE = 4096;
const PAGE_BITS = 0xfffn;
/** Bits 12-51: an address in an entry. */
const TABLE = 0x000f_ffff_ffff_f000n;
const PRESENT = 1n;
const LARGE = 0x80n;
const PAGING = 1n << 31n;
const PSE = 1n << 4n;
const PAE = 1n << 5n;
const LONG_MODE = 1n << 10n;

/** Reads what page tables say. Addresses that are not translated are `undefined`. */
export class Translation {
  readonly #view: DataView;
  readonly #area: number;

  /** @param area - address of a VP's area in the node */
  constructor(view: DataView, area: number) {
    this.#view = view;
    this.#area = area;
  }

  /** The guest-physical address of a linear one, by the VP's current page tables. */
  physical(linear: bigint): bigint | undefined {
    if ((this.#quad(S.CR0) & PAGING) === 0n) return linear & 0xffff_ffffn;
    const long = (this.#quad(S.EFER) & LONG_MODE) !== 0n;
    const cr4 = this.#quad(S.CR4);
    const wide = long || (cr4 & PAE) !== 0n;
    const indexBits = wide ? 9n : 10n;
    const cr3 = this.#quad(S.CR3);
    const upper = BigInt.asIntN(64, linear) >> 47n;
    if (long && upper !== 0n && upper !== -1n) return undefined;
    let table = long ? cr3 & TABLE : cr3 & (wide ? 0xffff_ffe0n : 0xffff_f000n);
    for (let level = long ? 3n : wide ? 2n : 1n; ; level--) {
      const shift = 12n + indexBits * level;
      const index = (linear >> shift) & ((1n << indexBits) - 1n);
      const entry = this.#entry(table + index * (wide ? 8n : 4n), wide);
      if (entry === undefined || (entry & PRESENT) === 0n) return undefined;
      const mayBeLarge = level === 1n || (level === 2n && long);
      const large = mayBeLarge && (entry & LARGE) !== 0n && (wide || (cr4 & PSE) !== 0n);
      if (level > 0n && !large) {
        table = entry & (wide ? TABLE : 0xffff_f000n);
        continue;
      }
      const within = (1n << shift) - 1n;
      if (large && !wide) return (entry & 0xffc0_0000n) | ((entry & 0x1f_e000n) << 19n) | (linear & within);
      return (entry & TABLE & ~within) | (linear & within);
    }
  }

  /** Place in the node of a guest-physical byte that is memory; `undefined` where there is a device, or nothing. */
  place(physical: bigint): number | undefined {
    const page = physical >> 12n;
    if (page < 0n || page >= BigInt(this.#view.getUint32(this.#area + S.SLAT_PAGES, true))) return undefined;
    const table = this.#view.getUint32(this.#area + S.SLAT_TABLE, true);
    const entry = this.#view.getUint32(table + 4 * Number(page), true);
    if ((entry & 1) === 0) return undefined;
    return ((entry & 0xffff_f000) >>> 0) + Number(physical & PAGE_BITS);
  }

  #entry(physical: bigint, wide: boolean): bigint | undefined {
    const at = this.place(physical);
    if (at === undefined) return undefined;
    return wide ? this.#view.getBigUint64(at, true) : BigInt(this.#view.getUint32(at, true));
  }

  #quad(offset: number): bigint {
    return this.#view.getBigUint64(this.#area + offset, true);
  }
}

/** Cuts `length` bytes from `address` on where pages end. */
export function* piecesOf(address: bigint, length: number): Generator<{ address: bigint; at: number; length: number }> {
  for (let at = 0; at < length;) {
    const here = BigInt.asUintN(64, address + BigInt(at));
    const piece = Math.min(length - at, PAGE - Number(here & PAGE_BITS));
    yield { address: here, at, length: piece };
    at += piece;
  }
}
