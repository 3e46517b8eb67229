/** Names of the MSRs that the core itself answers (`assembly/system/msr.ts`), as the processors' manuals have them. */
export const PROCESSOR_MSR_NAMES: ReadonlyMap<number, string> = new Map([
  [0x10, 'IA32_TIME_STAMP_COUNTER'],
  [0x174, 'IA32_SYSENTER_CS'],
  [0x175, 'IA32_SYSENTER_ESP'],
  [0x176, 'IA32_SYSENTER_EIP'],
  [0x277, 'IA32_PAT'],
  [0xc000_0080, 'IA32_EFER'],
  [0xc000_0081, 'IA32_STAR'],
  [0xc000_0082, 'IA32_LSTAR'],
  [0xc000_0083, 'IA32_CSTAR'],
  [0xc000_0084, 'IA32_FMASK'],
  [0xc000_0100, 'IA32_FS_BASE'],
  [0xc000_0101, 'IA32_GS_BASE'],
  [0xc000_0102, 'IA32_KERNEL_GS_BASE'],
  [0xc000_0103, 'IA32_TSC_AUX'],
]);
