/** Makes a case that differs as small as it can be and still differ: fewer instructions, plainer state. */
import { CASE_SIZE, OFFSET, writeCode, type Case } from './cases.ts';
import type { Subject } from './compare.ts';
import type { Instruction } from './generate.ts';
import { ENDLESS, runOnHost } from './harness.ts';
import { toleranceOf } from './tolerance.ts';

/** What is left of a case. */
export interface Minimal {
  readonly code: readonly number[];
  /** What still differs. */
  readonly difference: string;
  /** General registers and flags that matter, as text. */
  readonly state: string;
}

const REGISTERS = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
/** Interrupts on and the bit that is always set. */
const PLAIN_FLAGS = 0x202n;

/** Shrinks the case in `bytes` (CASE_SIZE of them, changed). */
export function minimise(harness: string, subject: Subject, given: Case, bytes: Uint8Array): Minimal {
  const view = new DataView(bytes.buffer, bytes.byteOffset, CASE_SIZE);
  let kept: readonly Instruction[] = given.instructions;
  let { tolerance } = given;
  const differs = (): string => {
    const [result] = runOnHost(harness, bytes);
    if (result === undefined) return 'the harness died';
    return result.getUint32(144, true) === ENDLESS ? '' : subject.check(view, result, tolerance);
  };
  let difference = differs();

  for (let index = kept.length - 1; index >= 0 && kept.length > 1; index--) {
    const fewer = kept.filter((_, i) => i !== index);
    const before = { bytes: bytes.slice(), tolerance };
    writeCode(
      view,
      fewer.flatMap((instruction) => instruction.bytes),
    );
    tolerance = toleranceOf(fewer);
    const still = differs();
    if (still !== '') [kept, difference] = [fewer, still];
    else {
      bytes.set(before.bytes);
      ({ tolerance } = before);
    }
  }

  const simplify = (at: number, plain: Uint8Array): void => {
    const before = bytes.slice(at, at + plain.length);
    if (plain.every((value, i) => value === before[i])) return;
    bytes.set(plain, at);
    const still = differs();
    if (still !== '') difference = still;
    else bytes.set(before, at);
  };
  for (let register = 0; register < 16; register++) simplify(register * 8, new Uint8Array(8));
  simplify(OFFSET.flags, new Uint8Array(new BigUint64Array([PLAIN_FLAGS]).buffer));
  simplify(OFFSET.data, new Uint8Array(256));
  for (let slot = 0; slot < 8; slot++) simplify(OFFSET.fx + 32 + slot * 16, new Uint8Array(16));
  for (let slot = 0; slot < 16; slot++) simplify(OFFSET.fx + 160 + slot * 16, new Uint8Array(16));
  return {
    code: Array.from(bytes.subarray(OFFSET.code, OFFSET.code + view.getUint32(OFFSET.length, true))),
    difference,
    state: stateText(view),
  };
}

function stateText(view: DataView): string {
  const registers = REGISTERS.map((name, i) => [name, view.getBigUint64(i * 8, true)] as const)
    .filter(([, value]) => value !== 0n)
    .map(([name, value]) => `${name}=${value.toString(16)}`);
  return [...registers, `rflags=${view.getBigUint64(OFFSET.flags, true).toString(16)}`].join(' ');
}
