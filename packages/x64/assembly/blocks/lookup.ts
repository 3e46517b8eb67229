/** From RIP to a block: the jump cache, and links inside a page. */
import { executable } from '../memory';
import { MODE_64, MODE_CODE } from '../mode';
import {
  CODE_BASE,
  CODE_EPOCH,
  CODE_PAGE,
  COUNT_ARENA_RESETS,
  CS,
  JUMP_CACHE,
  LOOKUPS,
  MODE,
  RIP,
  SEG_BASE,
} from '../../src/state';
import { checksum, decodeBlock } from './build';
import { BLOCK_BYTES, BLOCK_CHECKSUM, BLOCK_KEY, BLOCK_NEXT, BLOCK_PAGE, PAGE_CHUNKS } from './layout';
import { JUMP_ENTRIES, dropPage, pageRecord } from './pages';

/** Block at RIP, 0 on a fault (FAULT_* set). Sets CODE_BASE. */
export function lookup(s: usize): usize {
  const rip = load<u64>(s, RIP);
  const mode = load<u32>(s, MODE);
  const tag = (load<u32>(s, CODE_EPOCH) << 4) | mode;
  const entry = <usize>load<u32>(s, JUMP_CACHE) + (((<u32>(rip ^ (rip >> 12))) & (JUMP_ENTRIES - 1)) << 4);
  const cached: usize = load<u32>(entry, 8);
  if (load<u64>(entry) == rip && load<u32>(entry, 12) == tag && load<u32>(cached) != 0) {
    store<u64>(s, rip - (load<u32>(cached, BLOCK_KEY) & 0xfff), CODE_BASE);
    store<u32>(s, load<u32>(cached, BLOCK_PAGE), CODE_PAGE);
    return cached;
  }
  store<u64>(s, load<u64>(s, LOOKUPS) + 1, LOOKUPS);
  const linear = linearRip(s, rip, mode);
  const host = executable(s, linear);
  if (host == 0) return 0;
  const offset = (<u32>linear) & 0xfff;
  store<u64>(s, rip - offset, CODE_BASE);
  const block = blockAt(s, host & ~0xfff, offset, mode, linear, true);
  store<u32>(s, block == 0 ? 0 : load<u32>(block, BLOCK_PAGE), CODE_PAGE);
  if (block != 0 && load<u32>(block, BLOCK_PAGE) != 0) {
    store<u64>(entry, rip);
    store<u32>(entry, <u32>block, 8);
    // Decoding may have emptied the arena and with it the epoch.
    store<u32>(entry, (load<u32>(s, CODE_EPOCH) << 4) | mode, 12);
  }
  return block;
}

export function linearRip(s: usize, rip: u64, mode: u32): u64 {
  if ((mode & MODE_CODE) == MODE_64) return rip;
  return (load<u64>(s + CS, SEG_BASE) + rip) & 0xffffffff;
}

/** Block at an offset of the running page, for a link; 0 when there is none that can be linked to. */
export function linkTarget(s: usize, offset: u32): usize {
  const page: usize = load<u32>(s, CODE_PAGE);
  if (page == 0) return 0;
  const mode = load<u32>(s, MODE);
  const resets = load<u64>(s, COUNT_ARENA_RESETS);
  const block = blockAt(s, page, offset, mode, linearRip(s, load<u64>(s, CODE_BASE) + offset, mode), false);
  if (block == 0 || load<u32>(block, BLOCK_PAGE) == 0) return 0;
  // Not after the arena was emptied under the op that wants the link.
  return load<u64>(s, COUNT_ARENA_RESETS) == resets ? block : 0;
}

/** Finds or decodes a block; `again`: one that is found is compared with its bytes. @returns 0 on a fault of a fetch from the following page */
function blockAt(s: usize, page: usize, offset: u32, mode: u32, linear: u64, again: bool): usize {
  const key = offset | (mode << 16);
  const record = pageRecord(s, page);
  if (record != 0) {
    let block: usize = load<u32>(record + PAGE_CHUNKS + ((offset >> 6) << 2));
    while (block != 0) {
      if (load<u32>(block, BLOCK_KEY) == key) {
        if (!again || checksum(page + offset, load<u32>(block, BLOCK_BYTES)) == load<u32>(block, BLOCK_CHECKSUM))
          return block;
        dropPage(s, page);
        break;
      }
      block = load<u32>(block, BLOCK_NEXT);
    }
  }
  return decodeBlock(s, page, offset, mode, linear);
}
