/**
 * Starts what the loader loaded on QEMU's processor: memory and registers as the loader left them, and a firmware that
 * does nothing but load them. Serial port and clock of QEMU's chipset are where ours are; its reset register is told.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Access, GuestMemory, MemoryNode, Slat } from '@ringlet/microkernel';
import { loadKernel, type LoadKernelOptions } from '../../../src/boot/load-kernel.ts';
import { bootRom } from './boot-rom.ts';

const MEMORY = 256 * 2 ** 20;
const PAGE = 4096;
const PATIENCE = 120_000;
/** The program, which tests look for before they start it. */
export const QEMU = 'qemu-system-x86_64';
const room = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** How a run ended, and all that came out of the serial port. */
export interface Run {
  readonly output: string;
  /** Whether the guest reset the machine, as against one that had to be stopped. */
  readonly reset: boolean;
}

/** Loads a kernel into 256 MiB, starts it, and waits until it resets the machine. */
export async function runInQemu(
  options: Omit<LoadKernelOptions, 'memory' | 'memoryBytes' | 'processors'> & { processors?: number },
): Promise<Run> {
  const folder = mkdtempSync(join(room, 'ringlet-boot-'));
  try {
    const tablePages = Slat.tableBytes(MEMORY / PAGE) / PAGE;
    const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(MEMORY + tablePages * PAGE) });
    const slat = new Slat(node, MEMORY, MEMORY / PAGE);
    slat.mapRun(0, 0, MEMORY / PAGE, Access.All);
    const platform = { reset: { port: 0xcf9, value: 6 } };
    const loaded = loadKernel({ ...options, platform, memory: new GuestMemory(node, slat), memoryBytes: MEMORY });

    const ram = openSync(join(folder, 'ram'), 'w');
    ftruncateSync(ram, MEMORY);
    for (const { start, bytes } of loaded.placed)
      writeSync(ram, node.bytes.subarray(start, start + bytes), 0, bytes, start);
    closeSync(ram);
    writeFileSync(join(folder, 'rom'), bootRom(loaded.entry));
    return await run(folder, options.processors ?? 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(folder: string, processors: number): Promise<Run> {
  const options = [
    ['-machine', 'q35,memory-backend=ram', '-m', '256M', '-smp', String(processors), '-cpu', 'qemu64'],
    ['-object', `memory-backend-file,id=ram,size=256M,mem-path=${join(folder, 'ram')},share=on`],
    ['-bios', join(folder, 'rom'), '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
  ];
  const qemu = spawn(QEMU, options.flat());
  let output = '';
  qemu.stdout.on('data', (data: Buffer) => (output += data.toString('latin1')));
  qemu.stderr.on('data', (data: Buffer) => (output += data.toString('latin1')));
  const impatience = setTimeout(() => qemu.kill('SIGKILL'), PATIENCE);
  return new Promise((resolve, reject) => {
    qemu.on('error', reject);
    qemu.on('close', (code) => {
      clearTimeout(impatience);
      resolve({ output, reset: code === 0 });
    });
  });
}
