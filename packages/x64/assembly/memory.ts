/**
 * Guest memory as ops see it: linear addresses through the software TLB.
 *
 * A TLB is 4096 entries of 32 bytes, direct mapped by bits 12-23 of the linear address:
 *
 *      0 u64 read tag    8 u64 write tag    16 u64 execute tag    24 u32 addend    28 u32 flags (the filler's own)
 *
 * A tag is the page's linear address when that kind of access needs no further check, and TLB_EMPTY otherwise; the byte
 * at linear address a is at host address u32(a) + addend. A write tag with bit 0 set is a page that holds decoded code.
 * The check `((a + size - 1) & ~0xfff) == tag` fails for accesses that cross a page, too.
 *
 * Helpers give a host address, or 0 when there is a fault (FAULT_* are set). What crosses a page or is not RAM goes
 * through the bounce buffer, so that handlers know one kind of operand only. A read-modify-write takes `writable`,
 * changes the bytes there, and calls `written` before it changes any register.
 */
import { EXIT_GPA_ACCESS } from '../src/exits';
import { EXIT_FAULT, faultCode } from './op';
import { codeWritten, holdsCode } from './blocks/writes';
import {
  ALIGNMENT_CHECK,
  BOUNCE,
  BOUNCE_FIRST,
  BOUNCE_SECOND,
  BOUNCE_SIZE,
  BOUNCE_SPLIT,
  EXIT_GPA,
  EXIT_REASON,
  EXIT_SIZE,
  EXIT_VALUE,
  EXIT_WRITE,
  FAULT_VECTOR,
  MMIO_READS,
  MMIO_READ_COUNT,
  MMIO_WRITES,
  MMIO_WRITE_COUNT,
  MODE,
  TLB_CURRENT,
  TLB_USER,
} from '../src/state';
import { TAG_CLOSED } from './system/access-flag';
import { canonical } from './system/machine';
import { MODE_64, MODE_CODE } from './mode';
import { fillExec, fillRead, fillWrite, NOT_READABLE, NOT_WRITABLE, reopen } from './system/paging';
import { refuseExit } from './system/second-level';

export const TLB_ENTRY_COUNT: u32 = 4096;
export const TLB_ENTRY_SIZE: u32 = 32;
export const TLB_READ = 0;
export const TLB_WRITE = 8;
export const TLB_EXECUTE = 16;
export const TLB_ADDEND = 24;
export const TLB_FLAGS = 28;
export const TLB_EMPTY: u64 = 0xffffffffffffffff;
/** In a write tag: the page holds decoded code, writes take the slow path. */
export const TLB_CODE: u64 = 1;
export const PAGE_MASK: u64 = 0xfffffffffffff000;

/** What a fill function answers: a fault (FAULT_* set), a page of RAM (entry filled), or not RAM (EXIT_GPA set). */
export const FILL_FAULT = 0;
export const FILL_RAM = 1;
export const FILL_MMIO = 2;

/** The TLB entry that serves a linear address at the current privilege. */
// @ts-ignore: decorator
@inline
export function entryOf(s: usize, a: u64): usize {
  return <usize>load<u32>(s, TLB_CURRENT) + (<usize>(a >> 7) & 0x1ffe0);
}

/** Host address of `sizeof<T>()` readable bytes, 0 on a fault. */
// @ts-ignore: decorator
@inline
export function readable<T>(s: usize, a: u64): usize {
  const entry = entryOf(s, a);
  if (((a + <u64>(sizeof<T>() - 1)) & PAGE_MASK) == load<u64>(entry, TLB_READ)) return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
  return slowReadable(s, a, sizeof<T>());
}

/** Host address of `sizeof<T>()` bytes that can be read and written, 0 on a fault; call {@link written} after the change. */
// @ts-ignore: decorator
@inline
export function writable<T>(s: usize, a: u64): usize {
  const entry = entryOf(s, a);
  const page = (a + <u64>(sizeof<T>() - 1)) & PAGE_MASK;
  // A page that can be written can be read: both tags are filled from the same walk.
  if (page == load<u64>(entry, TLB_WRITE)) return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
  return slowWritable(s, a, sizeof<T>(), true);
}

/** Finishes a change of what `writable` gave: false when the write itself needs the caller of run() (FAULT_* set). */
// @ts-ignore: decorator
@inline
export function written(s: usize, host: usize): bool {
  return host != s + BOUNCE || commit(s);
}

/** Stores without reading. @returns false on a fault */
// @ts-ignore: decorator
@inline
export function write<T>(s: usize, a: u64, value: T): bool {
  const entry = entryOf(s, a);
  if (((a + <u64>(sizeof<T>() - 1)) & PAGE_MASK) == load<u64>(entry, TLB_WRITE)) {
    store<T>(<usize>a + <usize>load<u32>(entry, TLB_ADDEND), value);
    return true;
  }
  const host = slowWritable(s, a, sizeof<T>(), false);
  if (host == 0) return false;
  store<T>(host, value);
  return written(s, host);
}

