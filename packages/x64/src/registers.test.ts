import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import type { GuestMemory } from '@ringlet/microkernel';
import { compileCore, createMemory } from './core-loader.ts';
import { EXIT_BUDGET, EXIT_HALT } from './exits.ts';
import { FlatMachine } from './flat-machine.ts';
import { inspectVp } from './inspect.ts';
import { codeAt, linearToPhysical } from './linear.ts';
import { readRegisters } from './registers.ts';

const CODE = 0x40_0000;
const HLT = 0xf4;
let module: object;

beforeAll(async () => {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  module = compileCore(readFileSync(await buildCore()));
}, 120_000);

function machine(code: readonly number[]): { flat: FlatMachine; buffer: SharedArrayBuffer } {
  const memory = createMemory(320);
  const flat = new FlatMachine({ memory, module, ram: [{ address: CODE, bytes: 0x4000 }], space: 0x100_0000 });
  flat.bytes.set(code, flat.host(CODE));
  flat.rip = BigInt(CODE);
  return { flat, buffer: memory.buffer };
}

const reader =
  (flat: FlatMachine) =>
  (gpa: number, target: Uint8Array): boolean => {
    const at = flat.host(gpa);
    if (!(at > 0)) return false;
    target.set(flat.bytes.subarray(at, at + target.length));
    return true;
  };

test('the flags that nobody has asked for yet are worked out as the core does', () => {
  // add, sub, cmp and inc of bl, bx, ebx and rbx with al, ax, eax, rax; and a logical one.
  const sizes = (opcode: number): number[][] => [
    [opcode, 0xc3],
    [0x66, opcode + 1, 0xc3],
    [opcode + 1, 0xc3],
    [0x48, opcode + 1, 0xc3],
  ];
  const forms = [...sizes(0x00), ...sizes(0x28), ...sizes(0x38), [0x48, 0xff, 0xc3], [0x48, 0x21, 0xc3]];
  const values = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffff_ffff_ffffn];
  const seen = new Set<number>();
  for (const form of forms) {
    const { flat, buffer } = machine([...form, HLT]);
    for (const a of values) {
      for (const b of values) {
        flat.registers[0] = a;
        flat.registers[3] = b;
        flat.rip = BigInt(CODE);
        while (flat.run(100) === EXIT_BUDGET);
        const { rflags } = readRegisters(buffer, flat.state);
        seen.add(rflags);
        // The core settles them in its own memory as it answers: it is asked last.
        expect(rflags, `${form.join(' ')} of ${a}, ${b}`).toBe(flat.core.readFlags(flat.state));
      }
    }
  }
  expect(seen.size).toBeGreaterThan(10);
});

test('a processor shows its registers, its mode and the instruction that it is at', () => {
  // mov eax, 7; hlt
  const { flat, buffer } = machine([0xb8, 7, 0, 0, 0, HLT]);
  const memory = { read: reader(flat) } as unknown as GuestMemory;

  expect(inspectVp(buffer, flat.state, memory)).toMatchObject({
    rip: '0x400000',
    instruction: 'mov eax, 0x7',
    bits: 64,
    cpl: 0,
    registers: { rax: '0x0', cr0: '0x80000033', cr3: '0x1000000', rflags: '0x2' },
    segments: { cs: { selector: '0x0', limit: '0xffffffff', attributes: '0xa09b' } },
  });
  expect(flat.run(1000)).toBe(EXIT_HALT);
  expect(inspectVp(buffer, flat.state)).toMatchObject({ rip: '0x400006', registers: { rax: '0x7' } });
  expect(inspectVp(buffer, flat.state)).not.toHaveProperty('instruction');
});

test('an address is translated by large pages, small ones, PAE and two levels; what is not there is not', () => {
  const pages = new Map<number, DataView>();
  const page = (at: number): DataView => {
    if (!pages.has(at)) pages.set(at, new DataView(new ArrayBuffer(4096)));
    return pages.get(at)!;
  };
  const read = (gpa: number, target: Uint8Array): boolean => {
    const found = pages.get(gpa - (gpa % 4096));
    if (found) target.set(new Uint8Array(found.buffer, gpa % 4096, target.length));
    return found !== undefined;
  };
  const quad = (table: number, index: number, value: bigint): void => page(table).setBigUint64(index * 8, value, true);
  const word = (table: number, index: number, value: number): void => page(table).setUint32(index * 4, value, true);

  // Four levels at 0x1000: index 511, 511, then a 2 MiB page at 3 and a table at 4.
  quad(0x1000, 511, 0x2003n);
  quad(0x2000, 511, 0x3003n);
  quad(0x2000, 1, 0x4000_0083n);
  quad(0x3000, 3, 0x20_0083n);
  quad(0x3000, 4, 0x4003n);
  quad(0x4000, 5, 0x8000_0000_0000_9003n);
  const long = { cr0: 0x8000_0001n, cr3: 0x1000n, cr4: 0x20n, efer: 0x500n };
  expect(linearToPhysical(long, 0xffff_ffff_c060_1234n, read)).toBe(0x20_1234);
  expect(linearToPhysical(long, 0xffff_ffff_c080_5678n, read)).toBe(0x9678);
  expect(linearToPhysical(long, 0xffff_ff80_4012_3456n, read)).toBe(0x4012_3456);
  expect(linearToPhysical(long, 0xffff_ffff_c080_6000n, read)).toBeUndefined();
  expect(linearToPhysical(long, 0x1234n, read)).toBeUndefined();
  // No address of long mode, whatever its lower bits find.
  expect(linearToPhysical(long, 0x0000_ffff_c060_1234n, read)).toBeUndefined();
  // A table that is no memory.
  quad(0x1000, 0, 0x7f_f003n);
  expect(linearToPhysical(long, 0x1234n, read)).toBeUndefined();

  // PAE: pointers at 0x5020 (32-byte aligned), a 2 MiB page.
  quad(0x5000, 4 + 3, 0x6001n);
  quad(0x6000, 1, 0x60_0083n);
  expect(linearToPhysical({ ...long, cr3: 0x5020n, efer: 0n }, 0xc020_0abcn, read)).toBe(0x60_0abc);

  // Two levels: a table, and a page of 4 MiB above 4 GiB (PSE-36).
  word(0x7000, 1, 0x8003);
  word(0x8000, 2, 0x0012_3003);
  word(0x7000, 2, 0x0080_2083);
  const old = { cr0: 0x8000_0001n, cr3: 0x7000n, cr4: 0x10n, efer: 0n };
  expect(linearToPhysical(old, 0x40_2fffn, read)).toBe(0x12_3fff);
  expect(linearToPhysical(old, 0x80_0001n, read)).toBe(0x1_0080_0001);

  expect(linearToPhysical({ ...old, cr0: 1n }, 0x1_0000_1234n, read)).toBe(0x1234);
});

test('code at the end of what is mapped is as long as it is there', () => {
  const { flat, buffer } = machine([]);
  flat.rip = BigInt(CODE + 0x4000 - 3);
  const mapped = (gpa: number, target: Uint8Array): boolean =>
    (gpa < CODE || gpa + target.length <= CODE + 0x4000 || gpa >= 0x100_0000) && reader(flat)(gpa, target);
  expect(codeAt(readRegisters(buffer, flat.state), mapped)).toHaveLength(3);
});
