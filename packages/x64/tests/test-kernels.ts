/** The test kernels of `tests-kernels/`: compiled by the host's gcc, and run by QEMU as a check of themselves. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KERNELS = fileURLToPath(new URL('../tests-kernels/', import.meta.url));

/** Whether a program is there to be run. */
export function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const COMMON = [
  '-O2',
  '-Wall',
  '-ffreestanding',
  '-fno-builtin',
  '-nostdlib',
  '-static',
  '-no-pie',
  '-fvisibility=hidden',
  '-mgeneral-regs-only',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-fcf-protection=none',
  '-Wl,--build-id=none',
  '-Wl,-T,kernel.ld',
  '-Wl,--no-warnings',
];
const FORMS = {
  64: ['-m64', '-fpie', '-mno-red-zone', 'start.S', 'vectors.S', 'kernel.c'],
  32: ['-m32', '-fno-pie', '-Wl,--oformat=elf32-i386', 'legacy-start.S'],
} as const;

/**
 * Compiles a kernel of 64- or 32-bit code.
 *
 * @param name - its file in `tests-kernels/`, or the path of one elsewhere, without `.c`
 * @returns the flat image
 */
export function buildKernel(name: string, bits: 64 | 32 = 64): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'ringlet-kernel-'));
  try {
    const elf = join(directory, 'kernel.elf');
    const image = join(directory, 'kernel.bin');
    execFileSync('gcc', [...COMMON, ...FORMS[bits], `${name}.c`, '-o', elf], {
      cwd: KERNELS,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    execFileSync('objcopy', ['-O', 'binary', elf, image]);
    return readFileSync(image);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Runs a kernel under QEMU's interpreter, as a check of the kernel itself. @returns what it wrote to port 0xE9 */
export function runOnQemu(image: Buffer, processors = 1): string {
  const directory = mkdtempSync(join(tmpdir(), 'ringlet-kernel-'));
  try {
    const path = join(directory, 'kernel.bin');
    const log = join(directory, 'log');
    execFileSync('sh', ['-c', 'cat > "$0"', path], { input: image });
    try {
      execFileSync(
        'qemu-system-x86_64',
        [
          '-machine',
          'q35',
          '-accel',
          'tcg',
          '-cpu',
          'max,vendor=AuthenticAMD,la57=off',
          '-m',
          '64',
          '-smp',
          `${processors}`,
          '-display',
          'none',
          '-nodefaults',
          '-no-reboot',
          '-debugcon',
          `file:${log}`,
          '-device',
          'isa-debug-exit,iobase=0xf4,iosize=4',
          '-kernel',
          path,
        ],
        { stdio: 'ignore', timeout: 60_000 },
      );
    } catch {
      // The exit device makes every exit code odd; the log is the result.
    }
    return readFileSync(log, 'utf8');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Compiles a program of `tests-kernels/` for the host and runs it. @returns what it printed */
export function runOnHost(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'ringlet-host-'));
  try {
    const program = join(directory, name);
    execFileSync('gcc', ['-O1', '-no-pie', `${name}.c`, '-o', program], {
      cwd: KERNELS,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return execFileSync(program, { encoding: 'utf8', timeout: 60_000 });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
