import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { makeBzImage, makeElf, makePvhNote, refusal, testRam, type TestRam } from './boot-fixture.ts';
import { loadKernel, type LoadKernelOptions } from './load-kernel.ts';

const MIB = 2 ** 20;
const KERNEL = 0x20_0000;
const CODE = Uint8Array.of(0xf4, 0xeb, 0xfd);
const SEED = new Uint8Array(32).fill(7);
const PARAMETERS = 0x10000;

/** A kernel of three bytes that wants a page. */
const vmlinux = makeElf(KERNEL, [{ address: KERNEL, data: CODE, size: 0x1000 }]);
const bzImage = makeBzImage(new Uint8Array(gzipSync(vmlinux)));

function load(kernel: Uint8Array, options: Partial<LoadKernelOptions> = {}, ram: TestRam = testRam()) {
  const loaded = loadKernel({ kernel, memory: ram.memory, memoryBytes: ram.memoryBytes, ...options });
  return { ...loaded, ram };
}

test('a bzImage is decompressed, and started in 64-bit mode at its ELF entry', () => {
  const { entry, format, ram } = load(bzImage);
  expect(format).toBe('bzimage');
  expect(entry).toMatchObject({ mode: 'long', rip: KERNEL, registers: { rsi: PARAMETERS } });
  expect(Array.from(ram.bytes(KERNEL, 5))).toEqual([0xf4, 0xeb, 0xfd, 0, 0]);
  expect(ram.bytes(KERNEL + 0xfff, 1)[0]).toBe(0);
});

test('a bzImage may decompress itself: its code is loaded, and started at 0x200', () => {
  const { entry, ram } = load(bzImage, { entry: 'decompressor' });
  expect(entry.rip).toBe(KERNEL + 0x200);
  expect(ram.bytes(KERNEL, 1)[0]).toBe(0x90);
  expect(ram.u32(PARAMETERS + 0x260)).toBe(0x10_0000);
});

test('boot_params is zero but for the header and what the loader knows', () => {
  const { ram } = load(bzImage, { commandLine: 'quiet', initrd: new Uint8Array(5000).fill(9), randomSeed: SEED });
  expect(ram.bytes(PARAMETERS, 0x70).every((byte) => byte === 0)).toBe(true);
  expect(ram.u32(PARAMETERS + 0x202)).toBe(0x53726448);
  expect(ram.bytes(PARAMETERS + 0x1ef, 1)[0]).toBe(0);
  expect(ram.bytes(PARAMETERS + 0x210, 1)[0]).toBe(0xff);
  expect(ram.u64(PARAMETERS + 0x070)).toBe(0x80000n);
  expect(ram.text(ram.u32(PARAMETERS + 0x228))).toBe('quiet');

  const [image, size] = [ram.u32(PARAMETERS + 0x218), ram.u32(PARAMETERS + 0x21c)];
  expect([image, size]).toEqual([8 * MIB - 8192, 5000]);
  expect(ram.bytes(image, size).every((byte) => byte === 9)).toBe(true);

  const record = Number(ram.u64(PARAMETERS + 0x250));
  expect([ram.u64(record), ram.u32(record + 8), ram.u32(record + 12)]).toEqual([0n, 9, 32]);
  expect(ram.bytes(record + 16, 32)).toEqual(SEED);
});

