/** Registers whose width is that of addresses or of the stack. */
import { MODE_64, MODE_CODE, MODE_STACK_32 } from '../mode';
import { OP_ADDRESS_SHIFT, OP_FLAGS } from '../op';
import { MODE, RSP } from '../../src/state';

/** log2 of the address size of an op. */
// @ts-ignore: decorator
@inline
export function addressLogOf(p: usize): u32 {
  return <u32>load<u8>(p, OP_FLAGS) >> OP_ADDRESS_SHIFT;
}

/** log2 of the width of the stack pointer. */
export function stackLog(s: usize): u32 {
  const mode = load<u32>(s, MODE);
  if ((mode & MODE_CODE) == MODE_64) return 3;
  return (mode & MODE_STACK_32) != 0 ? 2 : 1;
}

/** Sets the stack pointer in its width; what is above it stays, but for the upper half of RSP with 32 bits. */
export function setStackPointer(s: usize, value: u64): void {
  const log = stackLog(s);
  if (log == 3) store<u64>(s, value, RSP);
  else if (log == 2) store<u64>(s, value & 0xffffffff, RSP);
  else store<u16>(s, <u16>value, RSP);
}

/** The stack pointer in its width. */
export function stackPointer(s: usize): u64 {
  const log = stackLog(s);
  if (log == 3) return load<u64>(s, RSP);
  return log == 2 ? <u64>load<u32>(s, RSP) : <u64>load<u16>(s, RSP);
}
