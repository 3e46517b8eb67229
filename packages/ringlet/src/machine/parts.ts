/** What a machine is made of, whichever harness runs it: paths are absolute, defaults are filled in. */
import type { DeviceHostDescription } from '@ringlet/root-partition';

/** A machine's parts. */
export interface MachineParts {
  /** Absolute path of the guest's module. */
  readonly guest: string;
  readonly args: readonly string[];
  readonly cpus: number;
  /** Its share of the logical processors: weight from 1 to 10000, cap and reserve in percent of each processor. */
  readonly share: { readonly weight: number; readonly cap: number; readonly reserve: number };
  readonly memoryBytes: number;
  /** Absolute paths of device files. */
  readonly devices: readonly string[];
  readonly description: Omit<DeviceHostDescription, 'partition' | 'rootVp' | 'memoryBytes'>;
}
