/** Operands: what a row calls E, G, I … → the address of a slot. */
import { OP_IMMEDIATE } from '../op';
import { FPU_REGISTERS, GPR, XMM } from '../../src/state';
import { Instruction } from './instruction';

/** Decodes one operand. @returns address of its slot or of the op's immediate; 0 for memory and what has no slot */
export function operand(s: usize, p: usize, code: u32, log: u32): usize {
  const size = code & 15;
  switch (code >> 4) {
    case 1: // E
      return Instruction.memoryOperand ? 0 : general(s, (Instruction.modrm & 7) | ((Instruction.rex & 1) << 3), size == 0);
    case 2: // G
      return general(s, ((Instruction.modrm >> 3) & 7) | ((Instruction.rex & 4) << 1), size == 0);
    case 3: // Z: register in the opcode
      return general(s, opcodeRegister(), size == 0);
    case 4: // I
      return immediateOperand(p, size, log);
    case 5: {
      // J
      Instruction.relative = true;
      if (size == 0) {
        Instruction.immediate = <i64>load<i8>(Instruction.at);
        Instruction.at += 1;
      } else if (Instruction.operandLog == 1) {
        Instruction.immediate = <i64>load<i16>(Instruction.at);
        Instruction.at += 2;
      } else {
        Instruction.immediate = <i64>load<i32>(Instruction.at);
        Instruction.at += 4;
      }
      return 0;
    }
    case 6: {
      // O
      Instruction.memoryOperand = true;
      if (Instruction.addressLog == 3) {
        // The address does not fit the displacement: it goes where base points to.
        Instruction.immediate = load<i64>(Instruction.at);
        Instruction.at += 8;
        Instruction.slotBase = p + OP_IMMEDIATE;
      } else if (Instruction.addressLog == 2) {
        Instruction.displacement = <i64>load<u32>(Instruction.at);
        Instruction.at += 4;
      } else {
        Instruction.displacement = <i64>load<u16>(Instruction.at);
        Instruction.at += 2;
      }
      return 0;
    }
    case 7: // M
      return 0;
    case 8: // R
      return general(s, (Instruction.modrm & 7) | ((Instruction.rex & 1) << 3), false);
    case 9: // V
      return s + XMM + ((((Instruction.modrm >> 3) & 7) | ((Instruction.rex & 4) << 1)) << 6);
    case 10: // W, U
      return Instruction.memoryOperand ? 0 : s + XMM + (((Instruction.modrm & 7) | ((Instruction.rex & 1) << 3)) << 6);
    case 11: // P
      return s + FPU_REGISTERS + (((Instruction.modrm >> 3) & 7) << 4);
    case 12: // Q, N
      return Instruction.memoryOperand ? 0 : s + FPU_REGISTERS + ((Instruction.modrm & 7) << 4);
    case 13: {
      // A: far pointer, offset in the low bits, selector in bits 32-47
      if (Instruction.operandLog == 1) {
        Instruction.immediate = (<i64>load<u16>(Instruction.at)) | ((<i64>load<u16>(Instruction.at, 2)) << 32);
        Instruction.at += 4;
      } else {
        Instruction.immediate = (<i64>load<u32>(Instruction.at)) | ((<i64>load<u16>(Instruction.at, 4)) << 32);
        Instruction.at += 6;
      }
      return 0;
    }
    case 14: // AL, AX, CL, DX
      return s + GPR + (size == 1 ? 8 : size == 2 ? 16 : 0);
    default:
      return 0;
  }
}

function immediateOperand(p: usize, size: u32, log: u32): usize {
  let value: i64;
  if (size == 0 || size == 7) {
    value = <i64>load<i8>(Instruction.at);
    Instruction.at += 1;
  } else if (size == 1) {
    value = <i64>load<u16>(Instruction.at);
    Instruction.at += 2;
  } else if (Instruction.operandLog == 1) {
    value = <i64>load<i16>(Instruction.at);
    Instruction.at += 2;
  } else if (size == 4 && Instruction.operandLog == 3) {
    value = load<i64>(Instruction.at);
    Instruction.at += 8;
  } else {
    value = <i64>load<i32>(Instruction.at);
    Instruction.at += 4;
  }
  // ENTER has two.
  Instruction.immediate = Instruction.immediates++ == 0 ? value : Instruction.immediate | ((value & 0xff) << 32);
  return p + OP_IMMEDIATE;
}

/** Register of the low three opcode bits: the opcode is the byte before what follows it. */
function opcodeRegister(): u32 {
  return ((<u32>load<u8>(Instruction.at - 1)) & 7) | ((Instruction.rex & 1) << 3);
}

function general(s: usize, register: u32, byteSized: bool): usize {
  if (byteSized && !Instruction.hasRex && register >= 4) return s + GPR + ((register - 4) << 3) + 1;
  return s + GPR + (register << 3);
}
