/**
 * Where a TypeScript guest keeps what its runtime needs. RAM starts at 0, is zero at boot, and is the guest's alone.
 *
 *     page 0            never used: a null address is a mistake
 *     page 1            hypercall page (the hypervisor writes it)
 *     page 2            event flags of channels, forwarded to virtual processor 0
 *     page 16 + 4 n     of virtual processor n: message page, event flags page, hypercall input, crash text
 *     bitmap            which of the pages behind it are taken, and the lock of that bitmap
 *     pool              what `guest.pages` hands out, up to the end of RAM
 *
 * All virtual processors compute the same map: it depends on the amount of RAM and their number alone.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';

const HYPERCALL_PAGE = 1;
const FORWARDED_FLAGS_PAGE = 2;
const FIRST_VP_PAGE = 16;
const PAGES_PER_VP = 4;
const LOCK_BYTES = 64;

/** Addresses (GPA) of one virtual processor's own pages. */
export interface VpPages {
  readonly messagePageGpa: number;
  readonly eventPageGpa: number;
  readonly inputPageGpa: number;
  readonly crashPageGpa: number;
}

/** The map of one guest. */
export interface MemoryMap {
  readonly hypercallPageGpa: number;
  readonly forwardedFlagsGpa: number;
  /** GPA of the pool's lock and bitmap. */
  readonly bitmapGpa: number;
  /** First guest page of the pool. */
  readonly poolPage: number;
  readonly poolPages: number;
  /** @param index - of a virtual processor below the number that the map was made for */
  vp(index: number): VpPages;
}

/** Bytes of the lock that precedes the bitmap. */
export const BITMAP_LOCK_BYTES = LOCK_BYTES;

/** Lays out `memoryBytes` of RAM for `vpCount` virtual processors. */
export function memoryMap(memoryBytes: number, vpCount: number): MemoryMap {
  const ramPages = Math.floor(memoryBytes / PAGE_SIZE);
  const bitmapPage = FIRST_VP_PAGE + PAGES_PER_VP * vpCount;
  const bitmapPages = Math.ceil((LOCK_BYTES + ramPages / 8) / PAGE_SIZE);
  const poolPage = bitmapPage + bitmapPages;
  invariant(ramPages > poolPage, 'a guest has RAM beyond what its runtime reserves');
  return {
    hypercallPageGpa: HYPERCALL_PAGE * PAGE_SIZE,
    forwardedFlagsGpa: FORWARDED_FLAGS_PAGE * PAGE_SIZE,
    bitmapGpa: bitmapPage * PAGE_SIZE,
    poolPage,
    poolPages: ramPages - poolPage,
    vp(index) {
      invariant(index >= 0 && index < vpCount, 'the virtual processor is one of this guest');
      const first = (FIRST_VP_PAGE + PAGES_PER_VP * index) * PAGE_SIZE;
      return {
        messagePageGpa: first,
        eventPageGpa: first + PAGE_SIZE,
        inputPageGpa: first + 2 * PAGE_SIZE,
        crashPageGpa: first + 3 * PAGE_SIZE,
      };
    },
  };
}
