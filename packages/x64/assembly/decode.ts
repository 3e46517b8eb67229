/**
 * Decoder: bytes of one instruction → one op (`op.ts`), by the generated tables. Spec: SDM volume 2, chapter 2 and
 * appendix A; AMD64 volume 3, chapter 1.
 */
import { handlerNumber } from './handlers';
import { HANDLER_ADDRESS, HANDLER_UNDEFINED, hotHandler } from './hot';
import { MODE_16, MODE_32, MODE_64, MODE_CODE } from './mode';
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
} from './op';
import { ADDRESS, CODE_BASE, FPU_REGISTERS, GPR, MODE, RSP, SEGMENTS, SEGMENT_SIZE, XMM, ZERO } from '../src/state';
import { OPCODES, ORDER, ROWS } from '../wasm/generated/tables';

const INVALID_64: u32 = 1;
const ONLY_64: u32 = 2;
const DEFAULT_64: u32 = 4;
const FORCED_64: u32 = 8;
const LOCKABLE: u32 = 16;
const NO_REX_B: u32 = 32;
const BYTE_STRING: u32 = 64;
const ENDS: u32 = 1;

/** The longest instruction. */
export const MAX_LENGTH: u32 = 15;
/** {@link decode}: the instruction is longer than 15 bytes. */
export const TOO_LONG: u32 = 16;

/** The last instruction decoded: whether a block ends after it, and how many ops it made (2 with an address op before). */
export let decodedEnds: bool = false;
export let decodedOps: u32 = 1;
/** Its row number (0xffff: undefined opcode). */
export let decodedRow: u32 = 0xffff;

