/** What the hypervisor's own overlay pages hold: the hypercall page and the reference TSC page. */

const PAGE_WORDS = 1024;
/** vmcall (0f 01 c1), ret (c3). */
const VMCALL_RET = 0xc3c1010f;
/** int3: whoever jumps elsewhere in the page notices. */
const INT3 = 0xcccccccc;

/** Fills the page at `words[at]` with the hypercall page (TLFS, "Establishing the Hypercall Interface"). */
export function hypercallPage(words: Int32Array, at: number): void {
  words.fill(INT3, at, at + PAGE_WORDS);
  words[at] = VMCALL_RET;
}

/**
 * Fills the page at `words[at]` with the reference TSC page (TLFS, "Partition Reference TSC Mechanism").
 *
 *     +0 sequence u32 · +4 0 · +8 scale u64 · +16 offset i64        time = ((tsc * scale) >> 64) + offset
 *
 * The TSC starts with the partition, so the offset is 0.
 */
export function referenceTscPage(words: Int32Array, at: number, sequence: number, frequency: bigint): void {
  const scale = (10_000_000n << 64n) / frequency;
  words.fill(0, at, at + PAGE_WORDS);
  words[at + 2] = Number(BigInt.asIntN(32, scale));
  words[at + 3] = Number(BigInt.asIntN(32, scale >> 32n));
  words[at] = sequence;
}

/** The sequence number after `sequence`. Never 0, nor 0xffffffff as older guests have it: both tell "do not use". */
export function nextSequence(sequence: number): number {
  const next = (sequence + 1) | 0;
  return next === 0 || next === -1 ? 1 : next;
}
