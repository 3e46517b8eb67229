/** How blocks end: where a jump leads, a fault or an exit on the way, what was not reached. */
import { BLOCK_COUNT, BLOCK_HEADER } from './blocks/layout';
import { linkTarget } from './blocks/lookup';
import { breakpointHandler, stopsUpTo } from './debugger';
import { EXIT, fault, JUMP, OP_FLAGS, OP_IMMEDIATE, OP_PLACE, OP_SIZE, OP_STACK, ripOf } from './op';
import {
  CODE_BASE,
  FAULT_CANONICAL,
  FAULT_VECTOR,
  OPCODE_COUNT,
  RIP,
  UNIMPLEMENTED,
} from '../src/state';
import { deliverFault } from './system/exceptions';

/** How the last run of blocks ended: JUMP (RIP is exact, go on), or EXIT. */
export let ended: i32 = JUMP;
/** Whether it ended by a fault. */
export let faulted: bool = false;
/** Whether it ended by more than the budget: by a handler's outcome or a fault. */
export let cut: bool = false;
/** Behind {@link undone}: ops that were not reached, and ops before them that are of the same instruction. */
export let unreached: i32 = 0;
export let begun: i32 = 0;

/** A run of blocks begins. */
export function begin(): void {
  ended = JUMP;
  faulted = false;
  cut = false;
}

/** It ended by a handler's outcome. */
export function endWith(outcome: i32): void {
  cut = true;
  ended = outcome == EXIT ? EXIT : JUMP;
}

/** Where an op's jump leads: a block of this page, linked, or 0 after RIP was set. */
export function follow(s: usize, p: usize, link: usize, offset: u64): usize {
  if (offset < 0x1000) {
    const block = linkTarget(s, <u32>offset);
    if (block != 0) {
      store<u32>(link, <u32>block);
      return block;
    }
  }
  store<u64>(s, load<u64>(s, CODE_BASE) + offset, RIP);
  return 0;
}

/** #UD of an opcode that there is not, counted by its map and byte. */
export function undefinedOp(s: usize, p: usize): i32 {
  const opcode = load<u32>(p, OP_IMMEDIATE);
  if (opcode < <u32>OPCODE_COUNT) {
    const count: usize = load<u32>(s, UNIMPLEMENTED) + (opcode << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  return fault(s, 6);
}

/** A fault of fetching at RIP. */
export function fetchFault(s: usize): void {
  faulted = true;
  cut = true;
  ended = deliverFault(s) == EXIT ? EXIT : JUMP;
}

/** Ends the running block by the fault in FAULT_*, or the exit that an access needs, at `p`. */
export function faultAt(s: usize, p: usize, stack: bool): void {
  cut = true;
  store<u64>(s, ripOf(s, p), RIP);
  const vector = load<i32>(s, FAULT_VECTOR);
  if (vector == 13 && load<u32>(s, FAULT_CANONICAL) != 0 && (stack || (load<u8>(p, OP_FLAGS) & OP_STACK) != 0)) store<i32>(s, 12, FAULT_VECTOR);
  faulted = true;
  ended = deliverFault(s) == EXIT ? EXIT : JUMP;
}

/** Ends the running block before `p`: it was dropped. */
export function stale(s: usize, p: usize): void {
  cut = true;
  store<u64>(s, ripOf(s, p), RIP);
}

/** Ops of the block that were not reached when `p` did not complete. */
export function undone(b: usize, p: usize): i32 {
  unreached = load<i32>(b, BLOCK_COUNT) - <i32>((p - b - BLOCK_HEADER) / OP_SIZE) + stopsUpTo(b, p);
  begun = 0;
  const place = load<u16>(p, OP_PLACE);
  const stop = breakpointHandler();
  for (let at = p - OP_SIZE; at >= b + BLOCK_HEADER; at -= OP_SIZE) {
    if (load<u16>(at, OP_PLACE) != place || load<u16>(at) == stop) break;
    begun++;
  }
  return unreached;
}
