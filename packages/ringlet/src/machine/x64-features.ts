/** What the processor of `@ringlet/x64` announces, in whichever harness it runs. */
import { type CpuFeature, X86_64_V1 } from '@ringlet/microkernel';

/**
 * All that pays: CPUID promises nothing that is not there. PCIDs and INVPCID are there as well, but neither a boot nor
 * processes that come, go and talk through pipes take less time with them.
 */
export const X64_FEATURES: readonly CpuFeature[] = [
  ...X86_64_V1,
  ...(['de', 'pse', 'pse36', 'pge', 'pat', 'pdpe1gb', 'nx', 'sep', 'clflush'] as const),
  ...(['cx16', 'lahf_lm', 'rdtscp', 'erms', 'fsrm'] as const),
  ...(['smep', 'smap', 'umip', 'fsgsbase'] as const),
];
