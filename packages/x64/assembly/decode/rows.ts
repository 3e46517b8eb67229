/** Rows of the instruction table: which one bytes mean, and what it says of sizes. */
import { OP_REP, OP_REPNE } from '../op';
import { Instruction } from './instruction';

// Flags of a row.
export const INVALID_64: u32 = 1;
export const ONLY_64: u32 = 2;
export const DEFAULT_64: u32 = 4;
export const FORCED_64: u32 = 8;
export const LOCKABLE: u32 = 16;
export const NO_REX_B: u32 = 32;
export const BYTE_STRING: u32 = 64;
/** In the byte behind the family: a block ends after it. */
export const ENDS: u32 = 1;

export function matches(row: usize, withModrm: bool, operandPrefix: bool, repeat: u32, long: bool): bool {
  const prefix: u32 = load<u8>(row);
  switch (prefix) {
    case 1:
      if (operandPrefix || repeat != 0) return false;
      break;
    case 2:
      if (!operandPrefix || repeat != 0) return false;
      break;
    case 3:
      if (repeat != OP_REP) return false;
      break;
    case 4:
      if (repeat != OP_REPNE) return false;
      break;
  }
  const flags: u32 = load<u8>(row, 4);
  if ((flags & (long ? INVALID_64 : ONLY_64)) != 0) return false;
  if ((flags & NO_REX_B) != 0 && (Instruction.rex & 1) != 0) return false;
  if (!withModrm) return true;
  const extension: u32 = load<u8>(row, 1);
  if (extension != 255 && extension != ((Instruction.modrm >> 3) & 7)) return false;
  const mod: u32 = load<u8>(row, 2);
  if (mod != 0 && (mod == 2) != Instruction.modrm >= 0xc0) return false;
  const rm: u32 = load<u8>(row, 3);
  return rm == 255 || rm == (Instruction.modrm & 7);
}

/** log2 of the size that handlers go by: a `v` operand's, else the first sized register or memory operand's. */
export function operandSize(row: usize, flags: u32): u32 {
  if ((flags & BYTE_STRING) != 0) return 0;
  let found: u32 = 255;
  for (let i: u32 = 5; i < 8; i++) {
    const code: u32 = load<u8>(row + i);
    const kind = code >> 4;
    const size = code & 15;
    const general =
      kind == 1 ||
      kind == 2 ||
      kind == 3 ||
      kind == 6 ||
      kind == 7 ||
      kind == 8 ||
      (kind == 14 && (size == 0 || size == 4));
    if (!general) continue;
    if (size == 4) return Instruction.operandLog;
    if (found == 255) found = size < 4 ? size : size == 6 ? ((Instruction.rex & 8) != 0 ? 3 : 2) : 255;
  }
  return found == 255 ? Instruction.operandLog : found;
}

/** Bytes of a row's memory operand, for the limit of its segment; 0 when memory is not reached. */
export function memoryBytes(row: usize, log: u32): u32 {
  const code: u32 = load<u8>(row, 14);
  const wide = (Instruction.rex & 8) != 0;
  switch (code) {
    case 0x80:
      return 1 << log;
    case 0x81:
      return wide ? 8 : 4;
    case 0x82:
      return (1 << log) + 2;
    case 0x83:
      return 6;
    case 0x84:
      return wide ? 16 : 8;
    case 0x85:
      return log == 1 ? 14 : 28;
    case 0x86:
      return log == 1 ? 94 : 108;
    case 0x87:
      return 512;
    default:
      return code;
  }
}
