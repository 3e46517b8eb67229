/**
 * Decoded code: blocks, where they are found, and how they go away.
 *
 * Blocks lie in the VP's arena, never move and are not reused before the arena is emptied as a whole, so a stale pointer
 * never points at something else; a block that is dropped is marked. Code is known by the system page it lies in, not by
 * address: one decode serves all aliases, and RIP inside a block is relative to the page (CODE_BASE).
 *
 *     page record (288 bytes)          block (32 bytes, then ops)
 *      0 u32 host page | 1 if dropped   0 u32 state: 1 valid, 0 dropped
 *      4 u32 next in hash chain         4 u32 next block in chunk
 *      8 u64 mask of chunks with code   8 u32 offset in page | mode << 16
 *     16 64 × u32 first block          12 u32 number of ops
 *        of each 64-byte chunk         16 u32 breakpoints among its ops 20 u32 host page
 *                                      24 u32 checksum of its bytes     28 u32 number of bytes
 *
 * Devices write without asking here. So a block that is looked up again after the jump cache was emptied, as it is when
 * a page gets a new use, is compared with its bytes, by checksum.
 *
 * Links between blocks stay inside one page and die with it; a page is dropped as a whole, by the first write to a chunk
 * that holds code. Blocks of instructions that cross into another page are not kept at all.
 */

export const BLOCK_HEADER: u32 = 32;
export const BLOCK_VALID = 0;
export const BLOCK_NEXT = 4;
export const BLOCK_KEY = 8;
export const BLOCK_COUNT = 12;
export const BLOCK_STOPS = 16;
export const BLOCK_PAGE = 20;
export const BLOCK_CHECKSUM = 24;
export const BLOCK_BYTES = 28;

export const PAGE_RECORD: u32 = 16 + 64 * 4;
export const PAGE_NEXT = 4;
export const PAGE_CHUNKS = 16;

/** Ops in a block, at most. */
export const MAX_OPS: u32 = 60;
/** The arena begins with room for one block of one instruction that is not kept, and 32 bytes of code. */
export const SCRATCH_CODE: u32 = 0;
export const SCRATCH_BLOCK: u32 = 32;
export const SCRATCH_SIZE: u32 = 320;
