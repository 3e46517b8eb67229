/** Cases: a state and a few instructions; layout as in `harness.c`. */
import { POINTERS, SMALL } from './address.ts';
import { assemble, encode, type Instruction } from './generate.ts';
import { type Place, PLACES } from './place.ts';
import { interesting, Random } from './random.ts';
import { type Tolerance, toleranceOf } from './tolerance.ts';
import type { Row } from '../src/isa/table.ts';

export const CASE_SIZE = 1024;
export const OFFSET = { flags: 128, length: 136, place: 140, code: 144, fx: 256, data: 768 } as const;

const COMPARISONS: ReadonlySet<string> = new Set(['opCmp', 'opTest']);

/** One case: its bytes, and what they mean. */
export interface Case {
  readonly seed: number;
  readonly place: Place;
  readonly instructions: readonly Instruction[];
  readonly code: readonly number[];
  readonly tolerance: Tolerance;
}

/** Makes a case in `target`, of 1 to `length` instructions. */
export function makeCase(
  seed: number,
  rows: readonly Row[],
  target: DataView,
  length: number,
  place: Place = PLACES[64],
): Case {
  const random = new Random(seed);
  const instructions: Instruction[] = [];
  const count = 1 + random.below(length);
  const jumps = rows.filter(({ handler }) => handler === 'opJcc');
  let size = 0;
  for (let i = 0; i < count; i++) {
    // The core runs a comparison and a jump behind it as one.
    const compared = i > 0 && COMPARISONS.has(instructions.at(-1)!.row.handler);
    const pick = compared && jumps.length > 0 && random.chance(40) ? jumps : rows;
    const next = encode(random.pick(pick), random, place);
    if (next.undefined !== '' && i + 1 < count) {
      // Something that defines all flags follows; jumps do not go between them.
      const define = [0x83, 0xf8, random.below(256)];
      if (next.bytes.length + define.length + size > 56) break;
      instructions.push(next, { row: next.row, bytes: define, undefined: '-', jump: 0 });
      size += next.bytes.length + define.length;
      continue;
    }
    if (size + next.bytes.length > 60) break;
    instructions.push(next);
    size += next.bytes.length;
  }
  const code = assemble(instructions, random, place);
  writeState(random, target, place);
  writeCode(target, code);
  target.setUint32(OFFSET.place, place.number, true);
  return { seed, place, instructions, code, tolerance: toleranceOf(instructions) };
}

/** Puts code into a case. */
export function writeCode(target: DataView, code: readonly number[]): void {
  target.setUint32(OFFSET.length, code.length, true);
  for (let i = 0; i < 64; i++) target.setUint8(OFFSET.code + i, code[i] ?? 0xcc);
}

function writeState(random: Random, target: DataView, place: Place): void {
  for (let register = 0; register < 16; register++) {
    let low = interesting(random);
    let high = random.chance(50) ? interesting(random) : random.chance(50) ? low >> 31 : 0;
    if (POINTERS.includes(register)) {
      low = place.border + random.below(96) - 48;
      if (random.chance(40)) low &= ~15;
      high = 0;
    } else if (SMALL.includes(register) && random.chance(80)) {
      low = random.below(12);
      high = 0;
    }
    // A program of compatibility mode does not see the rest, and what it leaves there is its processor's business.
    if (place.bits !== 64) {
      high = 0;
      if (register >= 8) low = 0;
    }
    target.setUint32(register * 8, low >>> 0, true);
    target.setUint32(register * 8 + 4, high >>> 0, true);
  }
  target.setBigUint64(OFFSET.flags, BigInt(0x202 | (random.next() & 0x8d5) | (random.chance(20) ? 0x400 : 0)), true);
  for (let i = 0; i < 256; i += 4)
    target.setUint32(OFFSET.data + i, random.chance(30) ? interesting(random) >>> 0 : random.next(), true);
  writeFx(random, target);
}

/** x87: a few valid values; XMM: integers, floats and doubles of all kinds; MXCSR as after reset. */
function writeFx(random: Random, target: DataView): void {
  for (let i = 0; i < 512; i += 4) target.setUint32(OFFSET.fx + i, 0, true);
  target.setUint16(OFFSET.fx, 0x037f, true);
  const top = random.below(8);
  target.setUint16(OFFSET.fx + 2, top << 11, true);
  target.setUint8(OFFSET.fx + 4, random.chance(60) ? 0xff : random.below(256));
  target.setUint32(OFFSET.fx + 24, 0x1f80, true);
  target.setUint32(OFFSET.fx + 28, 0xffff, true);
  for (let slot = 0; slot < 8; slot++) {
    const at = OFFSET.fx + 32 + slot * 16;
    const kind = random.below(8);
    target.setUint32(at, kind === 0 ? 0 : random.next(), true);
    target.setUint32(at + 4, (kind === 0 ? 0 : random.next() | 0x80000000) >>> 0, true);
    const exponent =
      kind === 0 ? 0 : kind === 1 ? 0x7fff : kind < 6 ? 0x3fff + random.below(64) - 32 : random.below(0x7fff);
    target.setUint16(at + 8, exponent | (random.chance(50) ? 0x8000 : 0), true);
  }
  for (let slot = 0; slot < 16; slot++) {
    const at = OFFSET.fx + 160 + slot * 16;
    const kind = random.below(6);
    for (let lane = 0; lane < 4; lane++) {
      let value = random.next();
      if (kind === 1) value = floatBits(random);
      if (kind === 2) value = interesting(random);
      if (kind === 3) value = lane % 2 === 0 ? random.next() : doubleHigh(random);
      target.setUint32(at + lane * 4, value >>> 0, true);
    }
  }
}

const SCRATCH = new DataView(new ArrayBuffer(8));
const SPECIAL = [
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  2,
  3,
  1e10,
  -1e10,
  Infinity,
  -Infinity,
  NaN,
  2147483648,
  -2147483648,
  4294967296,
  9.3e18,
  1e-40,
  123456.75,
];

function floatBits(random: Random): number {
  SCRATCH.setFloat32(0, random.chance(70) ? random.pick(SPECIAL) : (random.below(20000) - 10000) / 16);
  return SCRATCH.getUint32(0);
}

function doubleHigh(random: Random): number {
  SCRATCH.setFloat64(0, random.chance(70) ? random.pick(SPECIAL) : (random.below(20000) - 10000) / 16);
  return SCRATCH.getUint32(0);
}