test('the memory map in boot_params and the one of EFI say the same', () => {
  const { ram } = load(bzImage);
  const count = ram.bytes(PARAMETERS + 0x1e8, 1)[0]!;
  const e820 = Array.from({ length: count }, (_, i) => {
    const at = PARAMETERS + 0x2d0 + 20 * i;
    return [ram.u64(at), ram.u64(at + 8), ram.u32(at + 16)];
  });
  expect(e820).toEqual([
    [0n, 0x80000n, 1],
    [0x80000n, 0x20000n, 3],
    [0x10_0000n, 7n * BigInt(MIB), 1],
  ]);

  expect(ram.u32(PARAMETERS + 0x1c0)).toBe(0x3436_4c45);
  const [stride, version] = [ram.u32(PARAMETERS + 0x1c8), ram.u32(PARAMETERS + 0x1cc)];
  const [map, bytes] = [ram.u32(PARAMETERS + 0x1d0), ram.u32(PARAMETERS + 0x1d4)];
  expect([stride, version, bytes]).toEqual([48, 1, 3 * 48]);
  const efi = Array.from({ length: bytes / stride }, (_, i) => {
    const at = map + stride * i;
    return [ram.u64(at + 8), ram.u64(at + 24) * 4096n, { 7: 1, 9: 3 }[ram.u32(at)]];
  });
  expect(efi).toEqual(e820);
});

test('the EFI system table leads to the ACPI tables', () => {
  const { ram } = load(bzImage);
  const table = ram.u32(PARAMETERS + 0x1c4);
  expect(ram.u64(table)).toBe(0x5453_5953_2049_4249n);
  expect(ram.u64(table + 104)).toBe(1n);
  const configuration = Number(ram.u64(table + 112));
  expect(ram.u64(configuration + 16)).toBe(0x80000n);
  expect(ram.text(Number(ram.u64(configuration + 16)))).toContain('RSD PTR ');
});

test('page tables map the low 4 GiB to themselves, and segments are flat', () => {
  const { entry, ram } = load(bzImage);
  const walk = (address: number): bigint => {
    const pointers = ram.u64(entry.cr3) & ~0xfffn;
    const directory = ram.u64(Number(pointers) + 8 * Math.floor(address / 2 ** 30)) & ~0xfffn;
    const page = ram.u64(Number(directory) + 8 * (Math.floor(address / 2 ** 21) % 512));
    return (page & ~0x1f_ffffn) + BigInt(address % 2 ** 21);
  };
  expect(walk(0x1234_5678)).toBe(0x1234_5678n);
  expect(walk(0xffff_fff0)).toBe(0xffff_fff0n);
  expect(ram.u64(entry.gdtr.base + 0x10)).toBe(0x00af_9b00_0000_ffffn);
  expect(ram.u64(entry.gdtr.base + 0x18)).toBe(0x00cf_9300_0000_ffffn);
});

test('a vmlinux is started without a bzImage around it', () => {
  const { entry, format, ram } = load(vmlinux, { commandLine: 'x'.repeat(2047) });
  expect([format, entry.rip]).toEqual(['vmlinux', KERNEL]);
  expect([ram.u16(PARAMETERS + 0x1fe), ram.u32(PARAMETERS + 0x202)]).toEqual([0xaa55, 0x53726448]);
});

test('words for Linux go before the command line of Linux, and of nothing else', () => {
  const linux = { commandLine: 'quiet', linuxCommandLine: 'console=ttyS0 efi=noruntime' };
  for (const kernel of [bzImage, vmlinux]) {
    const { ram } = load(kernel, linux);
    expect(ram.text(ram.u32(PARAMETERS + 0x228))).toBe('console=ttyS0 efi=noruntime quiet');
  }
  const alone = load(bzImage, { linuxCommandLine: 'console=ttyS0' });
  expect(alone.ram.text(alone.ram.u32(PARAMETERS + 0x228))).toBe('console=ttyS0');

  const multiboot = load(makeElf(0x10_0000, [{ address: 0x10_0000, data: multibootHeader(3) }]), linux);
  const parameters = multiboot.entry.registers.rbx!;
  expect(multiboot.ram.text(multiboot.ram.u32(parameters + 16))).toBe('quiet');
  const note = { address: 0, data: makePvhNote(KERNEL + 1), kind: 'note' as const };
  const pvh = load(makeElf(KERNEL, [{ address: KERNEL, data: CODE }, note]), { ...linux, entry: 'pvh' });
  expect(pvh.ram.text(Number(pvh.ram.u64(pvh.entry.registers.rbx! + 24)))).toBe('quiet');
});

