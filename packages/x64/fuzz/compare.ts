/** Runs cases on the core and compares with what the host's processor did. */
import { createMemory } from '../src/core-loader.ts';
import { FlatMachine } from '../src/flat-machine.ts';
import { EXIT_BUDGET, EXIT_EXCEPTION, EXIT_GPA_ACCESS, EXIT_PAUSE } from '../src/exits.ts';
import type { Tolerance } from './tolerance.ts';
import * as State from '../src/state.ts';
import { OFFSET } from './cases.ts';
import { enterPlace } from './enter-place.ts';
import { CODE, DATA, type Place, PLACES } from './place.ts';

const DATA_SIZE = 0x2000;
/** Bytes that are compared, see the harness. */
const COMPARED = DATA_SIZE - 8;
const WINDOW = 0x1000 - 128;
/** The status flags, and TF, IF, DF, IOPL, NT, AC and ID. */
const COMPARED_FLAGS = 0x247fd5;
/** Runs of the core for one case: each PAUSE ends one. */
const MOST_SLICES = 4000;
const CODE_BYTES = 0x1000;
const BY_NUMBER: readonly Place[] = Object.values(PLACES).sort((a, b) => a.number - b.number);

/** Signals by vector: what the host reports for an exception. */
const SIGNAL = { divide: 8, trap: 5, illegal: 4, segment: 11, bus: 7 } as const;

/** The core's side of a case. */
export class Subject {
  readonly #machine: FlatMachine;
  readonly #code: number;
  readonly #data: number;
  readonly #pristine: Uint8Array;
  readonly #dataBytes: Uint8Array;
  #place: Place = PLACES[64];
  instructions = 0;

