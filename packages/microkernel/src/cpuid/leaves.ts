/**
 * Hypervisor CPUID leaves (TLFS, "Hypervisor CPUID Leaves"), with the values that Linux and Windows guests look for.
 *
 * Each row fills EAX, EBX, ECX, EDX. A leaf that is not here is all zeros: in the hypervisor's range nothing falls back
 * to the highest basic leaf, as it does on Intel's.
 */
import { PartitionWord } from '../state/layout.ts';
import type { VpContext } from '../vp/context.ts';

type Leaf = (vp: VpContext) => readonly [number, number, number, number];

/** Highest hypervisor leaf. */
const MAX_HYPERVISOR_LEAF = 0x4000000a;

/** Leaf 3 EDX: frequency registers (8), crash registers (10), direct synthetic timers (19). */
const FEATURES = 0x00080500;
/** Leaf 4 EAX: relaxed timing (5), SINTs without auto-EOI preferred (9). */
const RECOMMENDATIONS = 0x220;
/** Leaf 4 EBX: never notify of long spin waits unless asked to. */
const SPIN_RETRIES = 0xffff_ffff;
/** Leaf 1 ECX: there is a hypervisor. */
const HYPERVISOR_PRESENT = 0x8000_0000;
/** Leaf 1 EDX: there is a local APIC. */
const APIC_PRESENT = 1 << 9;
const LOGICAL_PROCESSORS = 2048;

const BUILD = 20348;
const VERSION = (10 << 16) | 0;

/** Rows by leaf. */
export const leaves: ReadonlyMap<number, Leaf> = new Map<number, Leaf>([
  [0x00000000, () => [1, 0, 0, 0]],
  [0x00000001, (vp) => [0, (vp.index & 0xff) << 24, HYPERVISOR_PRESENT, APIC_PRESENT]],
  // "Microsoft Hv": guests look for this name, and for nothing else, before they use the interface.
  [0x40000000, () => [MAX_HYPERVISOR_LEAF, 0x7263694d, 0x666f736f, 0x76482074]],
  // "Hv#1"
  [0x40000001, () => [0x31237648, 0, 0, 0]],
  [0x40000002, () => [BUILD, VERSION, 0, 0]],
  [0x40000003, (vp) => [privileges(vp, 0), privileges(vp, 1), 0, FEATURES]],
  [0x40000004, () => [RECOMMENDATIONS, SPIN_RETRIES, 0, 0]],
  [0x40000005, (vp) => [vp.core.state.vpLimit(vp.partitionSlot), LOGICAL_PROCESSORS, 0, 0]],
]);

/** Fills `out` with EAX, EBX, ECX, EDX of a leaf. The subleaf distinguishes nothing here. */
export function cpuid(vp: VpContext, leaf: number, out: Uint32Array): void {
  out.fill(0);
  const row = leaves.get(leaf >>> 0);
  if (row !== undefined) out.set(row(vp));
}

const privileges = (vp: VpContext, half: 0 | 1): number => vp.core.words[vp.record + PartitionWord.Privileges + half]!;
