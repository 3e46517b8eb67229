import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileCore, createMemory } from './core-loader.ts';
import { EXIT_BUDGET, EXIT_EXCEPTION, EXIT_HALT } from './exits.ts';
import { FlatMachine } from './flat-machine.ts';
import { inspectVp } from './inspect.ts';
import * as State from './state.ts';

const CODE = 0x40_0000;
let module: object;

beforeAll(async () => {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  module = compileCore(readFileSync(await buildCore()));
}, 120_000);

function machine(code: readonly number[], at = CODE): FlatMachine {
  const memory = createMemory(320);
  const flat = new FlatMachine({ memory, module, ram: [{ address: CODE, bytes: 0x4000 }], space: 0x100_0000 });
  flat.bytes.set(code, flat.host(at));
  flat.rip = BigInt(at);
  return flat;
}

function finish(flat: FlatMachine): number {
  let exit: number = EXIT_BUDGET;
  for (let slice = 0; exit === EXIT_BUDGET && slice < 1000; slice++) exit = flat.run(1000);
  return exit;
}

describe('a flat machine', () => {
  test('runs a loop of mov, add, dec, jnz and stops at hlt', () => {
    // mov eax, 1; mov ecx, 1000; L: add rax, rcx; dec ecx; jnz L; hlt
    const flat = machine([0xb8, 1, 0, 0, 0, 0xb9, 0xe8, 3, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xf4]);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.registers[0]).toBe(500_501n);
    expect(flat.rip).toBe(BigInt(CODE + 18));
    expect(flat.view.getBigUint64(flat.state + State.INSTRUCTIONS, true)).toBe(3003n);
  });

  test('runs an instruction that lies in two pages', () => {
    // mov eax, 0x12345678 with its opcode as the last byte of a page; hlt
    const flat = machine([0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4], CODE + 0xfff);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.registers[0]).toBe(0x12345678n);
  });

  test('an opcode that its modrm byte chooses may end a page with that byte in the next', () => {
    // mov eax, 7; movd xmm2, eax; pslldq xmm2, 3 with the last two bytes in the next page; movd eax, xmm2; hlt
    const code = [0xb8, 7, 0, 0, 0, 0x66, 0x0f, 0x6e, 0xd0, 0x66, 0x0f, 0x73, 0xfa, 3, 0x66, 0x0f, 0x7e, 0xd0, 0xf4];
    const flat = machine(code, CODE + 0x1000 - 12);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.registers[0]).toBe(0x0700_0000n);
  });

  test('page tables above 4 GiB get their accessed and dirty bits', () => {
    // mov [0x401000], eax; hlt
    const flat = machine([0x89, 0x04, 0x25, 0x00, 0x10, 0x40, 0x00, 0xf4]);
    const space = 0x100_0000;
    const pages = 0x10_0003;
    // A second-level table of its own, at the end of the memory, with the page tables behind the first 4 GiB.
    const table = new Uint32Array(flat.bytes.buffer, flat.bytes.length - pages * 4, pages);
    for (let page = 0; page < space / 0x1000; page++) table[page] = flat.host(page * 0x1000) | 7;
    for (let page = 0; page < 3; page++) table[0x10_0000 + page] = flat.host(space + page * 0x1000) | 7;
    flat.setWord(State.SLAT_TABLE, table.byteOffset);
    flat.setWord(State.SLAT_PAGES, pages);
    const tables = flat.host(space);
    for (const level of [0, 1]) {
      flat.view.setUint32(tables + level * 0x1000, ((level + 1) * 0x1000) | 7, true);
      flat.view.setUint32(tables + level * 0x1000 + 4, 1, true);
    }
    const entry = tables + 0x2000 + 2 * 8;
    flat.view.setUint32(entry, 0x40_0087, true);
    flat.setWord(State.CR3, 0);
    flat.setWord(State.CR3 + 4, 1);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.view.getUint32(entry, true) & 0x60).toBe(0x60);
    expect([0, 1].map((level) => flat.view.getUint32(tables + level * 0x1000, true) & 0x20)).toEqual([0x20, 0x20]);
  });

  test('sees code that it has just changed, even in the same block', () => {
    // mov byte [rip + 1], 7; mov al, 1 (its immediate is what the store changes); hlt
    const flat = machine([0xc6, 0x05, 1, 0, 0, 0, 7, 0xb0, 1, 0xf4]);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.registers[0]! & 0xffn).toBe(7n);
  });

  test('sees code that a device has changed, once mappings changed', () => {
    // mov eax, 1; hlt
    const flat = machine([0xb8, 1, 0, 0, 0, 0xf4]);
    finish(flat);

    flat.bytes[flat.host(CODE + 1)] = 2;
    flat.core.flushJumpCache(flat.state);
    flat.rip = BigInt(CODE);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.registers[0]).toBe(2n);
  });

  test('reports an undefined opcode at its address, with everything before it done', () => {
    // mov eax, 5; ud2
    const flat = machine([0xb8, 5, 0, 0, 0, 0x0f, 0x0b]);

    expect(finish(flat)).toBe(EXIT_EXCEPTION);
    expect(flat.word(State.EXIT_INDEX)).toBe(6);
    expect(flat.rip).toBe(BigInt(CODE + 5));
    expect(flat.registers[0]).toBe(5n);
  });

  test.each([
    ['vaddps xmm0, xmm0, xmm1', [0xc5, 0xf8, 0x58, 0xc1], { 'C5 (VEX)': 1 }],
    ['movbe eax, [rbx]', [0x0f, 0x38, 0xf0, 0x03], { '0F 38 F0': 1 }],
    ['getsec', [0x0f, 0x37], { '0F 37': 1 }],
    // There is a MOV, only not with LOCK.
    ['lock mov eax, ebx', [0xf0, 0x89, 0xd8], {}],
    ['ud2', [0x0f, 0x0b], {}],
  ])('counts what there is not by its name: %s', (_, code, counted) => {
    const flat = machine(code);

    expect(finish(flat)).toBe(EXIT_EXCEPTION);
    expect(flat.word(State.EXIT_INDEX)).toBe(6);
    expect(inspectVp(flat.view.buffer as SharedArrayBuffer, flat.state).unimplemented).toEqual(counted);
  });

  test('leaves for memory that is not there, and finishes the access with the answer it gets', () => {
    // mov eax, [rbx]; add eax, eax; hlt
    const flat = machine([0x8b, 0x03, 0x01, 0xc0, 0xf4]);
    flat.registers[3] = 0x80_0010n;

    expect(finish(flat)).toBe(4);
    expect(flat.word(State.EXIT_GPA)).toBe(0x80_0010);
    expect(flat.word(State.EXIT_SIZE)).toBe(4);
    flat.view.setBigUint64(flat.state + State.MMIO_READS, 0x80_0010n, true);
    flat.view.setBigUint64(flat.state + State.MMIO_READS + 8, 0x21n, true);
    flat.setWord(State.MMIO_READ_COUNT, 1);

    expect(finish(flat)).toBe(EXIT_HALT);
    expect(flat.registers[0]).toBe(0x42n);
  });
});
