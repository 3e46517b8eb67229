/**
 * Decodes one hypercall from a VP's registers, checks it in the specification's order, runs it and sets RAX
 * (TLFS, "Hypercall Interface").
 *
 *  1. reserved bits of the input value        → InvalidHypercallInput
 *  2. the call code                           → InvalidHypercallCode
 *  3. rep count and start, variable header, whether the call has a fast form → InvalidHypercallInput
 *  4. alignment of both pointers, page crossing, end of the GPA space → InvalidAlignment
 *  5. the second-level table's rights to both pages → AccessDenied
 *  6. the caller's privilege                  → AccessDenied
 *
 * Then the input is copied, once, and only the copy is decoded: the guest may change its page meanwhile. Output is
 * written after everything else.
 */
import { Access } from '../memory/slat.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { hasPrivilege } from '../partition/privileges.ts';
import { PartitionWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import type { VpContext } from '../vp/context.ts';
import { callCode, FAST, Register, repCount, repStart, RESERVED_HIGH, RESERVED_LOW, variableUnits } from './control.ts';
import type { Frame, Hypercall } from './declare.ts';
import { hypercalls } from './table.ts';

/** Bytes of input that a fast call has in RDX and R8. */
const FAST_BYTES = 16;

/** Runs the call that the VP's registers describe. Never throws on what a guest put there. */
export function dispatch(caller: VpContext): void {
  const { registers } = caller;
  const frame = caller.core.frame;
  frame.repsDone = 0;
  frame.inputUsed = 0;
  frame.outputUsed = 0;
  const status = decode(caller, frame);
  registers[Register.RaxLow] = status;
  registers[Register.RaxHigh] = frame.repsDone;
  count(caller, status);
}

/** Counts a call of the row with this counter. Allocates nothing. */
export function countCall({ core, intercepts }: VpContext, counter: number): void {
  core.words[intercepts + counter] = core.words[intercepts + counter]! + 1;
}

/** Counts a call, and whether it was refused. Allocates nothing. */
export function count(caller: VpContext, status: HvStatus): void {
  Atomics.add(caller.core.words, caller.record + PartitionWord.Hypercalls, 1);
  if (status !== HvStatus.Success) Atomics.add(caller.core.words, caller.record + PartitionWord.RefusedHypercalls, 1);
}

function decode(caller: VpContext, frame: Frame): HvStatus {
  const { registers } = caller;
  const low = registers[Register.RcxLow]!;
  const high = registers[Register.RcxHigh]!;
  if ((low & RESERVED_LOW) !== 0 || (high & RESERVED_HIGH) !== 0) return HvStatus.InvalidHypercallInput;
  const call = hypercalls.get(callCode(low));
  if (call === undefined) return HvStatus.InvalidHypercallCode;
  countCall(caller, call.counter);

  frame.variableBytes = variableUnits(low) * 8;
  frame.repCount = repCount(high);
  frame.repStart = repStart(high);
  const fast = (low & FAST) !== 0;
  if (!formIsValid(call, frame, fast)) return HvStatus.InvalidHypercallInput;

  const inputSize = call.inputSize + frame.variableBytes + frame.repCount * (call.rep?.inputSize ?? 0);
  const outputSize = call.outputSize + frame.repCount * (call.rep?.outputSize ?? 0);
  const inputGpa = gpa(registers[Register.RdxLow]!, registers[Register.RdxHigh]!);
  const outputGpa = gpa(registers[Register.R8Low]!, registers[Register.R8High]!);
  if (!fast) {
    const { memory } = caller;
    if (!rangeIsValid(inputGpa, inputSize, memory.limit)) return HvStatus.InvalidAlignment;
    if (!rangeIsValid(outputGpa, outputSize, memory.limit)) return HvStatus.InvalidAlignment;
    if (inputSize > 0 && memory.locate(inputGpa, inputSize, Access.Read) < 0) return HvStatus.AccessDenied;
    if (outputSize > 0 && memory.locate(outputGpa, outputSize, Access.Write) < 0) return HvStatus.AccessDenied;
  }
  if (call.privilege !== undefined && !hasPrivilege(caller.core.state, caller.record, call.privilege)) {
    return HvStatus.AccessDenied;
  }

  if (fast) copyRegisters(caller, frame);
  // Another VP may have unmapped the page since it was checked.
  else if (!copyIn(caller, frame, inputGpa, inputSize)) return HvStatus.AccessDenied;
  frame.inputUsed = inputSize;
  if (outputSize > 0) frame.outputBytes.fill(0, 0, outputSize);
  const status = call.run(caller, frame);
  // A rep call that fails half-way still reports what it completed; other calls leave no output when they fail.
  const written = call.rep === undefined ? call.outputSize : frame.repsDone * call.rep.outputSize;
  const skipped = call.rep === undefined ? 0 : frame.repStart * call.rep.outputSize;
  if (written > skipped && (status === HvStatus.Success || call.rep !== undefined)) {
    if (!copyOut(caller, frame, outputGpa, skipped, written)) return HvStatus.AccessDenied;
    frame.outputUsed = written;
  }
  return status;
}

/** Step 3: the rep fields, the variable header and the fast bit fit the kind of call. */
function formIsValid(call: Hypercall, frame: Frame, fast: boolean): boolean {
  if (call.rep === undefined ? frame.repCount !== 0 || frame.repStart !== 0 : frame.repStart >= frame.repCount) {
    return false;
  }
  if (frame.variableBytes !== 0 && !call.variable) return false;
  // Fast calls have two registers of input and none of output; XMM registers are not offered (CPUID 0x40000003 EDX).
  return (
    !fast || (call.rep === undefined && call.outputSize === 0 && call.inputSize + frame.variableBytes <= FAST_BYTES)
  );
}

/** Step 4: 8-byte aligned, in one page, within the GPA space. An absent parameter is not looked at. */
function rangeIsValid(at: number, size: number, limit: number): boolean {
  return size === 0 || (at % 8 === 0 && (at % PAGE_SIZE) + size <= PAGE_SIZE && at + size <= limit);
}

/** Beyond 2^53 a number loses low bits, but such an address is beyond any GPA space anyway. */
const gpa = (low: number, high: number): number => low + high * 2 ** 32;

function copyRegisters(caller: VpContext, frame: Frame): void {
  for (let i = 0; i < 4; i++) frame.input.setUint32(i * 4, caller.registers[Register.RdxLow + i]!, true);
}

function copyIn(caller: VpContext, frame: Frame, at: number, size: number): boolean {
  if (size === 0) return true;
  const offset = caller.memory.locate(at, size, Access.Read);
  if (offset < 0) return false;
  frame.inputBytes.set(caller.memory.bytes.subarray(offset, offset + size));
  return true;
}

function copyOut(caller: VpContext, frame: Frame, at: number, from: number, to: number): boolean {
  const offset = caller.memory.locate(at + from, to - from, Access.Write);
  if (offset < 0) return false;
  caller.memory.bytes.set(frame.outputBytes.subarray(from, to), offset);
  return true;
}
