/**
 * A PC firmware of a few dozen instructions: it brings an emulated processor from reset into an entry state, so that
 * another machine than ours can be asked whether what the loader left is right.
 *
 *     ffff_0000  real mode: to 32-bit mode        ffff_0040  32-bit: control registers, the loader's descriptor table
 *     ffff_0100  data segments and registers, jump to the kernel
 *     ffff_0200  descriptors for this code        ffff_0300  table registers        ffff_fff0  reset
 */
import type { EntryState } from '../../../src/boot/entry-state.ts';

const SIZE = 0x1_0000;
const BASE = 0xffff_0000;
const PROTECTED = 0x40;
const LAST = 0x100;
const DESCRIPTORS = 0x200;
const OWN_TABLE = 0x300;
const LOADER_TABLE = 0x310;
const EFER = 0xc000_0080;

/** Makes the firmware for an entry in 32- or 64-bit mode. */
export function bootRom(entry: EntryState): Buffer {
  const rom = Buffer.alloc(SIZE);
  rom.writeBigUInt64LE(0x00cf_9b00_0000_ffffn, DESCRIPTORS + 8);
  rom.writeBigUInt64LE(0x00cf_9300_0000_ffffn, DESCRIPTORS + 16);
  writeTable(rom, OWN_TABLE, { base: BASE + DESCRIPTORS, limit: 23 });
  writeTable(rom, LOADER_TABLE, entry.gdtr);
  // cli; lgdt cs:[OWN_TABLE]; mov eax, cr0; or al, 1; mov cr0, eax; jmp 8:PROTECTED
  put(rom, 0, [0xfa, 0x2e, 0x66, 0x0f, 0x01, 0x16, ...u16(OWN_TABLE)]);
  put(rom, 8, [0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, 0x66, 0xea, ...u32(BASE + PROTECTED), 8, 0]);
  const modes = [
    dataSegments(0x10),
    entry.mode === 'long' ? paging(entry) : [],
    // lgdt cs:[LOADER_TABLE]; jmp selector:LAST
    [0x2e, 0x0f, 0x01, 0x15, ...u32(BASE + LOADER_TABLE)],
    [0xea, ...u32(BASE + LAST), ...u16(entry.cs.selector)],
  ];
  put(rom, PROTECTED, modes.flat());
  put(rom, LAST, last(entry));
  // jmp 0
  put(rom, 0xfff0, [0xe9, 0x0d, 0x00]);
  return rom;
}

/** CR4, CR3, EFER.LME and CR0 in the order that turns long mode on. */
function paging(entry: EntryState): number[] {
  return [
    [0xb8, ...u32(entry.cr4), 0x0f, 0x22, 0xe0],
    [0xb8, ...u32(entry.cr3), 0x0f, 0x22, 0xd8],
    [0xb9, ...u32(EFER), 0x0f, 0x32, 0x0d, ...u32(0x100), 0x0f, 0x30],
    [0xb8, ...u32(entry.cr0), 0x0f, 0x22, 0xc0],
  ].flat();
}

/** The loader's segments and registers, then the kernel. The same bytes do in 32- and 64-bit mode, but for the jump. */
function last(entry: EntryState): number[] {
  const { rax = 0, rbx = 0, rsp = 0, rsi = 0 } = entry.registers;
  return [
    dataSegments(entry.data.selector),
    [0xbb, ...u32(rbx), 0xbc, ...u32(rsp), 0xbe, ...u32(rsi)],
    entry.mode === 'long'
      ? [0xb8, ...u32(entry.rip), 0xff, 0xe0]
      : [0xb8, ...u32(rax), 0xea, ...u32(entry.rip), ...u16(entry.cs.selector)],
  ].flat();
}

/** mov ax, selector; mov ds, es, ss, fs, gs, ax */
function dataSegments(selector: number): number[] {
  return [0x66, 0xb8, ...u16(selector), ...[0xd8, 0xc0, 0xd0, 0xe0, 0xe8].flatMap((to) => [0x8e, to])];
}

function writeTable(rom: Buffer, at: number, { base, limit }: { base: number; limit: number }): void {
  rom.writeUInt16LE(limit, at);
  rom.writeUInt32LE(base, at + 2);
}

function put(rom: Buffer, at: number, code: readonly number[]): void {
  Buffer.from(code).copy(rom, at);
}

function u16(value: number): number[] {
  return [value & 0xff, value >> 8];
}

function u32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