test('PVH starts at the entry of the note in 32-bit mode, with start_info in EBX', () => {
  const kernel = makeElf(KERNEL, [
    { address: KERNEL, data: CODE },
    { address: 0, data: makePvhNote(KERNEL + 1), kind: 'note' },
  ]);
  const { entry, format, ram } = load(kernel, { entry: 'pvh', commandLine: 'quiet', initrd: CODE });
  expect(format).toBe('pvh');
  expect(entry).toMatchObject({ mode: 'protected', rip: KERNEL + 1, cr0: 0x11, cr4: 0, efer: 0 });
  const info = entry.registers.rbx!;
  expect([ram.u32(info), ram.u32(info + 4), ram.u32(info + 12)]).toEqual([0x336e_c578, 1, 1]);
  expect(ram.text(Number(ram.u64(info + 24)))).toBe('quiet');
  const module = Number(ram.u64(info + 16));
  expect(Array.from(ram.bytes(Number(ram.u64(module)), Number(ram.u64(module + 8))))).toEqual(Array.from(CODE));
  const map = Number(ram.u64(info + 40));
  expect([ram.u32(info + 48), ram.u64(map), ram.u64(map + 8), ram.u32(map + 16)]).toEqual([3, 0n, 0x80000n, 1]);
});

test('a kernel without a PVH note cannot be entered by PVH', () => {
  expect(refusal(() => load(vmlinux, { entry: 'pvh' }))).toBe('kernel-unsupported');
});

/** A Multiboot header with its checksum, and addresses where given. */
function multibootHeader(flags: number, ...addresses: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.of(0x1bad_b002, flags, -(0x1bad_b002 + flags), ...addresses).buffer);
}

test('a Multiboot kernel is started in 32-bit mode with its information in EBX', () => {
  const kernel = makeElf(0x10_0000, [{ address: 0x10_0000, data: multibootHeader(3) }]);
  const { entry, format, ram } = load(kernel, { commandLine: 'test 1', initrd: CODE });
  expect(format).toBe('multiboot');
  expect(entry).toMatchObject({ mode: 'protected', rip: 0x10_0000, registers: { rax: 0x2bad_b002 } });
  const info = entry.registers.rbx!;
  expect([ram.u32(info) & 0x4d, ram.u32(info + 4), ram.u32(info + 8)]).toEqual([0x4d, 640, 7 * 1024]);
  expect(ram.text(ram.u32(info + 16))).toBe('test 1');
  expect(ram.text(ram.u32(info + 64))).toBe('Ringlet');
  const module = ram.u32(info + 24);
  expect([ram.u32(info + 20), ram.u32(module + 4) - ram.u32(module)]).toEqual([1, 3]);
  const map = ram.u32(info + 48);
  expect([ram.u32(info + 44), ram.u32(map), ram.u64(map + 4), ram.u64(map + 12), ram.u32(map + 20)]).toEqual([
    72,
    20,
    0n,
    0x80000n,
    1,
  ]);
});

test('a Multiboot kernel that is no ELF file is loaded by the addresses in its header', () => {
  const [at, load0] = [16, 0x10_0000];
  const header = multibootHeader(1 << 16, load0 + at, load0, 0, load0 + 0x2000, load0 + 4);
  const { entry, ram } = load(Buffer.concat([new Uint8Array(at).fill(0x90), header]));
  expect(entry.rip).toBe(load0 + 4);
  expect(ram.u32(load0)).toBe(0x9090_9090);
  expect(ram.u32(load0 + 0x1ffc)).toBe(0);
});

test.each([
  ['its load end lies outside', [0x10_0010, 0x10_0000, 0x20_0000, 0, 0x10_0000]],
  ['it starts before the file', [0x10_0020, 0x10_0000, 0, 0, 0x10_0000]],
  ['its entry lies outside', [0x10_0010, 0x10_0000, 0, 0, 0x30_0000]],
])('a Multiboot header is refused when %s', (_, addresses) => {
  const kernel = Buffer.concat([new Uint8Array(16), multibootHeader(1 << 16, ...addresses)]);
  expect(refusal(() => load(kernel))).toBe('file-damaged');
});

