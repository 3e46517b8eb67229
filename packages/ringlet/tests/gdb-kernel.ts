/** The kernel that is debugged, with its symbols, and gdb on it. */
import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KERNELS = fileURLToPath(new URL('../../x64/tests-kernels/', import.meta.url));
const SOURCE = fileURLToPath(new URL('./kernels/debugged.c', import.meta.url));
const FLAGS =
  '-g -O1 -Wall -ffreestanding -fno-builtin -nostdlib -static -no-pie -fvisibility=hidden -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -Wl,--build-id=none -Wl,-T,kernel.ld -Wl,--no-warnings -m64 -fpie -mno-red-zone'.split(
    ' ',
  );

/** A kernel and its symbols, as files. */
export interface DebuggedKernel {
  readonly kernel: string;
  readonly symbols: string;
  /** Address of a symbol. */
  address(name: string): bigint;
}

/** Compiles it into `folder`, with `flags` of its own. */
export function buildDebuggedKernel(folder: string, ...flags: string[]): DebuggedKernel {
  const symbols = join(folder, 'debugged.elf');
  const kernel = join(folder, 'debugged.bin');
  execFileSync('gcc', [...FLAGS, ...flags, 'start.S', 'vectors.S', 'kernel.c', SOURCE, '-o', symbols], {
    cwd: KERNELS,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  execFileSync('objcopy', ['-O', 'binary', symbols, kernel]);
  const table = execFileSync('nm', [symbols], { encoding: 'utf8' });
  return {
    kernel,
    symbols,
    address(name) {
      const [, address] = new RegExp(`^([0-9a-f]+) \\w ${name}$`, 'm').exec(table) ?? [];
      if (address === undefined) throw new Error(`there is no ${name}`);
      return BigInt(`0x${address}`);
    },
  };
}

/** Commands before all others. */
const USUAL = ['set pagination off', 'set confirm off', 'set width 0', 'set remotetimeout 120', 'set print address on'];

/**
 * Runs gdb in batch mode on `symbols`, with commands as its prompt takes them.
 *
 * @param address - for `target remote`
 * @returns what it printed
 */
export function runGdb(folder: string, symbols: string, address: string, commands: readonly string[]): Promise<string> {
  const script = join(folder, `script-${Math.random().toString(36).slice(2)}.gdb`);
  writeFileSync(script, `${[...USUAL, `target remote ${address}`, ...commands].join('\n')}\n`);
  return new Promise((resolve, reject) => {
    execFile(
      'gdb',
      ['-nx', '-batch', '-x', script, symbols],
      { timeout: 600_000, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error?.killed) return reject(new Error(`gdb did not end:\n${stdout}${stderr}`));
        resolve(`${stdout}${stderr}`);
      },
    );
  });
}

/** The lines of gdb's output that begin with a word, without it: `echo` and `printf` mark what a test asks for. */
export function marked(output: string, mark: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith(`${mark} `))
    .map((line) => line.slice(mark.length + 1).trim());
}
