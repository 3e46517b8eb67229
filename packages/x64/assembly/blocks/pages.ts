/** The arena: records of the pages that hold decoded code, and forgetting them. */
import { H_STALE } from '../hot';
import { MODE_USER } from '../mode';
import { OP_SIZE } from '../op';
import {
  ARENA,
  ARENA_NEXT,
  BLOCK_HASH,
  BLOCK_HASH_MASK,
  CODE_EPOCH,
  CONTEXTS,
  CONTEXT_COUNT,
  CONTEXT_EPOCH,
  CONTEXT_SIZE,
  COUNT_ARENA_RESETS,
  COUNT_CODE_DROPS,
  EPOCH_KERNEL,
  EPOCH_LAST,
  EPOCH_USER,
  JUMP_CACHE,
  KERNEL_CODE_LOCAL,
  MODE,
} from '../../src/state';
import {
  BLOCK_COUNT,
  BLOCK_HEADER,
  BLOCK_NEXT,
  BLOCK_STOPS,
  BLOCK_VALID,
  PAGE_CHUNKS,
  PAGE_NEXT,
  PAGE_RECORD,
  SCRATCH_SIZE,
} from './layout';

/** Jump cache: 4096 entries of {u64 RIP, u32 block, u32 epoch << 4 | mode}. */
export const JUMP_ENTRIES: u32 = 4096;

/** Empties the arena: all blocks are forgotten. */
export function resetArena(s: usize): void {
  store<u32>(s, load<u32>(s, ARENA) + SCRATCH_SIZE, ARENA_NEXT);
  memory.fill(load<u32>(s, BLOCK_HASH), 0, (load<u32>(s, BLOCK_HASH_MASK) + 1) * 4);
  flushJumpCache(s);
  store<u64>(s, load<u64>(s, COUNT_ARENA_RESETS) + 1, COUNT_ARENA_RESETS);
}

/** Forgets which RIP means which block, in every address space. */
export function flushJumpCache(s: usize): void {
  for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) store<u32>(s + CONTEXTS + i * CONTEXT_SIZE, 0, CONTEXT_EPOCH);
  store<u32>(s, nextEpoch(s), EPOCH_USER);
  forgetKernelCode(s);
}

/** Forgets it for user mode, in the current address space. */
export function forgetUserCode(s: usize): void {
  store<u32>(s, nextEpoch(s), EPOCH_USER);
  chooseEpoch(s);
}

/** Forgets it for the kernel. */
export function forgetKernelCode(s: usize): void {
  store<u32>(s, nextEpoch(s), EPOCH_KERNEL);
  store<u32>(s, 0, KERNEL_CODE_LOCAL);
  chooseEpoch(s);
}

/** Makes CODE_EPOCH that of the current privilege. */
// @ts-ignore: decorator
@inline
export function chooseEpoch(s: usize): void {
  store<u32>(s, (load<u32>(s, MODE) & MODE_USER) != 0 ? load<u32>(s, EPOCH_USER) : load<u32>(s, EPOCH_KERNEL), CODE_EPOCH);
}

/** An epoch that no entry of the jump cache has; never 0. */
export function nextEpoch(s: usize): u32 {
  let epoch = load<u32>(s, EPOCH_LAST) + 1;
  if (epoch > 0x0fffffff) {
    // Once in 2^28 times an old entry could look new: none stays, and every context gets a new epoch when it comes back.
    memory.fill(load<u32>(s, JUMP_CACHE), 0, JUMP_ENTRIES * 16);
    for (let i: u32 = 0; i < <u32>CONTEXT_COUNT; i++) store<u32>(s + CONTEXTS + i * CONTEXT_SIZE, 0, CONTEXT_EPOCH);
    store<u32>(s, 1, EPOCH_USER);
    store<u32>(s, 2, EPOCH_KERNEL);
    epoch = 3;
  }
  store<u32>(s, epoch, EPOCH_LAST);
  return epoch;
}

export function pageRecord(s: usize, page: usize): usize {
  let record: usize = load<u32>(bucketOf(s, page));
  while (record != 0 && load<u32>(record) != <u32>page) record = load<u32>(record, PAGE_NEXT);
  return record;
}

/** The record of a page, made when there is none; there must be room in the arena. */
export function pageOf(s: usize, page: usize): usize {
  let record = pageRecord(s, page);
  if (record != 0) return record;
  record = load<u32>(s, ARENA_NEXT);
  store<u32>(s, <u32>record + PAGE_RECORD, ARENA_NEXT);
  memory.fill(record, 0, PAGE_RECORD);
  store<u32>(record, <u32>page);
  const bucket = bucketOf(s, page);
  store<u32>(record, load<u32>(bucket), PAGE_NEXT);
  store<u32>(bucket, <u32>record);
  return record;
}

function bucketOf(s: usize, page: usize): usize {
  const number = (<u32>page) >> 12;
  return <usize>load<u32>(s, BLOCK_HASH) + (((number ^ (number >> 9)) & load<u32>(s, BLOCK_HASH_MASK)) << 2);
}

/** Forgets the blocks of a system page. */
export function dropPage(s: usize, page: usize): void {
  const bucket = bucketOf(s, page);
  let link = bucket;
  let record: usize = load<u32>(bucket);
  while (record != 0 && load<u32>(record) != <u32>page) {
    link = record + PAGE_NEXT;
    record = load<u32>(record, PAGE_NEXT);
  }
  if (record == 0) return;
  store<u32>(link, load<u32>(record, PAGE_NEXT));
  for (let chunk: u32 = 0; chunk < 64; chunk++) {
    let block: usize = load<u32>(record + PAGE_CHUNKS + (chunk << 2));
    while (block != 0) {
      store<u32>(block, 0, BLOCK_VALID);
      // The running block may be one of them: its next op looks up the block anew.
      const count = load<u32>(block, BLOCK_COUNT) + load<u32>(block, BLOCK_STOPS);
      for (let i: u32 = 0; i < count; i++) store<u16>(block + BLOCK_HEADER + i * OP_SIZE, <u16>H_STALE);
      block = load<u32>(block, BLOCK_NEXT);
    }
  }
  store<u64>(s, load<u64>(s, COUNT_CODE_DROPS) + 1, COUNT_CODE_DROPS);
}
