/**
 * Loads a kernel into a machine's memory: finds out what kind of file it is, places it with everything it wants to
 * know, and says how to start it. Independent of any processor.
 */
import type { GuestMemory } from '@ringlet/microkernel';
import { UserError } from '@ringlet/wire';
import { DEFAULT_PLATFORM, type PlatformDescription } from './acpi/platform-description.ts';
import { BootMemory } from './boot-memory.ts';
import type { EntryState } from './entry-state.ts';
import { MOST_PROCESSORS } from './firmware.ts';
import { decompressPayload } from './compression/payload.ts';
import { isBzImage, parseBzImage } from './image/bzimage.ts';
import { isElf, parseElf } from './image/elf.ts';
import type { KernelDescription, LinuxEntry } from './kernel-description.ts';
import { loadBzImage, loadVmlinux } from './linux/load-linux.ts';
import { loadFlat, type FlatBinary } from './load-flat.ts';
import { layOutMemory, type MemoryRange } from './memory-map.ts';
import { findMultibootHeader, loadMultiboot } from './multiboot/load-multiboot.ts';
import { loadPvh, pvhEntry } from './pvh/load-pvh.ts';

/** What to load, and into which machine. */
export interface LoadKernelOptions {
  /** The file: bzImage, vmlinux, a Multiboot or PVH kernel, or with `flat` any bytes. */
  readonly kernel: Uint8Array;
  /** The machine's memory, with everything mapped that {@link layOutMemory} names as RAM. */
  readonly memory: GuestMemory;
  /** RAM in bytes, as given to {@link layOutMemory}. */
  readonly memoryBytes: number;
  /** What may be added while it runs, as given to {@link layOutMemory}; nothing when absent. */
  readonly roomBytes?: number;
  /** How many processors, or the ids of their local APICs with the one that boots first. Default 1. */
  readonly processors?: number | readonly number[];
  /** Initial RAM disk, in whatever format the kernel takes; the first module of a Multiboot kernel. */
  readonly initrd?: Uint8Array;
  /** Passed on as it is. */
  readonly commandLine?: string;
  /**
   * Put before it when the kernel is Linux: a bzImage, or a 64-bit ELF file that is entered directly. Linux wants
   * `efi=noruntime reboot=acpi`, as there is no firmware to call.
   */
  readonly linuxCommandLine?: string;
  /** The machine's ports, for the ACPI tables. */
  readonly platform?: Partial<PlatformDescription>;
  /**
   * How to enter Linux. `direct` (default) starts the decompressed kernel, `decompressor` the bzImage as it is; `pvh` starts
   * at the entry for Xen guests.
   */
  readonly entry?: LinuxEntry;
  /** Random bytes for Linux to start from; 32 are plenty. */
  readonly randomSeed?: Uint8Array;
  /** Take the file for a flat binary, whatever it looks like. */
  readonly flat?: FlatBinary;
}

/** A kernel in memory. */
export interface LoadedKernel {
  /** Registers of the first processor. */
  readonly entry: EntryState;
  /** What it was recognised as. */
  readonly format: 'bzimage' | 'vmlinux' | 'multiboot' | 'pvh' | 'flat';
  /** What was placed where, for those who look into a machine. */
  readonly placed: readonly (MemoryRange & { readonly what: string })[];
}

/**
 * Loads a kernel.
 *
 * @throws UserError with one of the codes `file-damaged`, `kernel-unsupported`, `payload-unsupported`, `xz-unsupported`,
 * `kernel-unknown`, `kernel-address`, `memory-size`, `memory-too-small`, `boot-overlap`, `command-line`, `processors`,
 * `random-seed`. Some of the file may be in memory by then: do not start the machine.
 */
export function loadKernel(options: LoadKernelOptions): LoadedKernel {
  const memory = new BootMemory(options.memory, layOutMemory(options.memoryBytes, options.roomBytes));
  const description: KernelDescription = {
    commandLine: options.commandLine ?? '',
    ramdisk: options.initrd,
    apicIds: apicIds(options.processors ?? 1),
    platform: { ...DEFAULT_PLATFORM, ...options.platform },
    entry: options.entry ?? 'direct',
    randomSeed: checkedSeed(options.randomSeed),
  };
  const linux = { ...description, commandLine: joined(options.linuxCommandLine, options.commandLine) };
  const { entry, format } = load(memory, options.kernel, { other: description, linux }, options.flat);
  return { entry, format, placed: memory.placed };
}

/** The same kernel, described as one that is Linux, and as any other. */
interface Descriptions {
  readonly linux: KernelDescription;
  readonly other: KernelDescription;
}

/** Finds the right loader and runs it. */
function load(
  memory: BootMemory,
  kernel: Uint8Array,
  { linux, other }: Descriptions,
  flat: FlatBinary | undefined,
): Omit<LoadedKernel, 'placed'> {
  if (flat !== undefined) return { format: 'flat', entry: loadFlat(memory, kernel, flat) };
  if (isBzImage(kernel)) {
    const image = parseBzImage(kernel);
    if (linux.entry === 'pvh') return loadByNote(memory, decompressPayload(image.payload).data, linux);
    return { format: 'bzimage', entry: loadBzImage(memory, image, linux) };
  }
  const multiboot = findMultibootHeader(kernel);
  if (multiboot !== undefined) {
    return { format: 'multiboot', entry: loadMultiboot(memory, kernel, multiboot, other) };
  }
  if (!isElf(kernel)) {
    throw new UserError('kernel-unknown', 'this file is no kernel that can be started', {
      hint: 'Use a bzImage, a vmlinux, or a Multiboot or PVH kernel.',
    });
  }
  const image = parseElf(kernel);
  if (other.entry === 'pvh' || image.width === 32) return loadByNote(memory, kernel, other);
  return { format: 'vmlinux', entry: loadVmlinux(memory, image, linux) };
}

/** Loads an ELF kernel by the entry in its PVH note. */
function loadByNote(
  memory: BootMemory,
  kernel: Uint8Array,
  description: KernelDescription,
): Omit<LoadedKernel, 'placed'> {
  const image = parseElf(kernel);
  const entry = pvhEntry(image);
  if (entry === undefined) {
    throw new UserError('kernel-unsupported', 'this kernel has neither a Multiboot header nor a PVH entry', {
      hint: 'Enter it directly, if it is Linux, or build it with one of the two.',
    });
  }
  return { format: 'pvh', entry: loadPvh(memory, image, entry, description) };
}

function joined(...words: readonly (string | undefined)[]): string {
  return words.filter((text) => text !== undefined && text !== '').join(' ');
}

/** The processors' ids, from their number or as given. */
function apicIds(processors: number | readonly number[]): readonly number[] {
  const wanted = typeof processors === 'number' ? processors : processors.length;
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MOST_PROCESSORS) {
    throw new UserError('processors', `a machine cannot have ${wanted} processors`, {
      hint: `Give a number from 1 to ${MOST_PROCESSORS}.`,
    });
  }
  return typeof processors === 'number' ? Array.from({ length: processors }, (_, id) => id) : processors;
}

const LONGEST_SEED = 1024;

function checkedSeed(seed: Uint8Array | undefined): Uint8Array | undefined {
  if (seed === undefined || (seed.length > 0 && seed.length <= LONGEST_SEED)) return seed;
  throw new UserError('random-seed', `a random seed cannot have ${seed.length} bytes`, { hint: 'Give 32 bytes.' });
}