/** As {@link readable} for 1 to 64 bytes. */
export function readableBytes(s: usize, a: u64, size: u32): usize {
  const entry = entryOf(s, a);
  if (((a + <u64>(size - 1)) & PAGE_MASK) == load<u64>(entry, TLB_READ)) return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
  return slowReadable(s, a, size);
}

/** As {@link writable} for 1 to 64 bytes; with `reads` false, what is there need not be fetched from a device. */
export function writableBytes(s: usize, a: u64, size: u32, reads: bool): usize {
  const entry = entryOf(s, a);
  if (((a + <u64>(size - 1)) & PAGE_MASK) == load<u64>(entry, TLB_WRITE)) return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
  return slowWritable(s, a, size, reads);
}

/** Host address of `size` bytes within one page that can be written straight away; 0 when that takes a closer look. */
export function writableRun(s: usize, a: u64, size: u32): usize {
  const entry = entryOf(s, a);
  if (((a + <u64>(size - 1)) & PAGE_MASK) != load<u64>(entry, TLB_WRITE)) return 0;
  return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
}

/** Host address of the byte at `a` in a page that may be executed, 0 on a fault. */
export function executable(s: usize, a: u64): usize {
  const entry = entryOf(s, a);
  if ((a & PAGE_MASK) != load<u64>(entry, TLB_EXECUTE)) {
    const filled = fillExec(s, a);
    if (filled != FILL_RAM) {
      // Code in something that is not RAM is not run: the caller reports the access, nothing can complete it.
      if (filled == FILL_MMIO) mmioExit(s, 0, 16, 0);
      return 0;
    }
  }
  return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
}

function slowReadable(s: usize, a: u64, size: u32): usize {
  if (load<u32>(s, ALIGNMENT_CHECK) != 0 && alignmentFault(s, a, size, NOT_READABLE)) return 0;
  const split: u32 = 0x1000 - (<u32>a & 0xfff);
  if (split >= size) return readPart(s, a, size, s + BOUNCE, true);
  const bounce = s + BOUNCE;
  const first = readPart(s, a, split, bounce, false);
  if (first == 0) return 0;
  const second = readPart(s, a + split, size - split, bounce + split, false);
  return second == 0 ? 0 : bounce;
}

/**
 * Whether an access of user mode, whose alignment is checked, is misaligned: #AC then, which comes before page faults
 * and after what is wrong with the address itself: not canonical, or marked by its segment with `barred`.
 * Powers of two go by their size, 80-bit values by 8, far pointers by the size of their offset.
 */
export function alignmentFault(s: usize, a: u64, size: u32, barred: u64): bool {
  if (load<u32>(s, TLB_CURRENT) != load<u32>(s, TLB_USER)) return false;
  const unit: u32 = size == 10 ? 8 : size == 6 ? 4 : size <= 16 && (size & (size - 1)) == 0 ? size : 1;
  return misaligned(s, a, unit, barred);
}

/** {@link alignmentFault} of an area that is aligned to `unit` bytes. */
export function misaligned(s: usize, a: u64, unit: u32, barred: u64): bool {
  if (((<u32>a) & (unit - 1)) == 0) return false;
  if ((load<u32>(s, MODE) & MODE_CODE) == MODE_64 ? !canonical(a) : (a & barred) != 0) return false;
  faultCode(s, 17, 0);
  return true;
}

/** Reads within one page: the host address itself when `direct`, else (and for devices) a copy at `bounce`. */
function readPart(s: usize, a: u64, size: u32, bounce: usize, direct: bool): usize {
  const entry = entryOf(s, a);
  const page = a & PAGE_MASK;
  const tag = load<u64>(entry, TLB_READ);
  if (page != tag && (tag != (page | TAG_CLOSED) || !reopen(s, entry, page))) {
    const filled = fillRead(s, a, size);
    if (filled == FILL_FAULT) return 0;
    if (filled == FILL_MMIO) return mmioRead(s, size, bounce);
  }
  const host = <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
  if (direct) return host;
  memory.copy(bounce, host, size);
  return bounce;
}

function slowWritable(s: usize, a: u64, size: u32, reads: bool): usize {
  if (load<u32>(s, ALIGNMENT_CHECK) != 0 && alignmentFault(s, a, size, NOT_WRITABLE)) return 0;
  const split: u32 = 0x1000 - (<u32>a & 0xfff);
  const bounce = s + BOUNCE;
  store<u32>(s, size, BOUNCE_SIZE);
  if (split >= size) {
    const host = writePart(s, a, size, bounce, reads);
    if (host != bounce) return host;
    store<u32>(s, 0, BOUNCE_FIRST);
    store<u32>(s, size, BOUNCE_SPLIT);
    return bounce;
  }
  const first = writePart(s, a, split, bounce, reads);
  if (first == 0) return 0;
  const firstGpa = load<u64>(s, EXIT_GPA);
  const second = writePart(s, a + split, size - split, bounce + split, reads);
  if (second == 0) return 0;
  const firstDevice = first == bounce;
  const secondDevice = second == bounce + split;
  if (!firstDevice) memory.copy(bounce, first, split);
  if (!secondDevice) memory.copy(bounce + split, second, size - split);
  // A write across RAM and a device, or two devices: the device's part of the first page comes first.
  if (firstDevice) store<u64>(s, firstGpa, EXIT_GPA);
  store<u32>(s, split, BOUNCE_SPLIT);
  store<u32>(s, firstDevice ? 0 : <u32>first, BOUNCE_FIRST);
  store<u32>(s, secondDevice ? 0 : <u32>second, BOUNCE_SECOND);
  return bounce;
}