// Of the instruction being decoded.
let at: usize = 0;
let rex: u32 = 0;
let memoryOperand: bool = false;
let modrm: u32 = 0;
let operandLog: u32 = 2;
let addressLog: u32 = 3;
let slotBase: usize = 0;
let slotIndex: usize = 0;
let displacement: i64 = 0;
let scale: u32 = 0;
let ripRelative: bool = false;
let stackSegment: bool = false;
let hasRex: bool = false;
let immediate: i64 = 0;
let immediates: u32 = 0;
let relative: bool = false;

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
  at = code;
  rex = 0;
  hasRex = false;
  let operandPrefix = false;
  let addressPrefix = false;
  let repeat: u32 = 0;
  let lock = false;
  let segmentOverride: i32 = -1;
  const long = (mode & MODE_CODE) == MODE_64;
  const end = code + MAX_LENGTH;
  let byte: u32;
  for (;;) {
    if (at >= end) return TOO_LONG;
    byte = load<u8>(at++);
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
      const next: u32 = load<u8>(at);
      if (isPrefix(next)) continue;
      rex = byte;
      hasRex = true;
      byte = next;
      at++;
      break;
    } else break;
  }
  let map: u32 = 0;
  if (byte == 0x0f) {
    byte = load<u8>(at++);
    if (byte == 0x38) {
      map = 2;
      byte = load<u8>(at++);
    } else if (byte == 0x3a) {
      map = 3;
      byte = load<u8>(at++);
    } else map = 1;
  }
  const entry = OPCODES + ((map << 8) | byte) * 4;
  const count: u32 = load<u8>(entry, 2);
  const withModrm = load<u8>(entry, 3) != 0;
  modrm = withModrm ? <u32>load<u8>(at) : 0;
  const order = ORDER + <usize>load<u16>(entry) * 2;
  let row: usize = 0;
  decodedRow = 0xffff;
  for (let i: u32 = 0; i < count; i++) {
    const id: u32 = load<u16>(order + i * 2);
    const candidate = ROWS + id * 16;
    if (!matches(candidate, withModrm, operandPrefix, repeat, long)) continue;
    row = candidate;
    decodedRow = id;
    break;
  }

  // Sizes.
  const flags: u32 = row == 0 ? 0 : <u32>load<u8>(row, 4);
  const default16 = (mode & MODE_CODE) == MODE_16;
  if (long) {
    if ((rex & 8) != 0) operandLog = 3;
    else if ((flags & FORCED_64) != 0) operandLog = 3;
    else if (operandPrefix) operandLog = 1;
    else operandLog = (flags & DEFAULT_64) != 0 ? 3 : 2;
    addressLog = addressPrefix ? 2 : 3;
  } else {
    operandLog = operandPrefix != default16 ? 1 : 2;
    addressLog = addressPrefix != default16 ? 1 : 2;
  }
  memory.fill(p, 0, OP_SIZE);
  decodedOps = 1;
  const zero = s + ZERO;
  if (row == 0 || (lock && ((flags & LOCKABLE) == 0 || (withModrm && modrm >= 0xc0)))) {
    // The modrm byte and what follows are not looked at: #UD comes first.
    store<u16>(p, <u16>HANDLER_UNDEFINED);
    store<u8>(p, <u8>modrm, OP_MODRM);
    const undefinedLength = <u32>(at - code);
    if (undefinedLength > MAX_LENGTH) return TOO_LONG;
    store<u16>(p, <u16>(offset | (undefinedLength << 12)), OP_PLACE);
    store<u64>(p, row == 0 ? 0xffff : <u64>decodedRow, OP_IMMEDIATE);
    decodedEnds = true;
    return undefinedLength;
  }

  memoryOperand = false;
  ripRelative = false;
  stackSegment = false;
  slotBase = zero;
  slotIndex = zero;
  displacement = 0;
  scale = 0;
  if (withModrm) {
    at++;
    // Moves to and from control and debug registers ignore modrm.mod.
    if (modrm < 0xc0 && !(map == 1 && (byte & 0xfc) == 0x20)) {
      memoryOperand = true;
      if (addressLog == 1) address16(s);
      else address32(s);
    }
  }
  immediate = 0;
  immediates = 0;
  relative = false;
  const log = operandSize(row, flags);
  const first = operand(s, p, load<u8>(row, 5), log);
  const second = operand(s, p, load<u8>(row, 6), log);
  const third: u32 = load<u8>(row, 7);
  if (third != 0) operand(s, p, third, log);
  const length = <u32>(at - code);
  if (length > MAX_LENGTH) return TOO_LONG;
  if (ripRelative) displacement += offset + length;
  // The target of a near jump, from CODE_BASE.
  if (relative) immediate += offset + length;

  let opFlags: u32 = repeat | (addressLog << OP_ADDRESS_SHIFT);
  if (memoryOperand) opFlags |= OP_MEMORY;
  if (lock) opFlags |= OP_LOCK;
  if ((rex & 8) != 0) opFlags |= OP_REX_W;
  if (stackSegment && segmentOverride < 4) opFlags |= OP_STACK;
  store<u8>(p, <u8>scale, OP_SCALE);
  store<u8>(p, <u8>log, OP_LOG);
  store<u8>(p, <u8>opFlags, OP_FLAGS);
  // Jcc, CMOVcc and SETcc: the condition, where others have modrm.
  store<u8>(p, <u8>(withModrm ? modrm : byte & 15), OP_MODRM);
  store<u32>(p, <u32>first, OP_TARGET);
  store<u32>(p, <u32>second, OP_SOURCE);
  store<u32>(p, <u32>slotBase, OP_BASE);
  store<u32>(p, <u32>slotIndex, OP_INDEX);
  const place = <u16>(offset | (length << 12));
  store<u16>(p, place, OP_PLACE);
  store<i64>(p, immediate, OP_IMMEDIATE);
  store<i32>(p, <i32>displacement, OP_DISPLACEMENT);
  const record = s + SEGMENTS;
  if (long)
    store<u32>(p, <u32>(segmentOverride >= 4 ? record + <u32>segmentOverride * SEGMENT_SIZE : zero), OP_SEGMENT);
  else {
    const segmentIndex: u32 = segmentOverride >= 0 ? <u32>segmentOverride : stackSegment ? 2 : 3;
    store<u32>(p, <u32>(record + segmentIndex * SEGMENT_SIZE), OP_SEGMENT);
  }
  // A segment with a base takes the index's place in the effective address where that is free.
  const overridden = long && segmentOverride >= 4 && memoryOperand;
  if (overridden && slotIndex == zero && addressLog == 3 && !(map == 0 && byte == 0x8d)) {
    store<u32>(p, <u32>(record + <u32>segmentOverride * SEGMENT_SIZE), OP_INDEX);
    store<u8>(p, 0, OP_SCALE);
  }
  const handler: u32 = load<u16>(row, 8);
  const family: u32 = load<u8>(row, 10);
  decodedEnds = (load<u8>(row, 11) & ENDS) != 0;
  let number: u32 = 0;
  // 16- and 32-bit addressing: an op before makes the linear address and checks the segment.
  const needsAddressOp = memoryOperand && (addressLog != 3 || (overridden && slotIndex != zero));
  if (needsAddressOp || (memoryOperand && !long)) {
    const main = p + OP_SIZE;
    memory.copy(main, p, OP_SIZE);
    store<u16>(p, <u16>HANDLER_ADDRESS);
    if (map == 0 && byte == 0x8d) store<u32>(p, <u32>zero, OP_SEGMENT);
    store<u32>(main, <u32>(s + ADDRESS), OP_BASE);
    store<u32>(main, <u32>zero, OP_INDEX);
    store<u32>(main, <u32>zero, OP_SEGMENT);
    // POP m: RSP in its address is RSP after the pop.
    if (map == 0 && byte == 0x8f && slotBase == s + RSP) store<i32>(p, <i32>displacement + (1 << log), OP_DISPLACEMENT);
    store<i32>(main, 0, OP_DISPLACEMENT);
    store<u8>(main, 0, OP_SCALE);
    if (second == p + OP_IMMEDIATE) store<u32>(main, <u32>(main + OP_IMMEDIATE), OP_SOURCE);
    if (first == p + OP_IMMEDIATE) store<u32>(main, <u32>(main + OP_IMMEDIATE), OP_TARGET);
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

function matches(row: usize, withModrm: bool, operandPrefix: bool, repeat: u32, long: bool): bool {
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
  if ((flags & NO_REX_B) != 0 && (rex & 1) != 0) return false;
  if (!withModrm) return true;
  const extension: u32 = load<u8>(row, 1);
  if (extension != 255 && extension != ((modrm >> 3) & 7)) return false;
  const mod: u32 = load<u8>(row, 2);
  if (mod != 0 && (mod == 2) != modrm >= 0xc0) return false;
  const rm: u32 = load<u8>(row, 3);
  return rm == 255 || rm == (modrm & 7);
}

/** log2 of the size that handlers go by: a `v` operand's, else the first sized register or memory operand's. */
function operandSize(row: usize, flags: u32): u32 {
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
    if (size == 4) return operandLog;
    if (found == 255) found = size < 4 ? size : size == 6 ? ((rex & 8) != 0 ? 3 : 2) : 255;
  }
  return found == 255 ? operandLog : found;
}

