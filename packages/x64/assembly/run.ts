/** What runs between blocks: the budget, requests and events, single steps and shadows, faults and exits. */
import { singleBlock } from './blocks/build';
import { lookup } from './blocks/lookup';
import { REQUEST_CODE, takeDrops } from './cross';
import { begun, cut, ended, faulted, fetchFault, unreached } from './block-end';
import { beforeStep, behindSingle, restOfBlock, startsAlone, stepped, stopsAtRip, takenForDone } from './debugger';
import { BLOCK_COUNT } from './blocks/layout';
import { execute } from './execute';
import { EXIT_BUDGET, EXIT_DEBUG, EXIT_GPA_ACCESS, EXIT_IO_STRING, EXIT_REQUESTED } from '../src/exits';
import { EXIT, JUMP, NO_FAULT } from './op';
import {
  BLOCK_REST,
  BUDGET,
  CHARGE,
  CODE_DROPS_HEAD,
  CODE_DROPS_TAIL,
  DEBUG_EXACT,
  EXIT_REASON,
  EXIT_REQUEST,
  EXIT_WRITE,
  FAULT_VECTOR,
  INSTRUCTIONS,
  INSTRUCTIONS_OWED,
  MMIO_READ_COUNT,
  MMIO_WRITE_COUNT,
  RIP,
  SHADOW,
  SINGLE,
  SINGLE_STEP,
} from '../src/state';
import { afterInstruction, beforeInstruction, eventsPending, stepping, takeEvents } from './system/exceptions';

/**
 * Runs until something needs the caller, or about `budget` instructions are done.
 *
 * A budget ends with a block, and a pass of the loop ends with what is more than a jump. Where a debugger makes a VP stop in
 * between, in an exact run the rest of the block and of the pass are remembered, so that both end where they would have.
 * @returns an exit code, see `exits.ts`
 */
