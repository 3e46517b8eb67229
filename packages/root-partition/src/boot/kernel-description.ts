/** What the loaders for each kind of kernel are told: everything but the kernel itself, checked. */
import type { PlatformDescription } from './acpi/platform-description.ts';

/** How to enter a Linux kernel, see `linux/load-linux.ts` and `pvh/load-pvh.ts`. */
export type LinuxEntry = 'direct' | 'decompressor' | 'pvh';

/** Checked options of a kernel to load. */
export interface KernelDescription {
  readonly commandLine: string;
  readonly ramdisk: Uint8Array | undefined;
  /** Ids of all processors' local APICs, the one that boots first. */
  readonly apicIds: readonly number[];
  readonly platform: PlatformDescription;
  readonly entry: LinuxEntry;
  readonly randomSeed: Uint8Array | undefined;
}
