/**
 * What the loader leaves, tried on a machine that is not ours: QEMU starts it, Linux reads every table and reports what
 * it found. Skips without QEMU, or where Debian's kernels cannot be had.
 */
import { describe, expect, test } from 'vitest';
import { makeElf } from '../../src/boot/boot-fixture.ts';
import { FileKind, writeCpio } from '../../src/boot/archive/cpio.ts';
import { debianKernel } from './support/debian-kernels.ts';
import { QEMU, runInQemu } from './support/qemu.ts';
import { lacking } from './support/tools.ts';

const noQemu = lacking(QEMU);
const missing = lacking(QEMU, 'apt-get', 'dpkg-deb');
const cloud = missing === '' ? debianKernel('cloud-amd64')?.image : undefined;
const generic = missing === '' ? debianKernel('amd64')?.image : undefined;

/** There is no timer that Linux could measure the TSC by, so it is told. */
const COMMAND_LINE =
  'console=ttyS0 efi=noruntime reboot=acpi panic=-1 cryptomgr.notests tsc_early_khz=2500000 tsc=reliable';

/** Where a segment lies that follows its file's headers: offset and address have to agree within a page. */
const INIT_ADDRESS = 0x40_0000 + 64 + 56;
const HELLO = 'hello from the initial RAM disk\n';

/** The first program: write(1, HELLO), tcdrain(1), reboot(RESTART). */
const INIT_CODE = [
  [0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35, 50, 0, 0, 0, 0xba, HELLO.length, 0, 0, 0, 0x0f, 0x05],
  [0xb8, 16, 0, 0, 0, 0xbe, 0x09, 0x54, 0, 0, 0xba, 1, 0, 0, 0, 0x0f, 0x05],
  [0xb8, 169, 0, 0, 0, 0xbf, 0xad, 0xde, 0xe1, 0xfe, 0xbe, 0x69, 0x19, 0x12, 0x28, 0xba, 0x67, 0x45, 0x23, 0x01],
  [0x0f, 0x05, 0xeb, 0xfe, 0x90, 0x90],
].flat();
const init = makeElf(INIT_ADDRESS, [
  { address: INIT_ADDRESS, data: Buffer.concat([Buffer.from(INIT_CODE), Buffer.from(HELLO)]) },
]);
const initrd = writeCpio([
  { name: 'dev', mode: FileKind.Directory | 0o755 },
  { name: 'dev/console', mode: FileKind.CharacterDevice | 0o600, device: [5, 1] },
  { name: 'init', mode: FileKind.Regular | 0o755, data: init },
]);

describe(`Linux${missing}`, () => {
  test.skipIf(cloud === undefined)(
    'started directly, it finds tables, processors, devices and its RAM disk',
    async () => {
      const { output, reset } = await runInQemu({
        kernel: cloud!,
        initrd,
        commandLine: COMMAND_LINE,
        randomSeed: new Uint8Array(32).fill(1),
        processors: 2,
      });
      expect(output).toContain(`Command line: ${COMMAND_LINE}`);
      expect(output).toContain('BIOS-e820: [mem 0x0000000000080000-0x000000000009ffff] ACPI data');
      expect(output).toContain('efi: EFI v2.90 by Ringlet');
      expect(output).toContain('secureboot: Secure boot disabled');
      expect(output).toMatch(/^\[ +0\.000000\] random: crng init done/m);
      expect(output).toContain('ACPI: 1 ACPI AML tables successfully acquired and loaded');
      expect(output).not.toMatch(/ACPI (BIOS )?(Error|Warning)|ACPI:.*(incorrect|invalid)/i);
      expect(output).toContain('smp: Brought up 1 node, 2 CPUs');
      expect(output).toMatch(/ttyS0 at I\/O 0x3f8 \(irq = [1-9]\d*,/);
      expect(output).toContain('rtc_cmos 00:01: setting system clock');
      expect(output).toContain(HELLO.trim());
      expect(reset).toBe(true);
    },
  );

  test.skipIf(cloud === undefined)('decompressing itself, it finds its RAM disk wherever it moved to', async () => {
    const { output, reset } = await runInQemu({
      kernel: cloud!,
      initrd,
      commandLine: COMMAND_LINE,
      entry: 'decompressor',
    });
    expect(output).toContain('efi: EFI v2.90 by Ringlet');
    expect(output).toContain(HELLO.trim());
    expect(reset).toBe(true);
  });

  test.skipIf(cloud === undefined)('by PVH, it is no EFI machine, and finds its RAM disk', async () => {
    const { output, reset } = await runInQemu({ kernel: cloud!, initrd, commandLine: COMMAND_LINE, entry: 'pvh' });
    expect(output).toContain('Booting paravirtualized kernel');
    expect(output).not.toContain('efi: EFI');
    expect(output).toContain(HELLO.trim());
    expect(reset).toBe(true);
  });

  test.skipIf(generic === undefined)('the generic kernel starts from its XZ payload', async () => {
    const { output, reset } = await runInQemu({ kernel: generic!, initrd, commandLine: COMMAND_LINE });
    expect(output).toContain('efi: EFI v2.90 by Ringlet');
    expect(output).toContain(HELLO.trim());
    expect(reset).toBe(true);
  });
});

/** Writes `OK` to the serial port and resets the machine; the bytes mean the same in 32- and 64-bit mode. */
const OK_AND_RESET = Uint8Array.from(
  [
    [0xba, 0xf8, 3, 0, 0, 0xb0, 0x4f, 0xee, 0xb0, 0x4b, 0xee],
    [0xba, 0xf9, 0x0c, 0, 0, 0xb0, 6, 0xee, 0xf4],
  ].flat(),
);
const MULTIBOOT_HEADER = new Uint8Array(Uint32Array.of(0x1bad_b002, 3, -(0x1bad_b002 + 3)).buffer);

describe(`small kernels${noQemu}`, () => {
  test.skipIf(noQemu !== '').each(['protected', 'long'] as const)('a flat binary runs in %s mode', async (mode) => {
    const run = await runInQemu({ kernel: OK_AND_RESET, flat: { address: 0x20_0000, mode } });
    expect(run).toEqual({ output: 'OK', reset: true });
  });

  test.skipIf(noQemu !== '')('a Multiboot kernel runs', async () => {
    const kernel = makeElf(0x10_000c, [
      { address: 0x10_0000, data: Buffer.concat([MULTIBOOT_HEADER, Buffer.from(OK_AND_RESET)]) },
    ]);
    expect(await runInQemu({ kernel })).toEqual({ output: 'OK', reset: true });
  });
});
