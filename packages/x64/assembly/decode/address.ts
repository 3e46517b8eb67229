/** Memory operands: modrm, SIB and displacement → the slots that make the effective address. */
import { MODE_64, MODE_CODE } from '../mode';
import { CODE_BASE, GPR, MODE, ZERO } from '../../src/state';
import { Instruction } from './instruction';

/** 32- and 64-bit addressing: modrm, SIB, displacement. */
export function address32(s: usize): void {
  const mod = Instruction.modrm >> 6;
  let rm = Instruction.modrm & 7;
  let base: u32 = rm | ((Instruction.rex & 1) << 3);
  let hasBase = true;
  if (rm == 4) {
    const sib: u32 = load<u8>(Instruction.at++);
    const index = ((sib >> 3) & 7) | ((Instruction.rex & 2) << 2);
    if (index != 4) {
      Instruction.slotIndex = s + GPR + (index << 3);
      Instruction.scale = sib >> 6;
    }
    rm = sib & 7;
    base = rm | ((Instruction.rex & 1) << 3);
    if (rm == 5 && mod == 0) {
      hasBase = false;
      Instruction.displacement = <i64>load<i32>(Instruction.at);
      Instruction.at += 4;
    }
  } else if (rm == 5 && mod == 0) {
    Instruction.displacement = <i64>load<i32>(Instruction.at);
    Instruction.at += 4;
    hasBase = false;
    if (Instruction.addressLog == 3 || inLongMode(s)) {
      Instruction.ripRelative = true;
      Instruction.slotBase = s + CODE_BASE;
    }
  }
  if (hasBase) {
    Instruction.slotBase = s + GPR + (base << 3);
    Instruction.stackSegment = base == 4 || base == 5;
  }
  if (mod == 1) {
    Instruction.displacement = <i64>load<i8>(Instruction.at);
    Instruction.at += 1;
  } else if (mod == 2) {
    Instruction.displacement = <i64>load<i32>(Instruction.at);
    Instruction.at += 4;
  }
}

/** 16-bit addressing. */
export function address16(s: usize): void {
  const mod = Instruction.modrm >> 6;
  const rm = Instruction.modrm & 7;
  const zero = s + ZERO;
  if (rm == 6 && mod == 0) {
    Instruction.displacement = <i64>load<i16>(Instruction.at);
    Instruction.at += 2;
    return;
  }
  switch (rm) {
    case 0:
      Instruction.slotBase = s + GPR + 24;
      Instruction.slotIndex = s + GPR + 48;
      break;
    case 1:
      Instruction.slotBase = s + GPR + 24;
      Instruction.slotIndex = s + GPR + 56;
      break;
    case 2:
      Instruction.slotBase = s + GPR + 40;
      Instruction.slotIndex = s + GPR + 48;
      Instruction.stackSegment = true;
      break;
    case 3:
      Instruction.slotBase = s + GPR + 40;
      Instruction.slotIndex = s + GPR + 56;
      Instruction.stackSegment = true;
      break;
    case 4:
      Instruction.slotBase = s + GPR + 48;
      Instruction.slotIndex = zero;
      break;
    case 5:
      Instruction.slotBase = s + GPR + 56;
      Instruction.slotIndex = zero;
      break;
    case 6:
      Instruction.slotBase = s + GPR + 40;
      Instruction.slotIndex = zero;
      Instruction.stackSegment = true;
      break;
    default:
      Instruction.slotBase = s + GPR + 24;
      Instruction.slotIndex = zero;
      break;
  }
  if (mod == 1) {
    Instruction.displacement = <i64>load<i8>(Instruction.at);
    Instruction.at += 1;
  } else if (mod == 2) {
    Instruction.displacement = <i64>load<i16>(Instruction.at);
    Instruction.at += 2;
  }
}

function inLongMode(s: usize): bool {
  return (load<u32>(s, MODE) & MODE_CODE) == MODE_64;
}