export function run(s: usize, budget: i32): i32 {
  let left = budget;
  store<i32>(s, NO_FAULT, FAULT_VECTOR);
  // The caller may have cleared the request.
  if (load<u32>(s, CODE_DROPS_HEAD) != load<u32>(s, CODE_DROPS_TAIL)) takeDrops(s);
  const exact = load<u32>(s, DEBUG_EXACT) != 0;
  for (;;) {
    // Between blocks, or between two instructions of one; RIP exact.
    const rest = load<i32>(s, BLOCK_REST);
    if (left <= 0 && rest == 0) return passed(s, EXIT_BUDGET);
    const single = load<u32>(s, SINGLE);
    if (rest == 0) {
      if (single == 0) {
        const request = load<u32>(s, EXIT_REQUEST);
        if (request != 0) {
          if ((request & REQUEST_CODE) != 0) takeDrops(s);
          if ((request & ~REQUEST_CODE) != 0) return passed(s, EXIT_REQUESTED);
        }
        if (eventsPending(s)) {
          const outcome = takeEvents(s);
          if (outcome == EXIT) return load<i32>(s, EXIT_REASON);
          if (outcome == JUMP) continue;
        }
      } else if ((single & SINGLE_STEP) != 0 && beforeStep(s) == EXIT) return load<i32>(s, EXIT_REASON);
    }
    const shadow = load<u32>(s, SHADOW);
    const before = left;
    store<i32>(s, left, BUDGET);
    const steps = stepping(s);
    // What an interrupt shadow holds back comes behind exactly one instruction.
    const byItself = rest == 0 && (!exact || steps || (single & 1) != 0 || (shadow != 0 && eventsPending(s)));
    let stop = false;
    let short = false;
    let over = true;
    if (single != 0 || rest != 0 || steps || (shadow != 0 && eventsPending(s))) {
      if (single == 0 && stopsAtRip(s)) return EXIT_DEBUG;
      if (steps && (single & 1) == 0) {
        const outcome = beforeInstruction(s);
        if (outcome == EXIT) return load<i32>(s, EXIT_REASON);
        if (outcome == JUMP) {
          if (single == 0) continue;
          stepped(s);
          return EXIT_DEBUG;
        }
      }
      const rip = load<u64>(s, RIP);
      const answered = load<u32>(s, MMIO_READ_COUNT) != 0;
      // One of a block is the first, or the next, of as many as the block has.
      let ops = rest;
      let block: usize = 0;
      if (!byItself && rest == 0) {
        block = lookup(s);
        if (block != 0) ops = load<i32>(block, BLOCK_COUNT);
      }
      if (byItself || ops != 0) block = singleBlock(s);
      if (block == 0) fetchFault(s);
      else {
        left = execute(s, block, 1) + left - 1;
        if (ended != EXIT || !startsOver(s)) {
          // The instruction is through (or faulted): what the caller answered for it is used up.
          store<u32>(s, 0, SINGLE);
          store<u32>(s, 0, MMIO_READ_COUNT);
          store<u32>(s, 0, MMIO_WRITE_COUNT);
        }
        if (steps && !faulted) afterInstruction(s);
      }
      short = stoppedShort(s);
      if (short) {
        left = before;
        store<i32>(s, ops, BLOCK_REST);
      } else store<i32>(s, byItself || cut ? 0 : max(ops - (before - left), 0), BLOCK_REST);
      if (!byItself && !cut) over = false;
      if (single != 0 && behindSingle(s, single, rip, answered, ended == EXIT, faulted && ended != EXIT)) stop = true;
    } else {
      const block = lookup(s);
      if (block == 0) fetchFault(s);
      else {
        left = execute(s, block, left);
        short = stoppedShort(s);
        if (short) {
          left += takenForDone(s, begun);
          if (exact) store<i32>(s, restOfBlock(s, unreached, begun), BLOCK_REST);
        }
      }
    }
    store<u32>(s, load<u32>(s, INSTRUCTIONS_OWED) + <u32>(before - left), INSTRUCTIONS_OWED);
    const charge = load<i32>(s, CHARGE);
    if (charge != 0) {
      left -= charge;
      store<u32>(s, load<u32>(s, INSTRUCTIONS_OWED) + <u32>charge, INSTRUCTIONS_OWED);
      store<i32>(s, 0, CHARGE);
    }
    over = !exact || (over && !short);
    if (over) settle(s);
    // An interrupt shadow lasts for one instruction; here it lasts for the pass after the one that made it.
    if (shadow != 0 && over) store<u32>(s, 0, SHADOW);
    if (stop) return EXIT_DEBUG;
    if (ended == EXIT) {
      const reason = load<i32>(s, EXIT_REASON);
      if (reason == EXIT_GPA_ACCESS) store<u32>(s, load<u32>(s, SINGLE) | 1, SINGLE);
      if (reason == EXIT_DEBUG && startsAlone(s)) continue;
      return reason;
    }
  }
  return EXIT_BUDGET;
}

/** The debugger is the reason for the exit, and the instruction has not been done. */
function stoppedShort(s: usize): bool {
  return ended == EXIT && load<i32>(s, EXIT_REASON) == EXIT_DEBUG;
}

/** A pass is over. */
// @ts-ignore: decorator
@inline
function settle(s: usize): void {
  store<u64>(s, load<u64>(s, INSTRUCTIONS) + <u64>load<u32>(s, INSTRUCTIONS_OWED), INSTRUCTIONS);
  store<u32>(s, 0, INSTRUCTIONS_OWED);
}

/** A pass is over, and run() is. */
function passed(s: usize, reason: i32): i32 {
  settle(s);
  return reason;
}

/** The exit is one whose instruction starts over with the caller's answer. */
function startsOver(s: usize): bool {
  const reason = load<i32>(s, EXIT_REASON);
  return reason == EXIT_GPA_ACCESS || (reason == EXIT_IO_STRING && load<u32>(s, EXIT_WRITE) == 0);
}
