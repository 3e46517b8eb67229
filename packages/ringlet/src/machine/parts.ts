/** What a machine is made of, whichever harness runs it: paths are absolute, defaults are filled in. */
import type { DeviceHostDescription } from '@ringlet/root-partition';
import type { GivenOptions } from '../configuration/device-options.ts';
import type { MemoryPool } from './memory-pool.ts';

/** A TypeScript guest: absolute path of its module, and words for it. */
export interface TypeScriptGuestParts {
  readonly kind: 'typescript';
  readonly module: string;
  readonly args: readonly string[];
}

/** An x86-64 guest: absolute paths of its kernel and initial RAM disk. */
export interface X64GuestParts {
  readonly kind: 'x64';
  readonly kernel: string;
  readonly initrd: string | undefined;
  readonly commandLine: string;
  /** Its processors wait for a debugger before their first instruction. */
  readonly held?: boolean;
  /** Memory that it shares with others; a node of its own when absent. */
  readonly pool?: MemoryPool;
}

/** What a machine runs. */
export type GuestParts = TypeScriptGuestParts | X64GuestParts;

/** A device from a file, and what it is told. Plain data. */
export interface DevicePart extends GivenOptions {
  /** Absolute path. */
  readonly file: string;
}

/** A machine's parts. */
export interface MachineParts {
  /** What it runs. */
  readonly guest: GuestParts;
  readonly cpus: number;
  /** Its share of the logical processors: weight from 1 to 10000, cap and reserve in percent of each processor. */
  readonly share: { readonly weight: number; readonly cap: number; readonly reserve: number };
  readonly memoryBytes: number;
  /** What that may become while it runs, in bytes; percent of its demand that a guest gets beyond it, if demand decides. */
  readonly memoryLimits: { readonly minimum: number; readonly maximum: number; readonly buffer?: number };
  readonly devices: readonly DevicePart[];
  readonly description: Omit<DeviceHostDescription, 'partition' | 'rootVp' | 'memoryBytes'>;
}
