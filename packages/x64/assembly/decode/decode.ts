/**
 * Decoder: bytes of one instruction → one op (`op.ts`), by the generated tables. Spec: SDM volume 2, chapter 2 and
 * appendix A; AMD64 volume 3, chapter 1.
 */
import { handlerNumber } from '../handlers';
import { HANDLER_ADDRESS, HANDLER_UNDEFINED, hotHandler } from '../hot';
import { MODE_16, MODE_64, MODE_CODE } from '../mode';
import {
  OP_ADDRESS_SHIFT,
  OP_BASE,
  OP_DISPLACEMENT,
  OP_FLAGS,
  OP_IMMEDIATE,
  OP_INDEX,
  OP_LOCK,
  OP_LOG,
  OP_MEMORY,
  OP_MODRM,
  OP_PLACE,
  OP_REP,
  OP_REPNE,
  OP_REX_W,
  OP_SCALE,
  OP_SEGMENT,
  OP_SIZE,
  OP_SOURCE,
  OP_STACK,
  OP_TARGET,
} from '../op';
import { ADDRESS, RSP, SEGMENTS, SEGMENT_SIZE, ZERO } from '../../src/state';
import { OPCODES, ORDER, ROWS } from '../../wasm/generated/tables';
import { address16, address32 } from './address';
import { Instruction } from './instruction';
import { operand } from './operand';
import { DEFAULT_64, ENDS, FORCED_64, LOCKABLE, matches, memoryBytes, operandSize } from './rows';

/** The longest instruction. */
export const MAX_LENGTH: u32 = 15;
/** {@link decode}: the instruction is longer than 15 bytes. */
export const TOO_LONG: u32 = 16;

/** The last instruction decoded: whether a block ends after it, and how many ops it made (2 with an address op before). */
export let decodedEnds: bool = false;
export let decodedOps: u32 = 1;
/** In place of an opcode: not one that there is not. */
const NOT_COUNTED: u64 = 0xffff;

/**
 * Decodes one instruction.
 * @param s state block
 * @param code host address of its bytes; 16 can be read
 * @param p where the op goes; a second one may follow
 * @param offset of the instruction in its page
 * @param mode MODE
 * @returns its length, TOO_LONG when it has more than 15 bytes
 */
