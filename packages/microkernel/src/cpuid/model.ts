/**
 * CpuidModel: what CPUID says on an x86-64 processor in software (AMD APM volume 3, appendix E).
 *
 * Features are a parameter, and nothing else decides what is announced: the processor lists what it has. What the
 * microkernel has (APIC, clocks, the hypervisor's leaves) is added here. A leaf that nobody defined is all zeros.
 */
import { invariant } from '@ringlet/wire';
import { PHYSICAL_ADDRESS_BITS } from './address-size.ts';
import { featureBits, PLATFORM_FEATURES, type CpuFeature } from './features.ts';

/** What a model is made from. */
export interface CpuidOptions {
  /** What the processor can do. */
  readonly features: readonly CpuFeature[];
  /** VPs of the machine, whose APIC ids are their indices: cores of one package, one thread each. */
  readonly vps: number;
  /** Shown to people; at most 47 ASCII characters. */
  readonly name?: string;
  /** Display family (leaf 1, EAX), with the extended one added. */
  readonly family?: number;
  /** Display model (leaf 1, EAX), with the extended one before it. */
  readonly model?: number;
  /** Stepping (leaf 1, EAX), 0 to 15. */
  readonly stepping?: number;
}

/** A VP as the model sees it. */
export interface CpuidVp {
  /** Number of the VP, which is its APIC id, too. */
  readonly index: number;
  /** Bit 11 of IA32_APIC_BASE, which leaf 1 repeats (SDM volume 3A, 11.4.3). */
  readonly apicEnabled: boolean;
  /** The hypervisor's leaves. */
  cpuid(leaf: number, subleaf: number, out: Uint32Array): void;
}

type Registers = readonly [eax: number, ebx: number, ecx: number, edx: number];
type Row = (vp: CpuidVp, subleaf: number) => Registers;

const MAX_BASIC = 0xb;
const MAX_EXTENDED = 0x8000001e;
const HYPERVISOR = 0x40000000;
const HYPERVISOR_LEAVES = 0x10000;
/**
 * With AMD as its vendor a guest does not isolate its page tables. Of AMD's 64-bit families this is the one for which
 * Linux has no errata to work around, and among those for which it takes the fewest measures against side channels:
 * what is left is Spectre's.
 */
const FAMILY = 0x11;
const NAME = 'Ringlet x86-64 processor';
const NAME_BYTES = 48;
/** "AuthenticAMD", in EBX, EDX, ECX. */
const VENDOR = [0x68747541, 0x444d4163, 0x69746e65] as const;
const LINEAR_ADDRESS_BITS = 48;
const FLUSH_BYTES = 64;
const APIC_BIT = 1 << 9;
const ZERO: Registers = [0, 0, 0, 0];
const NO_TLB = 0;
/**
 * Not what is there, but what makes a C library choose well. It copies up to the size of level 2 by REP MOVSB, which is one
 * copy here, and goes round the cache by many single stores beyond level 3. In KiB; level 3 is of all cores together.
 */
const CACHES = [
  { level: 1, type: 1, size: 64, ways: 2 },
  { level: 1, type: 2, size: 64, ways: 2 },
  { level: 2, type: 3, size: 16_384, ways: 16 },
  { level: 3, type: 3, size: 65_536, ways: 16 },
] as const;
/** The same as older leaves have it: one line a tag, 64-byte lines; code 8 stands for 16 ways, level 3 counts by 512 KiB. */
const LEVEL_1 = (CACHES[0].size << 24) | (CACHES[0].ways << 16) | (1 << 8) | FLUSH_BYTES;
const LEVEL_2 = (CACHES[2].size << 16) | (8 << 12) | (1 << 8) | FLUSH_BYTES;
const LEVEL_3 = ((CACHES[3].size / 512) << 18) | (8 << 12) | (1 << 8) | FLUSH_BYTES;
/** Bits of a cache that looks after itself from the start. */
const SELF_INITIALISING = 1 << 8;
/** What the field of processors that share a cache holds at most. */
const MOST_SHARING = 0xfff;
/** EDX of leaf 0x80000001 repeats these bits of leaf 1. */
const REPEATED = 0x0183_f3ff;

/** CPUID of one machine's processors. Holds no state of theirs. */
export class CpuidModel {
  /** What it announces, in the order of the table. */
  readonly features: ReadonlySet<CpuFeature>;
  readonly #rows: ReadonlyMap<number, Row>;

