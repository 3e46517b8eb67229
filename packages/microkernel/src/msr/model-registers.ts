/**
 * Registers of the processor model that CPUID announces, AMD's: machine checks (AMD APM volume 2, chapter 9), and those that
 * Linux touches on all of them without asking. AMD's "BIOS and Kernel Developer's Guide" for families 10h and later names
 * these.
 */
import { allBut, type Msr } from './table.ts';

const TSC_FREQUENCY_SELECT = 1n << 24n;

/** Rows by index. */
export const modelRegisters: readonly [number, Msr][] = [
  // Machine checks with no bank to report them: a machine in software has no other errors than its host's.
  [0x179, { name: 'MCG_CAP', privilege: undefined, read: () => 0n }],
  [0x17a, { name: 'MCG_STAT', privilege: undefined, read: () => 0n, write: () => undefined, reserved: allBut(7n) }],
  // The TSC counts at the frequency of the highest performance state: it never changes.
  [0xc001_0015, { name: 'HWCR', privilege: undefined, read: () => TSC_FREQUENCY_SELECT }],
  // There is no northbridge: nothing is configured, and what is written changes nothing.
  [0xc001_001f, { name: 'NB_CFG', privilege: undefined, read: () => 0n, write: () => undefined }],
];
