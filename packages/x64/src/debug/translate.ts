/**
 * Addresses as a debugger reads them: linear → guest-physical → place in the node, without the marks that the processor
 * leaves in page tables, and whatever a page's rights are.
 */
import { linearToPhysical } from '../linear.ts';
import * as S from '../state.ts';

const PAGE = 4096;
const PAGE_BITS = 0xfffn;

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
    const registers = {
      cr0: this.#quad(S.CR0),
      cr3: this.#quad(S.CR3),
      cr4: this.#quad(S.CR4),
      efer: this.#quad(S.EFER),
    };
    const physical = linearToPhysical(registers, linear, this.#read);
    return physical === undefined ? undefined : BigInt(physical);
  }

  /** Place in the node of a byte of memory at a linear address. */
  placeOf(linear: bigint): number | undefined {
    const physical = this.physical(linear);
    return physical === undefined ? undefined : this.place(physical);
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

  /** Reads an entry of a page table, which never lies in two pages. */
  readonly #read = (gpa: number, target: Uint8Array): boolean => {
    const at = this.place(BigInt(gpa));
    if (at === undefined) return false;
    target.set(new Uint8Array(this.#view.buffer, at, target.length));
    return true;
  };

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