  constructor({ features, vps, name = NAME, family = FAMILY, model = 0, stepping = 0 }: CpuidOptions) {
    invariant(Number.isInteger(vps) && vps >= 1 && vps <= 0x8000, 'a machine has 1 … 32768 processors');
    const all = new Set<CpuFeature>([...features, ...PLATFORM_FEATURES]);
    if (vps > 1) all.add('ht').add('cmp_legacy');
    this.features = new Set((Object.keys(featureBits) as CpuFeature[]).filter((feature) => all.has(feature)));

    const bits = (leaf: number): Registers => this.#bits(leaf);
    const signature = sign(family, model, stepping);
    const [ebx, ecx, edx] = VENDOR;
    const idBits = Math.ceil(Math.log2(vps));
    const brand = words(name);
    this.#rows = new Map<number, Row>([
      [0, () => [MAX_BASIC, ebx, ecx, edx]],
      [
        1,
        (vp) => {
          const [, , c, d] = bits(1);
          const topology = ((vp.index & 0xff) << 24) | (Math.min(vps, 0xff) << 16) | ((FLUSH_BYTES / 8) << 8);
          return [signature, topology, c, vp.apicEnabled ? d : d & ~APIC_BIT];
        },
      ],
      [6, () => bits(6)],
      // EAX: the highest subleaf.
      [7, (_, subleaf) => (subleaf === 0 ? bits(7) : ZERO)],
      [0xb, ({ index }, subleaf) => level(index, subleaf, vps, idBits)],
      [0x80000000, () => [MAX_EXTENDED, ebx, ecx, edx]],
      [
        0x80000001,
        (vp) => {
          const [, , c, d] = bits(0x80000001);
          const repeated = bits(1)[3] & REPEATED;
          return [signature, 0, c, d | (vp.apicEnabled ? repeated : repeated & ~APIC_BIT)];
        },
      ],
      ...[0, 1, 2].map((part): [number, Row] => [
        0x80000002 + part,
        () => brand.slice(4 * part, 4 * part + 4) as unknown as Registers,
      ]),
      [0x80000005, () => [NO_TLB, NO_TLB, LEVEL_1, LEVEL_1]],
      [0x80000006, () => [NO_TLB, NO_TLB, LEVEL_2, LEVEL_3]],
      [0x80000007, () => bits(0x80000007)],
      [0x80000008, () => [PHYSICAL_ADDRESS_BITS | (LINEAR_ADDRESS_BITS << 8), 0, (vps - 1) | (idBits << 12), 0]],
      [0x8000001d, (_, subleaf) => cache(subleaf, vps)],
      // Its own APIC id, its core with one thread, one node.
      [0x8000001e, ({ index }) => [index, index & 0xff, 0, 0]],
    ]);
  }

  /** Fills `out` with EAX, EBX, ECX and EDX of a leaf, as the guest of `vp` sees it. */
  fill(vp: CpuidVp, leaf: number, subleaf: number, out: Uint32Array): void {
    const number = leaf >>> 0;
    if (number - HYPERVISOR >= 0 && number - HYPERVISOR < HYPERVISOR_LEAVES) vp.cpuid(number, subleaf, out);
    else out.set(this.#rows.get(number)?.(vp, subleaf >>> 0) ?? ZERO);
  }

  #bits(leaf: number): Registers {
    const registers: [number, number, number, number] = [0, 0, 0, 0];
    for (const feature of this.features) {
      const [at, register, bit] = featureBits[feature];
      if (at === leaf) registers[register] |= 1 << bit;
    }
    return registers;
  }
}

/** EAX of leaf 1. Families from 15 on, and what their models have beyond four bits, stand in fields of their own. */
function sign(family: number, model: number, stepping: number): number {
  invariant(family >= 0xf && family <= 0x10e, 'the family is one of 64-bit processors');
  invariant(model >= 0 && model <= 0xff && stepping >= 0 && stepping <= 0xf, 'model and stepping fit their fields');
  return ((family - 0xf) << 20) | ((model >>> 4) << 16) | (0xf << 8) | ((model & 0xf) << 4) | stepping;
}

/** Leaf 0x8000001D: one cache a subleaf. */
function cache(subleaf: number, vps: number): Registers {
  const found = CACHES[subleaf];
  if (found === undefined) return ZERO;
  const { level, type, size, ways } = found;
  const sharing = level === 3 ? Math.min(vps - 1, MOST_SHARING) : 0;
  const sets = (size * 1024) / FLUSH_BYTES / ways;
  return [
    (sharing << 14) | SELF_INITIALISING | (level << 5) | type,
    ((ways - 1) << 22) | (FLUSH_BYTES - 1),
    sets - 1,
    0,
  ];
}

/** Leaf 0xB: one thread a core, then all cores of the package. */
function level(id: number, subleaf: number, vps: number, idBits: number): Registers {
  if (subleaf === 0) return [0, 1, 0x100, id];
  if (subleaf === 1) return [idBits, vps, 0x201, id];
  return [0, 0, subleaf & 0xff, id];
}

function words(name: string): number[] {
  invariant(name.length < NAME_BYTES && /^[\x20-\x7e]*$/.test(name), 'the name is at most 47 ASCII characters');
  const bytes = Uint8Array.from({ length: NAME_BYTES }, (_, n) => (n < name.length ? name.charCodeAt(n) : 0));
  const view = new DataView(bytes.buffer);
  return Array.from({ length: NAME_BYTES / 4 }, (_, n) => view.getUint32(4 * n, true));
}