test('a Multiboot kernel that asks for a video mode is refused', () => {
  const kernel = makeElf(0x10_0000, [{ address: 0x10_0000, data: multibootHeader(1 << 2) }]);
  expect(refusal(() => load(kernel))).toBe('kernel-unsupported');
});

test('a flat binary starts at its first byte in the mode asked for', () => {
  const real = load(CODE, { flat: { address: 0x7c00, mode: 'real' } });
  expect(real.entry).toMatchObject({ mode: 'real', rip: 0x7c00, cr0: 0x10, cs: { base: 0, limit: 0xffff } });
  const wide = load(CODE, { flat: { address: 0x10_0000, mode: 'protected' } });
  expect(wide.entry).toMatchObject({ mode: 'protected', cs: { selector: 0x10, limit: 0xffff_ffff } });
  const long = load(CODE, { flat: { address: 0x10_0000, mode: 'long' } });
  expect(long.entry).toMatchObject({ mode: 'long', efer: 0x500, cr4: 0x20, registers: { rsp: 0x10000 } });
});

test('an initial RAM disk stays below what the kernel can reach, and off the kernel', () => {
  const low = makeBzImage(new Uint8Array(gzipSync(vmlinux)), { ramdiskMaximum: 4 * MIB - 1 });
  const { ram } = load(low, { initrd: new Uint8Array(MIB) });
  expect(ram.u32(PARAMETERS + 0x218)).toBe(3 * MIB);

  const tight = makeBzImage(new Uint8Array(gzipSync(vmlinux)), { ramdiskMaximum: KERNEL + 0x1fff });
  const below = load(tight, { initrd: new Uint8Array(0.5 * MIB) });
  expect(below.ram.u32(PARAMETERS + 0x218)).toBe(KERNEL - 0.5 * MIB);
});

test('loading again over what a guest left behind gives the same memory', () => {
  const ram = testRam();
  load(bzImage, { commandLine: 'first time, and a long one' }, ram);
  load(bzImage, { commandLine: 'quiet' }, ram);
  expect(ram.text(ram.u32(PARAMETERS + 0x228))).toBe('quiet');
});

test.each([
  ['memory-too-small', () => load(makeElf(8 * MIB, [{ address: 8 * MIB, data: CODE }]))],
  ['memory-too-small', () => load(bzImage, { initrd: new Uint8Array(7 * MIB) })],
  ['memory-size', () => load(bzImage, { memoryBytes: 1000 })],
  ['command-line', () => load(bzImage, { commandLine: 'x'.repeat(2048) })],
  ['command-line', () => load(bzImage, { commandLine: 'a\0b' })],
  ['kernel-unknown', () => load(new Uint8Array(4096))],
  ['kernel-unknown', () => load(new Uint8Array(0))],
  ['file-damaged', () => load(makeBzImage(new Uint8Array(gzipSync('no ELF file'))))],
  ['boot-overlap', () => load(makeElf(PARAMETERS, [{ address: PARAMETERS, data: CODE }]))],
  ['kernel-address', () => load(CODE, { flat: { address: 0x10_0000, mode: 'real' } })],
  ['kernel-address', () => load(CODE, { flat: { address: -1, mode: 'long' } })],
  ['processors', () => load(bzImage, { processors: 0 })],
  ['processors', () => load(bzImage, { processors: 5000 })],
  ['random-seed', () => load(bzImage, { randomSeed: new Uint8Array(0) })],
])('refused with the code %s', (code, action) => {
  expect(refusal(action)).toBe(code);
});

test('the tables of as many processors as can be asked for fit their place', () => {
  expect(load(bzImage, { processors: 4096 }).format).toBe('bzimage');
});
