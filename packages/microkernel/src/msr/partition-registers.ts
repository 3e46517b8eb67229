/**
 * Synthetic MSRs 0x40000000-0x40000023 and 0x40000073 (TLFS, "Synthetic MSRs"): identity, the hypercall page, time,
 * reset, and the VP assist page.
 */
import { Privilege } from '../partition/privileges.ts';
import { PartitionWord, VpWord } from '../state/layout.ts';
import { lock, unlock } from '../state/lock.ts';
import { writeOverlay } from '../synic/overlay-page.ts';
import type { VpContext } from '../vp/context.ts';
import { APIC_FREQUENCY, TSC_FREQUENCY } from './frequencies.ts';
import { hypercallPage, referenceTscPage, nextSequence } from './pages.ts';
import { allBut, GP, type Msr } from './table.ts';

const ENABLE = 1n;
const LOCKED = 2n;
const PAGE_BITS = 0xffff_ffff_ffff_f000n;

/** Rows in address order. */
export const partitionRegisters: readonly (readonly [number, Msr])[] = [
  [
    0x40000000,
    {
      name: 'HV_X64_MSR_GUEST_OS_ID',
      privilege: Privilege.AccessHypercallMsrs,
      read: (vp) => vp.core.state.quad(vp.record + PartitionWord.GuestOsId),
      write(vp, value) {
        vp.core.state.setQuad(vp.record + PartitionWord.GuestOsId, value);
        // A guest without an identity makes no hypercalls: its page goes with it.
        if (value === 0n) underLock(vp, () => setHypercallPage(vp, 0n));
      },
      sample: 0x8100_0006_0001_0000n,
    },
  ],
  [
    0x40000001,
    {
      name: 'HV_X64_MSR_HYPERCALL',
      privilege: Privilege.AccessHypercallMsrs,
      read: (vp) => {
        const locked = vp.core.words[vp.record + PartitionWord.HypercallLocked] === 1 ? LOCKED : 0n;
        return vp.core.state.quad(vp.record + PartitionWord.HypercallMsr) | locked;
      },
      write: (vp, value) => underLock(vp, () => writeHypercall(vp, value)),
      reserved: allBut(PAGE_BITS | LOCKED | ENABLE),
      sample: 0x3000n,
    },
  ],
  [0x40000002, { name: 'HV_X64_MSR_VP_INDEX', privilege: Privilege.AccessVpIndex, read: (vp) => BigInt(vp.index) }],
  [
    0x40000003,
    {
      name: 'HV_X64_MSR_RESET',
      privilege: Privilege.AccessResetReg,
      read: () => 0n,
      write(vp, value) {
        if (value === 0n) return;
        Atomics.add(vp.core.words, vp.record + PartitionWord.Resets, 1);
        vp.core.outside.reset?.(vp.partition);
      },
      reserved: allBut(1n),
    },
  ],
  [
    0x40000010,
    {
      name: 'HV_X64_MSR_VP_RUNTIME',
      privilege: Privilege.AccessVpRunTimeReg,
      read: (vp) => vp.core.state.quad(vp.vpRecord + VpWord.RunTime),
    },
  ],
  [
    0x40000020,
    {
      name: 'HV_X64_MSR_TIME_REF_COUNT',
      privilege: Privilege.AccessPartitionReferenceCounter,
      read: (vp) => BigInt(vp.core.referenceTime(vp.record)),
    },
  ],
  [
    0x40000021,
    {
      name: 'HV_X64_MSR_REFERENCE_TSC',
      privilege: Privilege.AccessPartitionReferenceTsc,
      read: (vp) => vp.core.state.quad(vp.record + PartitionWord.ReferenceTscMsr),
      write: (vp, value) => underLock(vp, () => writeReferenceTsc(vp, value)),
      reserved: allBut(PAGE_BITS | ENABLE),
      sample: 0x4001n,
    },
  ],
  [
    0x40000022,
    { name: 'HV_X64_MSR_TSC_FREQUENCY', privilege: Privilege.AccessFrequencyRegs, read: () => TSC_FREQUENCY },
  ],
  [
    0x40000023,
    { name: 'HV_X64_MSR_APIC_FREQUENCY', privilege: Privilege.AccessFrequencyRegs, read: () => APIC_FREQUENCY },
  ],
  [
    0x40000073,
    {
      name: 'HV_X64_MSR_VP_ASSIST_PAGE',
      privilege: Privilege.AccessIntrCtrlRegs,
      read: (vp) => vp.core.state.quad(vp.vpRecord + VpWord.AssistMsr),
      write(vp, value) {
        // The page is the guest's to read, and "no EOI needed" is never set in it.
        const at = vp.vpRecord + VpWord.AssistMsr;
        const done = overlay(vp, at, vp.core.state.assistPage(vp.vpSlot), value);
        if (!done) return GP;
      },
      reserved: allBut(PAGE_BITS | ENABLE),
      sample: 0x5001n,
    },
  ],
];

function writeHypercall(vp: VpContext, value: bigint): void | GP {
  const { words, state } = vp.core;
  if (words[vp.record + PartitionWord.HypercallLocked] === 1) return GP;
  // Without an identity the enable bit stays clear (TLFS, "Establishing the Hypercall Interface").
  const named = state.quad(vp.record + PartitionWord.GuestOsId) !== 0n;
  const asked = value & ~LOCKED & (named ? ~0n : ~ENABLE);
  if (!setHypercallPage(vp, asked)) return GP;
  if ((value & LOCKED) !== 0n) words[vp.record + PartitionWord.HypercallLocked] = 1;
}

/** Lays the hypercall page over the guest page that `value` names, or lifts it. @returns whether that was possible. */
function setHypercallPage(vp: VpContext, value: bigint): boolean {
  const { words, state } = vp.core;
  const at = vp.record + PartitionWord.HypercallMsr;
  const other = state.hypercallPage(vp.partitionSlot);
  // While it is off, the page's content waits in the state: it is made anew for every enabling.
  if ((words[at]! & 1) === 0 && (value & ENABLE) !== 0n) hypercallPage(words, other);
  return overlay(vp, at, other, value);
}

function writeReferenceTsc(vp: VpContext, value: bigint): void | GP {
  const { words, state } = vp.core;
  const at = vp.record + PartitionWord.ReferenceTscMsr;
  const other = state.tscPage(vp.partitionSlot);
  if ((words[at]! & 1) === 0 && (value & ENABLE) !== 0n) {
    const sequence = nextSequence(words[vp.record + PartitionWord.TscSequence]!);
    words[vp.record + PartitionWord.TscSequence] = sequence;
    referenceTscPage(words, other, sequence, TSC_FREQUENCY);
  }
  if (!overlay(vp, at, other, value)) return GP;
}

/** Writes a register that places an overlay. */
function overlay(vp: VpContext, at: number, other: number, value: bigint): boolean {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return writeOverlay(vp.core.words, at, other, vp.memory, low, high);
}

/** Runs `change` while no other VP of the partition changes the registers that they share. */
function underLock<T>(vp: VpContext, change: () => T): T {
  lock(vp.core.words, vp.record + PartitionWord.Lock);
  const result = change();
  unlock(vp.core.words, vp.record + PartitionWord.Lock);
  return result;
}
