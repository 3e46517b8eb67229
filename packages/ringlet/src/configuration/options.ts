/** What a machine is made of, as a caller of the library writes it down. The command line and `machine.yaml` end here. */
import type { NicDescription } from '@ringlet/root-partition';
import type { MemoryPool } from '../machine/memory-pool.ts';
import type { OptionPlaces } from './option-places.ts';

/** Formats of disk images. */
export type DiskFormat = 'raw' | 'vhd' | 'vhdx' | 'iso';

/** Every {@link DiskFormat}. */
export const DISK_FORMATS: readonly DiskFormat[] = ['raw', 'vhd', 'vhdx', 'iso'];

/** Highest parts of the address of a disk; the lowest are 0. */
export const HIGHEST_ADDRESS = { controller: 3, target: 1, lun: 63 } as const;

/** Highest limit of requests or bytes a second. */
export const MOST_A_SECOND = 2 ** 40;

/** One disk of a machine. */
export interface DiskOption {
  /** The image file. */
  readonly path: string;
  /** Writes go to the image. Absent or false: they go to a throw-away overlay and vanish with the machine. */
  readonly keep?: boolean;
  /** The guest sees a write-protected disk. */
  readonly readOnly?: boolean;
  /** Takes the image for this format, whatever its headers say. */
  readonly format?: DiskFormat;
  /** Which storage controller it hangs on; 0 when absent. */
  readonly controller?: number;
  /** SCSI target on that controller; 0 when absent. */
  readonly target?: number;
  /** SCSI logical unit; the next free one when absent. */
  readonly lun?: number;
  /** Most requests a second, held within a tenth. */
  readonly iops?: number;
  /** Most bytes a second, read and written together, held within a tenth. */
  readonly bandwidth?: number;
}

/** One device from a file. */
export interface DeviceOption {
  /** The file; its default export is a VSP's class. */
  readonly path: string;
  /** Values of the options that the class declares. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** The values are words of a command line: where an option wants no text, `5` and `true` stand for what they say. */
  readonly asText?: boolean;
  /** Where the options are written, for errors about them. Machine files fill it in. */
  readonly places?: OptionPlaces;
}

/** How a machine's processors and devices get their time: a worker each, or one thread under a virtual clock. */
export type Harness = 'threads' | 'lockstep';

/** A machine's screen, in pixels. */
export interface DisplayOption {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** Where gdb is waited for: a port of this host (0: one that is free), or a Unix socket. */
export interface GdbOption {
  /** TCP port of this host's loopback address, 0 for any that is free. */
  readonly port?: number;
  /** Path of a Unix socket, instead of a port. */
  readonly path?: string;
  /** The guest's processors wait for it before their first instruction. */
  readonly wait?: boolean;
}

/**
 * Limits of a kernel's memory, in bytes and whole pages. With them, what it has follows what it reports that it needs;
 * without, it is what was set by hand: `Machine.memory`.
 */
export interface DynamicMemoryOption {
  /** Least that the guest is left with; half of what it starts with when absent. */
  readonly min?: number;
  /** Most that it may get; what it starts with when absent. */
  readonly max?: number;
  /** Percent of what it needs that it gets beyond that, 0 to 1000; 20 when absent. */
  readonly buffer?: number;
}

/** One network adapter of a machine, and what it is plugged into. */
export type NetworkOption = NicDescription;

/** Everything that `new Machine(…)` takes. */
export interface MachineOptions {
  /** What people call it; made from the guest's file name when absent. */
  readonly name?: string;
  /** Path of the guest module: a TypeScript or JavaScript file. Either this or `kernel`. */
  readonly guest?: string;
  /** Path of an x86-64 kernel: bzImage, vmlinux, or a Multiboot or PVH kernel. */
  readonly kernel?: string;
  /** Path of the kernel's initial RAM disk. */
  readonly initrd?: string;
  /** Words for the kernel, after those that every Linux needs here. */
  readonly commandLine?: string;
  /** Words handed to the guest. */
  readonly args?: readonly string[];
  /** Its disks, on storage controllers of its own; none when absent. */
  readonly disks?: readonly DiskOption[];
  /** Its network adapters, and what each is plugged into; none when absent. */
  readonly networks?: readonly NetworkOption[];
  /** Files, each with a VSP as its default export; and what their devices are told. */
  readonly devices?: readonly (string | DeviceOption)[];
  /** The screen that the guest is told of, with a keyboard and a mouse before it; 1024 by 768 when absent. */
  readonly display?: DisplayOption | 'none';
  /** Virtual processors; 1 when absent. */
  readonly cpus?: number;
  /** Guest memory in bytes, a multiple of 4096; `defaultMemory` when absent. */
  readonly memory?: number;
  /** What its memory may become while it runs. A kernel's can change, a guest module's cannot. */
  readonly dynamicMemory?: DynamicMemoryOption;
  /** Memory that it shares with other kernels' machines of the process; a node of its own when absent. */
  readonly pool?: MemoryPool;
  /**
   * Directory for Unix sockets that programs of the host and of the guest (AF_VSOCK) meet at: `vsock` and `vsock_PORT`.
   * None when absent. Its path is at most 86 bytes.
   */
  readonly sockets?: string;
  /** Where gdb may connect from the start; nowhere when absent. See also `Machine.debugger`. */
  readonly gdb?: GdbOption;
  /** `threads` when absent. */
  readonly harness?: Harness;
  /** Seed of the lockstep harness's choices; the same seed gives the same run. */
  readonly seed?: number;
  /**
   * Path of a recording that a run in lockstep is written to: what the machine is made of and all that comes from outside.
   * A recording that is there is replaced.
   */
  readonly record?: string;
  /**
   * Beside `record`, for kernels: seconds of the processors' work between two points that `ringlet replay` can come back to
   * without starting over. At such a point all devices are saved and made anew, so the run is another than without.
   */
  readonly checkpointEvery?: number;
  /** Path of a recording that is made to happen again. What the machine is made of is in it; `name` may be given beside it. */
  readonly replay?: string;
  /**
   * What a reset by the guest comes to: the machine starts again in place, with its disks, network, console and sockets as
   * they are, or it ends. `restart` when absent.
   */
  readonly onReset?: 'restart' | 'stop';
  /** Resets by the guest within a minute that the machine gets through; 0 for as many as it likes; 30 when absent. */
  readonly resetsPerMinute?: number;
  /** Share of the logical processors relative to other machines, 1 to 10000; 100 when absent. */
  readonly weight?: number;
  /** Most of each processor that it may use, in percent; 100 when absent. */
  readonly cap?: number;
  /** Part of each processor that it is sure to get, in percent; 0 when absent. */
  readonly reserve?: number;
}

/** Bytes of memory of a machine that does not say: 64 MiB for a TypeScript guest, 512 MiB for a kernel. */
export function defaultMemory(options: Pick<MachineOptions, 'kernel'>): number {
  return (options.kernel === undefined ? 64 : 512) * 1024 * 1024;
}
