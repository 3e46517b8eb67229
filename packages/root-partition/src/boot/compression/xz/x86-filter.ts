/**
 * Undoes the x86 branch filter of XZ (filter id 4).
 *
 * Before compression, the filter turned the relative target of each CALL (E8) and JMP (E9) into an absolute one, so
 * that calls of one function look alike. Only targets whose top byte is 00 or FF are turned, as real ones near the code
 * are. An E8 or E9 right before another may be part of its operand rather than an opcode: such neighbours decide
 * whether, and how, the later one was turned.
 */

/** Bytes of an instruction the filter looks at: opcode and 32-bit operand. */
const INSTRUCTION = 5;

/**
 * By which of the three bytes before are unturned opcodes (bit 0 = the nearest): how far back the only one is, or -1
 * where two or more leave the operand alone.
 */
const NEIGHBOUR = [0, 1, 2, -1, 3, -1, -1, -1] as const;

/** The filter for one block; keeps what it cannot decide yet until more data comes. */
export class X86Filter {
  /** Address that the next byte of output has, modulo 2^32. */
  #address: number;
  #neighbours = 0;
  #held = new Uint8Array(0);

  /** @param start - address of the block's first byte */
  constructor(start: number) {
    this.#address = start;
  }

  /** Filters a copy of the next bytes. @returns what is decided: all but the last four bytes. */
  push(chunk: Uint8Array): Uint8Array {
    const data = new Uint8Array(this.#held.length + chunk.length);
    data.set(this.#held);
    data.set(chunk, this.#held.length);
    const decided = this.#filter(data);
    this.#held = data.slice(decided);
    this.#address = (this.#address + decided) >>> 0;
    return data.subarray(0, decided);
  }

  /** The last bytes: too few for an instruction, so they are as they were. */
  finish(): Uint8Array {
    return this.#held;
  }

  /** Turns targets in place. @returns how many bytes are decided. */
  #filter(data: Uint8Array): number {
    let at = 0;
    while (at + INSTRUCTION <= data.length) {
      if ((data[at]! & 0xfe) !== 0xe8) {
        this.#neighbours = (this.#neighbours << 1) & 7;
        at++;
      } else if (this.#turn(data, at)) {
        this.#neighbours = 0;
        at += INSTRUCTION;
      } else {
        this.#neighbours = ((this.#neighbours << 1) | 1) & 7;
        at++;
      }
    }
    return at;
  }

  /** Turns the target of the instruction at `at` back to a relative one. @returns whether it had been turned. */
  #turn(data: Uint8Array, at: number): boolean {
    const back = NEIGHBOUR[this.#neighbours]!;
    if (back < 0) return false;
    if (back > 0 && isSign(data[at + 4 - back]!)) return false;
    if (!isSign(data[at + 4]!)) return false;
    const end = this.#address + at + INSTRUCTION;
    const operand = data[at + 1]! | (data[at + 2]! << 8) | (data[at + 3]! << 16) | (data[at + 4]! << 24);
    let target = (operand - end) | 0;
    if (back > 0) {
      // The byte over the neighbour's sign byte must not look like one, else the filter had turned once more.
      const shift = 24 - 8 * back;
      while (isSign((target >>> shift) & 0xff)) target = ((target ^ (2 ** (32 - 8 * back) - 1)) - end) | 0;
    }
    // Bit 24 is the sign; the byte above it repeats it.
    const signed = (target << 7) >> 7;
    data[at + 1] = signed;
    data[at + 2] = signed >> 8;
    data[at + 3] = signed >> 16;
    data[at + 4] = signed >> 24;
    return true;
  }
}

/** Whether a byte is the top of a near target, forwards or backwards. */
function isSign(byte: number): boolean {
  return byte === 0x00 || byte === 0xff;
}