  constructor(module: object) {
    const memory = createMemory(512);
    this.#machine = new FlatMachine({
      memory,
      module,
      ram: [
        { address: CODE, bytes: 0x1000 },
        { address: DATA, bytes: DATA_SIZE },
      ],
      space: 0x3000_0000,
    });
    this.#machine.protect(DATA, DATA_SIZE, 3);
    this.#code = this.#machine.host(CODE);
    this.#data = this.#machine.host(DATA);
    this.#pristine = Uint8Array.from({ length: DATA_SIZE }, (_, i) => (i * 7 + (i >> 8) * 13 + 3) & 255);
    this.#dataBytes = this.#machine.bytes.subarray(this.#data, this.#data + DATA_SIZE);
    this.#dataBytes.set(this.#pristine);
    enterPlace(this.#machine, this.#place);
  }

  /**
   * Runs the case in `input` and compares with `expected` (both CASE_SIZE bytes).
   * @returns what differs, '' for nothing
   */
  check(input: DataView, expected: DataView, tolerance: Tolerance): string {
    const machine = this.#machine;
    const { view, state } = machine;
    this.#load(input);
    const before = view.getUint32(state + State.INSTRUCTIONS, true);
    let exit: number = EXIT_BUDGET;
    for (let slice = 0; (exit === EXIT_BUDGET || exit === EXIT_PAUSE) && slice < MOST_SLICES; slice++)
      exit = machine.run(1000);
    this.instructions += view.getUint32(state + State.INSTRUCTIONS, true) - before;
    machine.setWord(State.SINGLE, 0);
    const problems: string[] = [];

    // How it ended.
    let vector = exit === EXIT_EXCEPTION ? machine.word(State.EXIT_INDEX) : exit === EXIT_GPA_ACCESS ? 14 : -exit;
    let { rip } = machine;
    if (vector === 13 && this.#atHalt(rip + BigInt(CODE - this.#place.code))) {
      vector = 3;
      rip++;
    }
    const signal = signalOf(vector);
    const hostSignal = expected.getUint32(144, true);
    const hostTrap = expected.getUint32(148, true);
    if (tolerance.faults.has(`${vector}/${hostTrap}`)) {
      this.#dataBytes.set(this.#pristine);
      return '';
    }
    if (signal !== hostSignal || (hostSignal !== SIGNAL.trap && vector !== 14 && vector !== hostTrap)) {
      problems.push(`ended by vector ${vector} (exit ${exit}), host by ${hostTrap} (signal ${hostSignal})`);
    }
    const hostRip = expected.getBigUint64(136, true);
    if (rip !== hostRip) problems.push(`rip ${rip.toString(16)}, host ${hostRip.toString(16)}`);

    for (let register = 0; register < 16; register++) {
      const low = view.getUint32(state + register * 8, true);
      // A return to a 16-bit stack segment leaves something there, and an interrupt may come at any time.
      const seen = register !== 4 || this.#place.bits !== 16;
      const high = seen ? view.getUint32(state + register * 8 + 4, true) : expected.getUint32(register * 8 + 4, true);
      if (low !== expected.getUint32(register * 8, true) || high !== expected.getUint32(register * 8 + 4, true)) {
        problems.push(`${NAMES[register]} ${hex(view, state + register * 8)}, host ${hex(expected, register * 8)}`);
      }
    }
    const flags = machine.core.readFlags(state) & COMPARED_FLAGS & ~tolerance.undefinedFlags;
    const hostFlags = expected.getUint32(OFFSET.flags, true) & COMPARED_FLAGS & ~tolerance.undefinedFlags;
    if (flags !== hostFlags) problems.push(`flags ${flagNames(flags)}, host ${flagNames(hostFlags)}`);
    this.#compareVectors(expected, problems);
    if (!(tolerance.halfDone && vector >= 12)) this.#compareData(expected, problems);
    else this.#dataBytes.set(this.#pristine);
    return problems.join('; ');
  }

  /** Whether the HLT behind the code, which user mode may not execute, is at a linear address. */
  #atHalt(linear: bigint): boolean {
    const at = Number(linear) - CODE;
    return at >= 0 && at < CODE_BYTES && this.#machine.bytes[this.#code + at] === 0xf4;
  }

  #load(input: DataView): void {
    const machine = this.#machine;
    const { view, bytes, state } = machine;
    const place = BY_NUMBER[input.getUint32(OFFSET.place, true)]!;
    if (place !== this.#place) {
      this.#place = place;
      enterPlace(machine, place);
    }
    bytes.set(new Uint8Array(input.buffer, input.byteOffset, 128), state);
    view.setBigUint64(state + State.RIP, BigInt(place.code), true);
    machine.core.writeFlags(state, input.getUint32(OFFSET.flags, true));
    machine.core.dropPage(state, this.#code);
    machine.setWord(State.DEBUG_PENDING, 0);
    bytes.fill(0xf4, this.#code, this.#code + CODE_BYTES);
    bytes.set(
      new Uint8Array(input.buffer, input.byteOffset + OFFSET.code, input.getUint32(OFFSET.length, true)),
      this.#code,
    );
    bytes.set(new Uint8Array(input.buffer, input.byteOffset + OFFSET.data, 256), this.#data + WINDOW);
    const fx = input.byteOffset + OFFSET.fx;
    for (let slot = 0; slot < 16; slot++) {
      bytes.set(new Uint8Array(input.buffer, fx + 160 + slot * 16, 16), state + State.XMM + slot * State.XMM_STRIDE);
    }
    machine.setWord(State.MXCSR, input.getUint32(OFFSET.fx + 24, true));
    const top = (input.getUint16(OFFSET.fx + 2, true) >> 11) & 7;
    view.setUint16(state + State.FPU_CONTROL, input.getUint16(OFFSET.fx, true), true);
    view.setUint16(state + State.FPU_STATUS, input.getUint16(OFFSET.fx + 2, true) & ~0x3800, true);
    view.setUint16(state + State.FPU_TOP, top, true);
    let tags = 0;
    for (let physical = 0; physical < 8; physical++) {
      const used = (input.getUint8(OFFSET.fx + 4) >> physical) & 1;
      const slot = (physical - top) & 7;
      const from = fx + 32 + slot * 16;
      bytes.set(new Uint8Array(input.buffer, from, 10), state + State.FPU_REGISTERS + physical * 16);
      tags |= (used !== 0 ? tagOf(input, OFFSET.fx + 32 + slot * 16) : 3) << (physical * 2);
    }
    view.setUint16(state + State.FPU_TAG, tags, true);
  }

  #compareVectors(expected: DataView, problems: string[]): void {
    const { view, state } = this.#machine;
    for (let slot = 0; slot < 16; slot++) {
      for (let half = 0; half < 16; half += 4) {
        if (
          view.getUint32(state + State.XMM + slot * 64 + half, true) ===
          expected.getUint32(OFFSET.fx + 160 + slot * 16 + half, true)
        )
          continue;
        const ours = state + State.XMM + slot * 64;
        const theirs = OFFSET.fx + 160 + slot * 16;
        problems.push(
          `xmm${slot} ${hex(view, ours + 8)}'${hex(view, ours)}, host ${hex(expected, theirs + 8)}'${hex(expected, theirs)}`,
        );
        break;
      }
    }
    const mxcsr = this.#machine.word(State.MXCSR);
    if (this.compareMxcsr && mxcsr !== expected.getUint32(OFFSET.fx + 24, true)) {
      problems.push(`mxcsr ${mxcsr.toString(16)}, host ${expected.getUint32(OFFSET.fx + 24, true).toString(16)}`);
    }
    const status = view.getUint16(state + State.FPU_STATUS, true);
    const top = view.getUint16(state + State.FPU_TOP, true) & 7;
    const word = status | (top << 11);
    if (word !== expected.getUint16(OFFSET.fx + 2, true))
      problems.push(`fpu status ${word.toString(16)}, host ${expected.getUint16(OFFSET.fx + 2, true).toString(16)}`);
    const control = view.getUint16(state + State.FPU_CONTROL, true);
    if (control !== expected.getUint16(OFFSET.fx, true))
      problems.push(`fpu control ${control.toString(16)}, host ${expected.getUint16(OFFSET.fx, true).toString(16)}`);
    const tags = view.getUint16(state + State.FPU_TAG, true);
    for (let physical = 0; physical < 8; physical++) {
      const used = ((tags >> (physical * 2)) & 3) !== 3 ? 1 : 0;
      if (used !== ((expected.getUint8(OFFSET.fx + 4) >> physical) & 1))
        problems.push(`fpu register ${physical} ${used !== 0 ? 'used' : 'free'}`);
      const slot = (physical - top) & 7;
      const ours = state + State.FPU_REGISTERS + physical * 16;
      const theirs = OFFSET.fx + 32 + slot * 16;
      if (
        view.getUint32(ours, true) !== expected.getUint32(theirs, true) ||
        view.getUint32(ours + 4, true) !== expected.getUint32(theirs + 4, true) ||
        view.getUint16(ours + 8, true) !== expected.getUint16(theirs + 8, true)
      ) {
        problems.push(
          `st${slot} ${view.getUint16(ours + 8, true).toString(16)}:${hex(view, ours)}, host ${expected.getUint16(theirs + 8, true).toString(16)}:${hex(expected, theirs)}`,
        );
      }
    }
  }

  /** Sticky exception flags of MXCSR are compared only when asked. */
  compareMxcsr = false;

  #compareData(expected: DataView, problems: string[]): void {
    const { view } = this.#machine;
    for (let i = 0; i < 256; i += 4) {
      const ours = view.getUint32(this.#data + WINDOW + i, true);
      const theirs = expected.getUint32(OFFSET.data + i, true);
      if (ours !== theirs)
        problems.push(`[${(DATA + WINDOW + i).toString(16)}] ${ours.toString(16)}, host ${theirs.toString(16)}`);
    }
    const own = expected.getUint32(172, true) !== 0 ? this.#hash() : 0;
    this.#dataBytes.set(this.#pristine.subarray(WINDOW, WINDOW + 256), WINDOW);
    const outside = Buffer.compare(this.#dataBytes.subarray(0, COMPARED), this.#pristine.subarray(0, COMPARED)) !== 0;
    if (outside !== (expected.getUint32(172, true) !== 0))
      problems.push(`data outside the window ${outside ? 'changed' : 'not changed'}`);
    else if (outside && own !== expected.getUint32(168, true)) problems.push('data outside the window differs');
    this.#dataBytes.set(this.#pristine);
  }

  #hash(): number {
    const { view } = this.#machine;
    let h = 2166136261 | 0;
    for (let i = 0; i < COMPARED; i += 4) h = Math.imul(h ^ view.getInt32(this.#data + i, true), 16777619);
    return h >>> 0;
  }
}

const NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];

function tagOf(view: DataView, at: number): number {
  const exponent = view.getUint16(at + 8, true) & 0x7fff;
  const high = view.getUint32(at + 4, true);
  if (exponent === 0) return high === 0 && view.getUint32(at, true) === 0 ? 1 : 2;
  return exponent === 0x7fff || high >>> 31 === 0 ? 2 : 0;
}

function signalOf(vector: number): number {
  if (vector === 0 || vector === 16 || vector === 19) return SIGNAL.divide;
  if (vector === 1 || vector === 3) return SIGNAL.trap;
  if (vector === 6) return SIGNAL.illegal;
  if (vector === 12 || vector === 17) return SIGNAL.bus;
  return vector === 5 || vector === 13 || vector === 14 ? SIGNAL.segment : -1;
}

function flagNames(flags: number): string {
  return (
    ['o', 's', 'z', 'a', 'p', 'c']
      .map((letter, i) => ((flags & [2048, 128, 64, 16, 4, 1][i]!) !== 0 ? letter.toUpperCase() : letter))
      .join('') +
    ((flags & 0x400) !== 0 ? 'D' : '') +
    ((flags & ~0xcd5) !== 0 ? ` ${(flags & ~0xcd5).toString(16)}` : '')
  );
}

function hex(view: DataView, at: number): string {
  return view.getBigUint64(at, true).toString(16).padStart(16, '0');
}
