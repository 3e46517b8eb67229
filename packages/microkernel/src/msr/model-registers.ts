/**
 * Registers of the processor model that CPUID announces, AMD's, which Linux touches on all of them without asking. AMD's
 * "BIOS and Kernel Developer's Guide" for families 10h and later names them.
 */
import type { Msr } from './table.ts';

const TSC_FREQUENCY_SELECT = 1n << 24n;

/** Rows by index. */
export const modelRegisters: readonly [number, Msr][] = [
  // The TSC counts at the frequency of the highest performance state: it never changes.
  [0xc001_0015, { name: 'HWCR', privilege: undefined, read: () => TSC_FREQUENCY_SELECT }],
  // There is no northbridge: nothing is configured, and what is written changes nothing.
  [0xc001_001f, { name: 'NB_CFG', privilege: undefined, read: () => 0n, write: () => undefined }],
];
