/**
 * Processor features by the name that Linux shows in /proc/cpuinfo, and the CPUID bit of each (AMD APM volume 3, appendix
 * E; Intel SDM volume 2, "CPUID").
 */

/** Registers of a leaf, in the order in which they are filled. */
const CpuidRegister = { Eax: 0, Ebx: 1, Ecx: 2, Edx: 3 } as const;
const { Eax, Ebx, Ecx, Edx } = CpuidRegister;

type Bit = readonly [leaf: number, register: 0 | 1 | 2 | 3, bit: number];

/** Where each feature shows. */
export const featureBits = {
  fpu: [1, Edx, 0],
  vme: [1, Edx, 1],
  de: [1, Edx, 2],
  pse: [1, Edx, 3],
  tsc: [1, Edx, 4],
  msr: [1, Edx, 5],
  pae: [1, Edx, 6],
  mce: [1, Edx, 7],
  cx8: [1, Edx, 8],
  apic: [1, Edx, 9],
  sep: [1, Edx, 11],
  mtrr: [1, Edx, 12],
  pge: [1, Edx, 13],
  mca: [1, Edx, 14],
  cmov: [1, Edx, 15],
  pat: [1, Edx, 16],
  pse36: [1, Edx, 17],
  clflush: [1, Edx, 19],
  mmx: [1, Edx, 23],
  fxsr: [1, Edx, 24],
  sse: [1, Edx, 25],
  sse2: [1, Edx, 26],
  ht: [1, Edx, 28],
  sse3: [1, Ecx, 0],
  pclmulqdq: [1, Ecx, 1],
  monitor: [1, Ecx, 3],
  ssse3: [1, Ecx, 9],
  fma: [1, Ecx, 12],
  cx16: [1, Ecx, 13],
  pcid: [1, Ecx, 17],
  sse4_1: [1, Ecx, 19],
  sse4_2: [1, Ecx, 20],
  x2apic: [1, Ecx, 21],
  movbe: [1, Ecx, 22],
  popcnt: [1, Ecx, 23],
  tsc_deadline_timer: [1, Ecx, 24],
  aes: [1, Ecx, 25],
  xsave: [1, Ecx, 26],
  avx: [1, Ecx, 28],
  f16c: [1, Ecx, 29],
  rdrand: [1, Ecx, 30],
  hypervisor: [1, Ecx, 31],
  arat: [6, Eax, 2],
  fsgsbase: [7, Ebx, 0],
  bmi1: [7, Ebx, 3],
  avx2: [7, Ebx, 5],
  smep: [7, Ebx, 7],
  bmi2: [7, Ebx, 8],
  erms: [7, Ebx, 9],
  invpcid: [7, Ebx, 10],
  rdseed: [7, Ebx, 18],
  adx: [7, Ebx, 19],
  smap: [7, Ebx, 20],
  clflushopt: [7, Ebx, 23],
  clwb: [7, Ebx, 24],
  sha_ni: [7, Ebx, 29],
  umip: [7, Ecx, 2],
  pku: [7, Ecx, 3],
  rdpid: [7, Ecx, 22],
  fsrm: [7, Edx, 4],
  lahf_lm: [0x80000001, Ecx, 0],
  cmp_legacy: [0x80000001, Ecx, 1],
  topoext: [0x80000001, Ecx, 22],
  abm: [0x80000001, Ecx, 5],
  sse4a: [0x80000001, Ecx, 6],
  misalignsse: [0x80000001, Ecx, 7],
  '3dnowprefetch': [0x80000001, Ecx, 8],
  syscall: [0x80000001, Edx, 11],
  nx: [0x80000001, Edx, 20],
  mmxext: [0x80000001, Edx, 22],
  pdpe1gb: [0x80000001, Edx, 26],
  rdtscp: [0x80000001, Edx, 27],
  lm: [0x80000001, Edx, 29],
  constant_tsc: [0x80000007, Edx, 8],
} as const satisfies Record<string, Bit>;

/** A feature's name. */
export type CpuFeature = keyof typeof featureBits;

/** Instructions of the first level of the x86-64 psABI, with what long mode needs. */
export const X86_64_V1: readonly CpuFeature[] = [
  ...(['fpu', 'tsc', 'msr', 'pae', 'cx8', 'cmov', 'mmx', 'fxsr', 'sse', 'sse2'] as const),
  ...(['syscall', 'lm'] as const),
];

/** Instructions of the second level. */
export const X86_64_V2: readonly CpuFeature[] = [
  ...X86_64_V1,
  ...(['cx16', 'lahf_lm', 'popcnt', 'sse3', 'ssse3', 'sse4_1', 'sse4_2'] as const),
];

/** What the microkernel gives every VP that has an APIC, whatever processor runs it. */
export const PLATFORM_FEATURES: readonly CpuFeature[] = [
  ...(['apic', 'x2apic', 'tsc_deadline_timer', 'arat', 'constant_tsc', 'hypervisor'] as const),
  ...(['mce', 'mca', 'topoext'] as const),
];