/** Decodes one operand. @returns address of its slot or of the op's immediate; 0 for memory and what has no slot */
function operand(s: usize, p: usize, code: u32, log: u32): usize {
  const size = code & 15;
  switch (code >> 4) {
    case 1: // E
      return memoryOperand ? 0 : general(s, (modrm & 7) | ((rex & 1) << 3), size == 0);
    case 2: // G
      return general(s, ((modrm >> 3) & 7) | ((rex & 4) << 1), size == 0);
    case 3: // Z: register in the opcode
      return general(s, opcodeRegister(), size == 0);
    case 4: // I
      return immediateOperand(p, size, log);
    case 5: {
      // J
      relative = true;
      if (size == 0) {
        immediate = <i64>load<i8>(at);
        at += 1;
      } else if (operandLog == 1) {
        immediate = <i64>load<i16>(at);
        at += 2;
      } else {
        immediate = <i64>load<i32>(at);
        at += 4;
      }
      return 0;
    }
    case 6: {
      // O
      memoryOperand = true;
      if (addressLog == 3) {
        // The address does not fit the displacement: it goes where base points to.
        immediate = load<i64>(at);
        at += 8;
        slotBase = p + OP_IMMEDIATE;
      } else if (addressLog == 2) {
        displacement = <i64>load<u32>(at);
        at += 4;
      } else {
        displacement = <i64>load<u16>(at);
        at += 2;
      }
      return 0;
    }
    case 7: // M
      return 0;
    case 8: // R
      return general(s, (modrm & 7) | ((rex & 1) << 3), false);
    case 9: // V
      return s + XMM + ((((modrm >> 3) & 7) | ((rex & 4) << 1)) << 6);
    case 10: // W, U
      return memoryOperand ? 0 : s + XMM + (((modrm & 7) | ((rex & 1) << 3)) << 6);
    case 11: // P
      return s + FPU_REGISTERS + (((modrm >> 3) & 7) << 4);
    case 12: // Q, N
      return memoryOperand ? 0 : s + FPU_REGISTERS + ((modrm & 7) << 4);
    case 13: {
      // A: far pointer, offset in the low bits, selector in bits 32-47
      if (operandLog == 1) {
        immediate = (<i64>load<u16>(at)) | ((<i64>load<u16>(at, 2)) << 32);
        at += 4;
      } else {
        immediate = (<i64>load<u32>(at)) | ((<i64>load<u16>(at, 4)) << 32);
        at += 6;
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
    value = <i64>load<i8>(at);
    at += 1;
  } else if (size == 1) {
    value = <i64>load<u16>(at);
    at += 2;
  } else if (operandLog == 1) {
    value = <i64>load<i16>(at);
    at += 2;
  } else if (size == 4 && operandLog == 3) {
    value = load<i64>(at);
    at += 8;
  } else {
    value = <i64>load<i32>(at);
    at += 4;
  }
  // ENTER has two.
  immediate = immediates++ == 0 ? value : immediate | ((value & 0xff) << 32);
  return p + OP_IMMEDIATE;
}

/** Register of the low three opcode bits: the opcode is the byte before what follows it. */
function opcodeRegister(): u32 {
  return ((<u32>load<u8>(at - 1)) & 7) | ((rex & 1) << 3);
}

function general(s: usize, register: u32, byteSized: bool): usize {
  if (byteSized && !hasRex && register >= 4) return s + GPR + ((register - 4) << 3) + 1;
  return s + GPR + (register << 3);
}

/** 32- and 64-bit addressing: modrm, SIB, displacement. */
function address32(s: usize): void {
  const mod = modrm >> 6;
  let rm = modrm & 7;
  let base: u32 = rm | ((rex & 1) << 3);
  let hasBase = true;
  if (rm == 4) {
    const sib: u32 = load<u8>(at++);
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (index != 4) {
      slotIndex = s + GPR + (index << 3);
      scale = sib >> 6;
    }
    rm = sib & 7;
    base = rm | ((rex & 1) << 3);
    if (rm == 5 && mod == 0) {
      hasBase = false;
      displacement = <i64>load<i32>(at);
      at += 4;
    }
  } else if (rm == 5 && mod == 0) {
    displacement = <i64>load<i32>(at);
    at += 4;
    hasBase = false;
    if (addressLog == 3 || inLongMode(s)) {
      ripRelative = true;
      slotBase = s + CODE_BASE;
    }
  }
  if (hasBase) {
    slotBase = s + GPR + (base << 3);
    stackSegment = base == 4 || base == 5;
  }
  if (mod == 1) {
    displacement = <i64>load<i8>(at);
    at += 1;
  } else if (mod == 2) {
    displacement = <i64>load<i32>(at);
    at += 4;
  }
}

/** 16-bit addressing. */
function address16(s: usize): void {
  const mod = modrm >> 6;
  const rm = modrm & 7;
  const zero = s + ZERO;
  if (rm == 6 && mod == 0) {
    displacement = <i64>load<i16>(at);
    at += 2;
    return;
  }
  switch (rm) {
    case 0:
      slotBase = s + GPR + 24;
      slotIndex = s + GPR + 48;
      break;
    case 1:
      slotBase = s + GPR + 24;
      slotIndex = s + GPR + 56;
      break;
    case 2:
      slotBase = s + GPR + 40;
      slotIndex = s + GPR + 48;
      stackSegment = true;
      break;
    case 3:
      slotBase = s + GPR + 40;
      slotIndex = s + GPR + 56;
      stackSegment = true;
      break;
    case 4:
      slotBase = s + GPR + 48;
      slotIndex = zero;
      break;
    case 5:
      slotBase = s + GPR + 56;
      slotIndex = zero;
      break;
    case 6:
      slotBase = s + GPR + 40;
      slotIndex = zero;
      stackSegment = true;
      break;
    default:
      slotBase = s + GPR + 24;
      slotIndex = zero;
      break;
  }
  if (mod == 1) {
    displacement = <i64>load<i8>(at);
    at += 1;
  } else if (mod == 2) {
    displacement = <i64>load<i16>(at);
    at += 2;
  }
}

function inLongMode(s: usize): bool {
  return (load<u32>(s, MODE) & MODE_CODE) == MODE_64;
}
