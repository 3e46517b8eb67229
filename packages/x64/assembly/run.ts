/** What runs between blocks: the budget, requests and events, single steps and shadows, faults and exits. */
import { singleBlock } from './blocks/build';
import { lookup } from './blocks/lookup';
import { REQUEST_CODE, takeDrops } from './cross';
import { ended, faulted, fetchFault } from './block-end';
import { beforeStep, behindSingle, startsAlone, stepped, stopsAtRip } from './debugger';
import { execute } from './execute';
import { EXIT_BUDGET, EXIT_DEBUG, EXIT_GPA_ACCESS, EXIT_IO_STRING, EXIT_REQUESTED } from '../src/exits';
import { EXIT, JUMP, NO_FAULT } from './op';
import {
  BUDGET,
  CHARGE,
  CODE_DROPS_HEAD,
  CODE_DROPS_TAIL,
  EXIT_REASON,
  EXIT_REQUEST,
  EXIT_WRITE,
  FAULT_VECTOR,
  INSTRUCTIONS,
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
 * @returns an exit code, see `exits.ts`
 */
export function run(s: usize, budget: i32): i32 {
  let left = budget;
  store<i32>(s, NO_FAULT, FAULT_VECTOR);
  // The caller may have cleared the request.
  if (load<u32>(s, CODE_DROPS_HEAD) != load<u32>(s, CODE_DROPS_TAIL)) takeDrops(s);
  for (;;) {
    // Between blocks, RIP exact.
    if (left <= 0) return EXIT_BUDGET;
    const single = load<u32>(s, SINGLE);
    if (single == 0) {
      const request = load<u32>(s, EXIT_REQUEST);
      if (request != 0) {
        if ((request & REQUEST_CODE) != 0) takeDrops(s);
        if ((request & ~REQUEST_CODE) != 0) return EXIT_REQUESTED;
      }
      if (eventsPending(s)) {
        const outcome = takeEvents(s);
        if (outcome == EXIT) return load<i32>(s, EXIT_REASON);
        if (outcome == JUMP) continue;
      }
    } else if ((single & SINGLE_STEP) != 0 && beforeStep(s) == EXIT) return load<i32>(s, EXIT_REASON);
    const shadow = load<u32>(s, SHADOW);
    const before = left;
    store<i32>(s, left, BUDGET);
    const steps = stepping(s);
    let stop = false;
    // What an interrupt shadow holds back comes behind exactly one instruction.
    if (single != 0 || steps || (shadow != 0 && eventsPending(s))) {
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
      const block = singleBlock(s);
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
      if (single != 0 && behindSingle(s, single, rip, answered, ended == EXIT, faulted && ended != EXIT)) stop = true;
    } else {
      const block = lookup(s);
      if (block == 0) fetchFault(s);
      else left = execute(s, block, left);
    }
    store<u64>(s, load<u64>(s, INSTRUCTIONS) + <u64>(before - left), INSTRUCTIONS);
    const charge = load<i32>(s, CHARGE);
    if (charge != 0) {
      left -= charge;
      store<u64>(s, load<u64>(s, INSTRUCTIONS) + <u64>charge, INSTRUCTIONS);
      store<i32>(s, 0, CHARGE);
    }
    // An interrupt shadow lasts for one instruction; here it lasts for the block after the one that made it.
    if (shadow != 0) store<u32>(s, 0, SHADOW);
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

/** The exit is one whose instruction starts over with the caller's answer. */
function startsOver(s: usize): bool {
  const reason = load<i32>(s, EXIT_REASON);
  return reason == EXIT_GPA_ACCESS || (reason == EXIT_IO_STRING && load<u32>(s, EXIT_WRITE) == 0);
}
