/**
 * Second-level translation: guest-physical address → address in the node, through the partition's table (one u32 per
 * guest page, drawn in the microkernel's `slat.ts`), and the exit of accesses that it does not allow.
 */
import { EXIT_GPA_ACCESS } from '../../src/exits';
import { EXIT_FAULT, faultCode } from '../op';
import {
  EXIT_GPA,
  EXIT_REASON,
  EXIT_SIZE,
  EXIT_VALUE,
  EXIT_WRITE,
  FAULT_VECTOR,
  MMIO_READS,
  MMIO_READ_COUNT,
  MMIO_WRITE_COUNT,
  SLAT_PAGES,
  SLAT_TABLE,
} from '../../src/state';

/** Rights of a mapping. */
export const SLAT_READ: u32 = 1;
export const SLAT_WRITE: u32 = 2;
export const SLAT_EXECUTE: u32 = 4;

/** The table's entry for the page of `gpa`; 0 = unmapped. */
// @ts-ignore: decorator
@inline
export function slatEntry(s: usize, gpa: u64): u32 {
  const page = gpa >> 12;
  if (page >= <u64>load<u32>(s, SLAT_PAGES)) return 0;
  return atomic.load<u32>(<usize>load<u32>(s, SLAT_TABLE) + (<usize>page << 2));
}

/** Address in the node of a guest-physical byte whose page allows `rights`, or 0. */
export function systemAddress(s: usize, gpa: u64, rights: u32): usize {
  const entry = slatEntry(s, gpa);
  if ((entry & rights) != rights) return 0;
  return <usize>(entry & 0xfffff000) | (<usize>gpa & 0xfff);
}

/** Records of answers in the state block: MMIO_READS and MMIO_WRITES. */
const READ_RECORDS: u32 = 4;
const WRITE_RECORDS: u32 = 2;

/**
 * Whether an instruction has used up the records of answered accesses. It faults then, with #GP(0): only one that keeps its
 * stack, its page tables or the like in a device makes so many, and the caller must never be led past the records.
 */
export function refuseExit(s: usize, write: u32): bool {
  const full = write != 0 ? load<u32>(s, MMIO_WRITE_COUNT) >= WRITE_RECORDS : load<u32>(s, MMIO_READ_COUNT) >= READ_RECORDS;
  if (!full) return false;
  faultCode(s, 13, 0);
  // What the fault's delivery touches may need the caller, too.
  forgetAnswers(s);
  return true;
}

/** The access is done or given up: its answers are used up. */
export function forgetAnswers(s: usize): void {
  store<u32>(s, 0, MMIO_READ_COUNT);
  store<u32>(s, 0, MMIO_WRITE_COUNT);
}

/** Sets the exit of an access; the instruction starts over when the caller has answered it. */
export function exitGpa(s: usize, gpa: u64, size: u32, write: u32, value: u64): void {
  if (refuseExit(s, write)) return;
  store<i32>(s, EXIT_FAULT, FAULT_VECTOR);
  store<i32>(s, EXIT_GPA_ACCESS, EXIT_REASON);
  store<u64>(s, gpa, EXIT_GPA);
  store<u32>(s, size, EXIT_SIZE);
  store<u32>(s, write, EXIT_WRITE);
  store<u64>(s, value, EXIT_VALUE);
}

/** What the caller answered for the read that {@link answered} found. */
export let answer: u64 = 0;

/** The caller has answered a read of `gpa` by this instruction; see {@link answer}. */
export function answered(s: usize, gpa: u64): bool {
  const count = load<u32>(s, MMIO_READ_COUNT);
  for (let i: u32 = 0; i < count && i < READ_RECORDS; i++) {
    const slot = s + MMIO_READS + (<usize>i << 4);
    if (load<u64>(slot) != gpa) continue;
    answer = load<u64>(slot, 8);
    return true;
  }
  return false;
}