/** Prepares a write within one page: its host address; `bounce` for a device; 0 on a fault. */
function writePart(s: usize, a: u64, size: u32, bounce: usize, reads: bool): usize {
  const entry = entryOf(s, a);
  const page = a & PAGE_MASK;
  if ((load<u64>(entry, TLB_WRITE) & ~TLB_CODE) == (page | TAG_CLOSED)) reopen(s, entry, page);
  if (page != load<u64>(entry, TLB_WRITE)) {
    const tagged = load<u64>(entry, TLB_WRITE) == (page | TLB_CODE);
    if (!tagged) {
      const filled = fillWrite(s, a, size);
      if (filled == FILL_FAULT) return 0;
      if (filled == FILL_MMIO) {
        if (reads && mmioRead(s, size, bounce) == 0) return 0;
        return bounce;
      }
    }
    const host = <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
    if (load<u64>(entry, TLB_WRITE) == (page | TLB_CODE) && codeWritten(s, host, size)) {
      store<u64>(entry, page, TLB_WRITE);
      // Another VP may have decoded code there in between.
      if (holdsCode(s, host)) store<u64>(entry, page | TLB_CODE, TLB_WRITE);
    }
    return host;
  }
  return <usize>a + <usize>load<u32>(entry, TLB_ADDEND);
}

/** Writes the bounce buffer to where it belongs. */
function commit(s: usize): bool {
  const bounce = s + BOUNCE;
  const size = load<u32>(s, BOUNCE_SIZE);
  const split = load<u32>(s, BOUNCE_SPLIT);
  const first = load<u32>(s, BOUNCE_FIRST);
  if (first == 0) {
    if (!mmioWrite(s, bounce, split < size ? split : size)) return false;
  } else memory.copy(first, bounce, split);
  if (split < size) {
    const second = load<u32>(s, BOUNCE_SECOND);
    if (second == 0) return mmioWrite(s, bounce + split, size - split);
    memory.copy(second, bounce + split, size - split);
  }
  return true;
}

/** The bounce buffer stands for memory in two pages, none of it a device's. */
export function bounceInMemory(s: usize): bool {
  return load<u32>(s, BOUNCE_SPLIT) < load<u32>(s, BOUNCE_SIZE) && load<u32>(s, BOUNCE_FIRST) != 0 && load<u32>(s, BOUNCE_SECOND) != 0;
}

/** Reads the bounce buffer anew from the memory that it stands for. */
export function refreshBounce(s: usize): void {
  if (!bounceInMemory(s)) return;
  const split = load<u32>(s, BOUNCE_SPLIT);
  memory.copy(s + BOUNCE, load<u32>(s, BOUNCE_FIRST), split);
  memory.copy(s + BOUNCE + split, load<u32>(s, BOUNCE_SECOND), load<u32>(s, BOUNCE_SIZE) - split);
}

/** Writes the bounce buffer to the memory that it stands for. */
export function flushBounce(s: usize): void {
  if (bounceInMemory(s)) commit(s);
}

function mmioRead(s: usize, size: u32, bounce: usize): usize {
  const gpa = load<u64>(s, EXIT_GPA);
  const count = load<u32>(s, MMIO_READ_COUNT);
  for (let i: u32 = 0; i < count && i < 4; i++) {
    const record = s + MMIO_READS + (i << 4);
    if (load<u64>(record) == gpa) {
      memory.copy(bounce, record + 8, size < 8 ? size : <u32>8);
      return bounce;
    }
  }
  mmioExit(s, 0, size, 0);
  return 0;
}

function mmioWrite(s: usize, bounce: usize, size: u32): bool {
  const gpa = load<u64>(s, EXIT_GPA);
  const count = load<u32>(s, MMIO_WRITE_COUNT);
  for (let i: u32 = 0; i < count && i < 2; i++) if (load<u64>(s + MMIO_WRITES + (i << 4)) == gpa) return true;
  let value: u64 = 0;
  for (let i: u32 = 0; i < size && i < 8; i++) value |= <u64>load<u8>(bounce + i) << (i << 3);
  mmioExit(s, 1, size, value);
  return false;
}

/** Makes the fault that leaves run() for an access to EXIT_GPA. */
function mmioExit(s: usize, isWrite: u32, size: u32, value: u64): void {
  if (refuseExit(s, isWrite)) return;
  store<i32>(s, EXIT_FAULT, FAULT_VECTOR);
  store<u32>(s, EXIT_GPA_ACCESS, EXIT_REASON);
  store<u32>(s, size, EXIT_SIZE);
  store<u32>(s, isWrite, EXIT_WRITE);
  store<u64>(s, value, EXIT_VALUE);
}
