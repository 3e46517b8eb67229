/** The instruction being decoded, as its parts become known. One at a time: a core serves one thread. */
export class Instruction {
  /** Host address of the next byte. */
  static at: usize = 0;
  static rex: u32 = 0;
  static hasRex: bool = false;
  static modrm: u32 = 0;
  /** log2 of the size of a `v` operand, and of an address, in bytes. */
  static operandLog: u32 = 2;
  static addressLog: u32 = 3;
  /** The r/m operand is memory: [slotBase] + ([slotIndex] << scale) + displacement. */
  static memoryOperand: bool = false;
  static slotBase: usize = 0;
  static slotIndex: usize = 0;
  static scale: u32 = 0;
  static displacement: i64 = 0;
  static ripRelative: bool = false;
  static stackSegment: bool = false;
  static immediate: i64 = 0;
  /** How many immediates were read. */
  static immediates: u32 = 0;
  /** The immediate is the distance of a jump. */
  static relative: bool = false;
}
