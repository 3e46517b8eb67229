/** State of the x87 and vector units in memory, their exceptions, and the short way of ordinary arithmetic. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileCore, createMemory } from '../src/core-loader.ts';
import { EXIT_BUDGET, EXIT_EXCEPTION, EXIT_HALT } from '../src/exits.ts';
import { FlatMachine } from '../src/flat-machine.ts';
import * as State from '../src/state.ts';

const CODE = 0x40_0000;
/** RBX of every machine: a page border is 0x100 bytes above it. */
const DATA = CODE + 0x2f00;
const HLT = 0xf4;
let module: object;

beforeAll(async () => {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  module = compileCore(readFileSync(await buildCore()));
}, 120_000);

function machine(...code: readonly number[]): FlatMachine {
  const flat = new FlatMachine({
    memory: createMemory(320),
    module,
    ram: [{ address: CODE, bytes: 0x5000 }],
    space: 0x100_0000,
  });
  flat.bytes.set([...code, HLT], flat.host(CODE));
  flat.rip = BigInt(CODE);
  flat.registers[3] = BigInt(DATA);
  // As after FNINIT, MXCSR as after reset.
  flat.view.setUint16(flat.state + State.FPU_CONTROL, 0x37f, true);
  flat.view.setUint16(flat.state + State.FPU_TAG, 0xffff, true);
  flat.setWord(State.MXCSR, 0x1f80);
  return flat;
}

function finish(flat: FlatMachine): string {
  let exit: number = EXIT_BUDGET;
  for (let slice = 0; exit === EXIT_BUDGET && slice < 100; slice++) exit = flat.run(1000);
  if (exit === EXIT_EXCEPTION) return `vector ${flat.word(State.EXIT_INDEX)} at +${flat.rip - BigInt(CODE)}`;
  return exit === EXIT_HALT ? 'halted' : `exit ${exit}`;
}

/** `count` bytes of guest memory as hexadecimal words of `size` bytes. */
function words(flat: FlatMachine, address: number, count: number, size: 2 | 4): string[] {
  return Array.from({ length: count }, (_, i) => {
    const at = flat.host(address + i * size);
    return (size === 2 ? flat.view.getUint16(at, true) : flat.view.getUint32(at, true)).toString(16);
  });
}

describe('the x87 in memory', () => {
  test('FNSTENV shows kinds of registers, where the last instruction was, and masks every exception', () => {
    // fldz; fld1; fnstenv [rbx]; fnstcw [rbx + 0x40]
    const flat = machine(0xd9, 0xee, 0xd9, 0xe8, 0xd9, 0x33, 0xd9, 0x7b, 0x40);
    flat.view.setUint16(flat.state + State.FPU_CONTROL, 0x340, true);

    expect(finish(flat)).toBe('halted');
    const [control, status, tags, ip, , ,] = words(flat, DATA, 7, 4);
    expect([control, status, tags, ip]).toEqual(['ffff0340', 'ffff3000', 'ffff4fff', (CODE + 2).toString(16)]);
    expect(words(flat, DATA + 0x40, 1, 2)).toEqual(['37f']);
  });

  test('FNSAVE empties the unit and FRSTOR brings it back, in 14 and 28 byte forms, across a page border', () => {
    for (const prefix of [[], [0x66]]) {
      // fldpi; fld1; fnsave [rbx + 0xc0]; frstor [rbx + 0xc0]; fstp st1; fstp tbyte [rbx]
      const flat = machine(
        0xd9,
        0xeb,
        0xd9,
        0xe8,
        ...prefix,
        0xdd,
        0xb3,
        0xc0,
        0,
        0,
        0,
        ...prefix,
        0xdd,
        0xa3,
        0xc0,
        0,
        0,
        0,
        0xdb,
        0x3b,
      );

      expect(finish(flat)).toBe('halted');
      expect(words(flat, DATA, 5, 2)).toEqual(['0', '0', '0', '8000', '3fff']);
      expect(words(flat, DATA + 0xc0, 1, 2)).toEqual(['37f']);
      expect(flat.view.getUint16(flat.state + State.FPU_TOP, true)).toBe(7);
    }
  });

  test('FXSAVE keeps both units and FXRSTOR brings them back, in 32- and 64-bit forms', () => {
    for (const rex of [[], [0x48]]) {
      // fldpi; fxsave [rbx + 0x80]; fninit; pxor xmm9, xmm9; fxrstor [rbx + 0x80]
      const flat = machine(
        0xd9,
        0xeb,
        ...rex,
        0x0f,
        0xae,
        0x83,
        0x80,
        0,
        0,
        0,
        0xdb,
        0xe3,
        0x66,
        0x45,
        0x0f,
        0xef,
        0xc9,
        ...rex,
        0x0f,
        0xae,
        0x8b,
        0x80,
        0,
        0,
        0,
      );
      flat.view.setBigUint64(flat.state + State.XMM + 9 * State.XMM_STRIDE, 0x1122334455667788n, true);

      expect(finish(flat)).toBe('halted');
      expect(words(flat, DATA + 0x80, 3, 2)).toEqual(['37f', '3800', '80']);
      expect(words(flat, DATA + 0x80 + 24, 2, 4)).toEqual(['1f80', 'ffff']);
      expect(flat.view.getUint16(flat.state + State.FPU_TAG, true)).toBe(0x3fff);
      expect(flat.view.getBigUint64(flat.state + State.FPU_REGISTERS + 7 * 16, true)).toBe(0xc90fdaa22168c235n);
      expect(flat.view.getBigUint64(flat.state + State.XMM + 9 * State.XMM_STRIDE, true)).toBe(0x1122334455667788n);
    }
  });

  test('FXSAVE and FXRSTOR want 16-byte alignment, and FXRSTOR and LDMXCSR refuse bits that MXCSR does not have', () => {
    expect(finish(machine(0x0f, 0xae, 0x43, 0x08))).toBe('vector 13 at +0');
    const restore = machine(0x0f, 0xae, 0x0b);
    restore.view.setUint32(restore.host(DATA + 24), 0x10000, true);
    expect(finish(restore)).toBe('vector 13 at +0');
    const load = machine(0x0f, 0xae, 0x13);
    load.view.setUint32(load.host(DATA), 0x11f80, true);
    expect(finish(load)).toBe('vector 13 at +0');
    expect(load.word(State.MXCSR)).toBe(0x1f80);
  });
});