export function decode(s: usize, code: usize, p: usize, offset: u32, mode: u32): u32 {
  Instruction.at = code;
  Instruction.rex = 0;
  Instruction.hasRex = false;
  let operandPrefix = false;
  let addressPrefix = false;
  let repeat: u32 = 0;
  let lock = false;
  let segmentOverride: i32 = -1;
  const long = (mode & MODE_CODE) == MODE_64;
  const end = code + MAX_LENGTH;
  let byte: u32;
  for (;;) {
    if (Instruction.at >= end) return TOO_LONG;
    byte = load<u8>(Instruction.at++);
    if (byte == 0x66) operandPrefix = true;
    else if (byte == 0x67) addressPrefix = true;
    else if (byte == 0xf2) repeat = OP_REPNE;
    else if (byte == 0xf3) repeat = OP_REP;
    else if (byte == 0xf0) lock = true;
    else if ((byte & 0xe7) == 0x26) {
      if (!long) segmentOverride = <i32>((byte >> 3) & 3);
    } else if (byte == 0x64) segmentOverride = 4;
    else if (byte == 0x65) segmentOverride = 5;
    else if (long && (byte & 0xf0) == 0x40) {
      // Only a REX right before the opcode counts.
      const next: u32 = load<u8>(Instruction.at);
      if (isPrefix(next)) continue;
      Instruction.rex = byte;
      Instruction.hasRex = true;
      byte = next;
      Instruction.at++;
      break;
    } else break;
  }
  let map: u32 = 0;
  if (byte == 0x0f) {
    byte = load<u8>(Instruction.at++);
    if (byte == 0x38) {
      map = 2;
      byte = load<u8>(Instruction.at++);
    } else if (byte == 0x3a) {
      map = 3;
      byte = load<u8>(Instruction.at++);
    } else map = 1;
  }
  const entry = OPCODES + ((map << 8) | byte) * 4;
  const count: u32 = load<u8>(entry, 2);
  const withModrm = load<u8>(entry, 3) != 0;
  Instruction.modrm = withModrm ? <u32>load<u8>(Instruction.at) : 0;
  const order = ORDER + <usize>load<u16>(entry) * 2;
  let row: usize = 0;
  for (let i: u32 = 0; i < count; i++) {
    const id: u32 = load<u16>(order + i * 2);
    const candidate = ROWS + id * 16;
    if (!matches(candidate, withModrm, operandPrefix, repeat, long)) continue;
    row = candidate;
    break;
  }

  // Sizes.
  const flags: u32 = row == 0 ? 0 : <u32>load<u8>(row, 4);
  const default16 = (mode & MODE_CODE) == MODE_16;
  if (long) {
    if ((Instruction.rex & 8) != 0) Instruction.operandLog = 3;
    else if ((flags & FORCED_64) != 0) Instruction.operandLog = 3;
    else if (operandPrefix) Instruction.operandLog = 1;
    else Instruction.operandLog = (flags & DEFAULT_64) != 0 ? 3 : 2;
    Instruction.addressLog = addressPrefix ? 2 : 3;
  } else {
    Instruction.operandLog = operandPrefix != default16 ? 1 : 2;
    Instruction.addressLog = addressPrefix != default16 ? 1 : 2;
  }
  memory.fill(p, 0, OP_SIZE);
  decodedOps = 1;
  const zero = s + ZERO;
  if (row == 0 || (lock && ((flags & LOCKABLE) == 0 || (withModrm && Instruction.modrm >= 0xc0)))) {
    // What follows the modrm byte is not looked at: #UD comes first. The modrm byte itself may have decided: where it is
    // in the next page, nothing is known before that is there.
    store<u16>(p, <u16>HANDLER_UNDEFINED);
    store<u8>(p, <u8>Instruction.modrm, OP_MODRM);
    const undefinedLength = <u32>(Instruction.at - code) + (withModrm ? 1 : 0);
    if (undefinedLength > MAX_LENGTH) return TOO_LONG;
    store<u16>(p, <u16>(offset | (undefinedLength << 12)), OP_PLACE);
    // What is counted: opcodes that no row has, not a LOCK where there can be none.
    store<u64>(p, row == 0 ? <u64>((map << 8) | byte) : NOT_COUNTED, OP_IMMEDIATE);
    decodedEnds = true;
    return undefinedLength;
  }

  Instruction.memoryOperand = false;
  Instruction.ripRelative = false;
  Instruction.stackSegment = false;
  Instruction.slotBase = zero;
  Instruction.slotIndex = zero;
  Instruction.displacement = 0;
  Instruction.scale = 0;
  if (withModrm) {
    Instruction.at++;
    // Moves to and from control and debug registers ignore modrm.mod.
    if (Instruction.modrm < 0xc0 && !(map == 1 && (byte & 0xfc) == 0x20)) {
      Instruction.memoryOperand = true;
      if (Instruction.addressLog == 1) address16(s);
      else address32(s);
    }
  }
  Instruction.immediate = 0;
  Instruction.immediates = 0;
  Instruction.relative = false;
  const log = operandSize(row, flags);
  const first = operand(s, p, load<u8>(row, 5), log);
  const second = operand(s, p, load<u8>(row, 6), log);
  const third: u32 = load<u8>(row, 7);
  if (third != 0) operand(s, p, third, log);
  const length = <u32>(Instruction.at - code);
  if (length > MAX_LENGTH) return TOO_LONG;
  if (Instruction.ripRelative) Instruction.displacement += offset + length;
  // The target of a near jump, from CODE_BASE.
  if (Instruction.relative) Instruction.immediate += offset + length;

  let opFlags: u32 = repeat | (Instruction.addressLog << OP_ADDRESS_SHIFT);
  if (Instruction.memoryOperand) opFlags |= OP_MEMORY;
  if (lock) opFlags |= OP_LOCK;
  if ((Instruction.rex & 8) != 0) opFlags |= OP_REX_W;
  if (Instruction.stackSegment && segmentOverride < 4) opFlags |= OP_STACK;
  store<u8>(p, <u8>Instruction.scale, OP_SCALE);
  store<u8>(p, <u8>log, OP_LOG);
  store<u8>(p, <u8>opFlags, OP_FLAGS);
  // Jcc, CMOVcc and SETcc: the condition, where others have modrm.
  store<u8>(p, <u8>(withModrm ? Instruction.modrm : byte & 15), OP_MODRM);
  store<u32>(p, <u32>first, OP_TARGET);
  store<u32>(p, <u32>second, OP_SOURCE);
  store<u32>(p, <u32>Instruction.slotBase, OP_BASE);
  store<u32>(p, <u32>Instruction.slotIndex, OP_INDEX);
  const place = <u16>(offset | (length << 12));
  store<u16>(p, place, OP_PLACE);
  store<i64>(p, Instruction.immediate, OP_IMMEDIATE);
  store<i32>(p, <i32>Instruction.displacement, OP_DISPLACEMENT);
  const record = s + SEGMENTS;
  if (long)
    store<u32>(p, <u32>(segmentOverride >= 4 ? record + <u32>segmentOverride * SEGMENT_SIZE : zero), OP_SEGMENT);
  else {
    const segmentIndex: u32 = segmentOverride >= 0 ? <u32>segmentOverride : Instruction.stackSegment ? 2 : 3;
    store<u32>(p, <u32>(record + segmentIndex * SEGMENT_SIZE), OP_SEGMENT);
  }
  // A segment with a base takes the index's place in the effective address where that is free.
  const overridden = long && segmentOverride >= 4 && Instruction.memoryOperand;
  if (overridden && Instruction.slotIndex == zero && Instruction.addressLog == 3 && !(map == 0 && byte == 0x8d)) {
    store<u32>(p, <u32>(record + <u32>segmentOverride * SEGMENT_SIZE), OP_INDEX);
    store<u8>(p, 0, OP_SCALE);
  }
  const handler: u32 = load<u16>(row, 8);
  const family: u32 = load<u8>(row, 10);
  decodedEnds = (load<u8>(row, 11) & ENDS) != 0;
  let number: u32 = 0;
  // 16- and 32-bit addressing: an op before makes the linear address and checks the segment.
  const needsAddressOp = Instruction.memoryOperand && (Instruction.addressLog != 3 || (overridden && Instruction.slotIndex != zero));
  if (needsAddressOp || (Instruction.memoryOperand && !long)) {
    const main = p + OP_SIZE;
    memory.copy(main, p, OP_SIZE);
    store<u16>(p, <u16>HANDLER_ADDRESS);
    // BT and its like with a bit index in a register, and BOUND: the offset moves before the segment comes in.
    const movesOffset =
      map == 1 ? byte == 0xa3 || byte == 0xab || byte == 0xb3 || byte == 0xbb : map == 0 && byte == 0x62;
    const bytes = memoryBytes(row, Instruction.operandLog);
    if (movesOffset || bytes == 0) store<u32>(p, <u32>zero, OP_SEGMENT);
    store<u32>(main, <u32>(s + ADDRESS), OP_BASE);
    store<u32>(main, <u32>zero, OP_INDEX);
    if (!movesOffset) store<u32>(main, <u32>zero, OP_SEGMENT);
    // POP m: RSP in its address is RSP after the pop.
    if (map == 0 && byte == 0x8f && Instruction.slotBase == s + RSP) store<i32>(p, <i32>Instruction.displacement + (1 << log), OP_DISPLACEMENT);
    store<i32>(main, 0, OP_DISPLACEMENT);
    store<u8>(main, 0, OP_SCALE);
    if (second == p + OP_IMMEDIATE) store<u32>(main, <u32>(main + OP_IMMEDIATE), OP_SOURCE);
    if (first == p + OP_IMMEDIATE) store<u32>(main, <u32>(main + OP_IMMEDIATE), OP_TARGET);
    store<u64>(p, bytes, OP_IMMEDIATE);
    decodedOps = 2;
    number = hotHandler(family, byte, main, mode);
    if (number == 0) number = handlerNumber(handler);
    store<u16>(main, <u16>number);
    return length;
  }
  number = hotHandler(family, byte, p, mode);
  if (number == 0) number = handlerNumber(handler);
  store<u16>(p, <u16>number);
  return length;
}

function isPrefix(byte: u32): bool {
  return (
    byte == 0x66 ||
    byte == 0x67 ||
    byte == 0xf2 ||
    byte == 0xf3 ||
    byte == 0xf0 ||
    (byte & 0xe7) == 0x26 ||
    byte == 0x64 ||
    byte == 0x65 ||
    (byte & 0xf0) == 0x40
  );
}
