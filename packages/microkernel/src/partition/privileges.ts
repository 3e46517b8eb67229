/**
 * What a partition may do: HV_PARTITION_PRIVILEGE_MASK (TLFS, "Partition Privilege Flags"). The same 64 bits that CPUID
 * leaf 0x40000003 shows in EAX and EBX. Root and children make the same calls; only this mask differs.
 */
import { PartitionWord, type State } from '../state/layout.ts';

/** Bit numbers of the mask. */
export const Privilege = {
  AccessVpRunTimeReg: 0,
  AccessPartitionReferenceCounter: 1,
  AccessSynicRegs: 2,
  AccessSyntheticTimerRegs: 3,
  AccessIntrCtrlRegs: 4,
  AccessHypercallMsrs: 5,
  AccessVpIndex: 6,
  AccessResetReg: 7,
  AccessPartitionReferenceTsc: 9,
  AccessFrequencyRegs: 11,
  CreatePartitions: 32,
  AccessPartitionId: 33,
  PostMessages: 36,
  SignalEvents: 37,
  CreatePort: 38,
  ConnectPort: 39,
  CpuManagement: 44,
  AccessVpRegisters: 49,
  StartVirtualProcessor: 53,
} as const;

/** A bit number of the mask. */
export type Privilege = (typeof Privilege)[keyof typeof Privilege];

/** The mask with these bits set. */
export const privilegeMask = (...bits: readonly Privilege[]): bigint =>
  bits.reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);

/**
 * What Linux expects of a child partition: its own registers, messages and events, and nothing else. Neither
 * AccessPartitionId (Linux would make that call before it has an output page) nor CpuManagement (Linux would take itself
 * for the root partition).
 */
export const CHILD_PRIVILEGES: bigint = privilegeMask(
  Privilege.AccessPartitionReferenceCounter,
  Privilege.AccessSynicRegs,
  Privilege.AccessSyntheticTimerRegs,
  Privilege.AccessIntrCtrlRegs,
  Privilege.AccessHypercallMsrs,
  Privilege.AccessVpIndex,
  Privilege.AccessPartitionReferenceTsc,
  Privilege.AccessFrequencyRegs,
  Privilege.PostMessages,
  Privilege.SignalEvents,
);

/** Everything. */
export const ROOT_PRIVILEGES: bigint = privilegeMask(...Object.values(Privilege));

/** Whether the partition with this record has a privilege. Allocates nothing. */
export function hasPrivilege(state: State, record: number, bit: Privilege): boolean {
  return ((state.words[record + PartitionWord.Privileges + (bit >>> 5)]! >>> (bit & 31)) & 1) !== 0;
}