describe('exceptions', () => {
  test('an unmasked exception of the x87 is #MF at the next instruction that waits, not before', () => {
    // fld1; fldz; fdivp; fnstsw ax; fwait
    const flat = machine(0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xdf, 0xe0, 0x9b);
    flat.view.setUint16(flat.state + State.FPU_CONTROL, 0x37b, true);

    expect(finish(flat)).toBe('vector 16 at +8');
    expect(flat.registers[0]! & 0xffffn).toBe(0xb084n);
  });

  test('CR0.TS is #NM for all units, CR0.EM #NM for the x87 and #UD for vectors, CR0.MP with TS #NM for WAIT', () => {
    const withCr0 = (bits: number, ...code: number[]): string => {
      const flat = machine(...code);
      flat.setWord(State.CR0, 0x80000031 | bits);
      return finish(flat);
    };
    const fld1 = [0xd9, 0xe8];
    const pxorMmx = [0x0f, 0xef, 0xc0];
    const pxor = [0x66, 0x0f, 0xef, 0xc0];

    expect([fld1, pxorMmx, pxor, [0x9b]].map((code) => withCr0(8, ...code))).toEqual([
      'vector 7 at +0',
      'vector 7 at +0',
      'vector 7 at +0',
      'halted',
    ]);
    expect([fld1, pxorMmx, pxor].map((code) => withCr0(4, ...code))).toEqual([
      'vector 7 at +0',
      'vector 6 at +0',
      'vector 6 at +0',
    ]);
    expect(withCr0(10, 0x9b)).toBe('vector 7 at +0');
  });

  test('an unmasked exception of SSE is #XM with its flag set and no result; #UD without CR4.OSXMMEXCPT', () => {
    for (const [cr4, vector] of [
      [0x620, 19],
      [0x220, 6],
    ] as const) {
      // divsd xmm0, xmm1 with 1 / 0
      const flat = machine(0xf2, 0x0f, 0x5e, 0xc1);
      flat.view.setFloat64(flat.state + State.XMM, 1, true);
      flat.setWord(State.CR4, cr4);
      flat.setWord(State.MXCSR, 0x1d80);

      expect(finish(flat)).toBe(`vector ${vector} at +0`);
      expect(flat.word(State.MXCSR)).toBe(0x1d84);
      expect(flat.view.getFloat64(flat.state + State.XMM, true)).toBe(1);
    }
  });
});

describe('approximations', () => {
  test('RCPPS and RSQRTPS are within the error that manuals allow', () => {
    // rcpps xmm0, xmm2; rsqrtps xmm1, xmm2
    const values = [1, 3, 1e-20, 7e30];
    const flat = machine(0x0f, 0x53, 0xc2, 0x0f, 0x52, 0xca);
    values.forEach((value, i) =>
      flat.view.setFloat32(flat.state + State.XMM + 2 * State.XMM_STRIDE + i * 4, value, true),
    );

    expect(finish(flat)).toBe('halted');
    values.forEach((value, i) => {
      const reciprocal = flat.view.getFloat32(flat.state + State.XMM + i * 4, true);
      const root = flat.view.getFloat32(flat.state + State.XMM + State.XMM_STRIDE + i * 4, true);
      expect(Math.abs(reciprocal * value - 1)).toBeLessThan(1.5 * 2 ** -12);
      expect(Math.abs(root * Math.sqrt(value) - 1)).toBeLessThan(1.5 * 2 ** -12);
    });
  });
});
