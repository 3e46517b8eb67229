/**
 * A stack under construction: pushes and pops whose pointer becomes RSP only when the whole instruction has succeeded.
 *
 * The words below are scratch of one instruction; nothing keeps them across instructions.
 */
import { faultCode } from '../op';
import { CPL, RSP, SEG_ATTRIBUTES, SEG_BASE, SEG_LIMIT, SS } from '../../src/state';
import { peek, poke } from './access';
import { STACK_FAULT } from './descriptors';
import { BIG, TYPE_CE, canonical, code64, failed } from './machine';

let pointer: u64 = 0;
let mask: u64 = 0;
let base: u64 = 0;
let limit: u32 = 0;
let attributes: u32 = 0;
let flat: bool = false;
let privilege: u32 = 0;
/** Error code of a stack fault: 0 for the running stack, the selector of a stack that is being switched to. */
let errorCode: u32 = 0;

/** Opens the running stack. */
export function openStack(s: usize): void {
  attributes = load<u32>(s, SS + SEG_ATTRIBUTES);
  base = load<u64>(s, SS + SEG_BASE);
  limit = load<u32>(s, SS + SEG_LIMIT);
  flat = code64(s);
  open(load<u64>(s, RSP), load<u32>(s, CPL), 0);
}

/** Opens a 64-bit stack that an inner level will run on. */
export function openFlatStack(rsp: u64, cpl: u32, error: u32): void {
  flat = true;
  open(rsp, cpl, error);
}

/** Opens a stack by segment, outside 64-bit mode. */
export function openSegmentStack(
  segBase: u64,
  segLimit: u32,
  segAttributes: u32,
  esp: u64,
  cpl: u32,
  error: u32,
): void {
  flat = false;
  base = segBase;
  limit = segLimit;
  attributes = segAttributes;
  open(esp, cpl, error);
}

function open(rsp: u64, cpl: u32, error: u32): void {
  mask = flat ? ~(<u64>0) : (attributes & BIG) != 0 ? 0xffffffff : 0xffff;
  pointer = rsp;
  privilege = cpl;
  errorCode = error;
}

/** Pushes `size` bytes. @returns false when a fault or an exit was set */
export function push(s: usize, size: u32, value: u64): bool {
  const next = (pointer - size) & mask;
  const at = place(s, next, size);
  if (failed(s)) return false;
  poke(s, at, size, privilege, value);
  if (failed(s)) return false;
  pointer = (pointer & ~mask) | next;
  return true;
}

/** Pops `size` bytes; the caller asks `failed` afterwards. */
export function pop(s: usize, size: u32): u64 {
  const at = place(s, pointer & mask, size);
  if (failed(s)) return 0;
  const value = peek(s, at, size, privilege);
  if (!failed(s)) skip(size);
  return value;
}

/** Moves the pointer up. */
export function skip(bytes: u32): void {
  pointer = (pointer & ~mask) | ((pointer + bytes) & mask);
}

/** The pointer as it is now. */
export function stackPointer(): u64 {
  return pointer;
}

/** Makes the pointer RSP, in the width of the stack. */
export function commitStack(s: usize): void {
  setStackPointer(s, pointer);
}

/** Writes RSP in the width of the running stack segment: 64-bit code all of it, 32-bit stacks ESP, others SP. */
export function setStackPointer(s: usize, value: u64): void {
  if (code64(s)) store<u64>(s, value, RSP);
  else if ((load<u32>(s, SS + SEG_ATTRIBUTES) & BIG) != 0) store<u64>(s, value & 0xffffffff, RSP);
  else store<u16>(s, <u16>value, RSP);
}

/** Linear address of a stack offset, checked: canonical, or within the segment. */
function place(s: usize, offset: u64, size: u32): u64 {
  if (flat) {
    if (!canonical(offset) || !canonical(offset + size - 1)) faultCode(s, STACK_FAULT, errorCode);
    return offset;
  }
  const last = offset + size - 1;
  const good = (attributes & TYPE_CE) != 0 ? offset > <u64>limit && last <= mask : last <= <u64>limit;
  if (!good) faultCode(s, STACK_FAULT, errorCode);
  return (base + offset) & 0xffffffff;
}
