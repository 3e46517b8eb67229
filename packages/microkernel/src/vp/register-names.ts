/**
 * HV_REGISTER_NAME of the registers that hypercalls can read and write: the synthetic ones, by the MSR that holds them.
 * The processor's own registers are the processor's.
 */
import { writeRegister, readRegister, GP } from '../msr/table.ts';
import { registers } from '../msr/registers.ts';
import { VpWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import type { VpContext } from './context.ts';

/** [first name, how many, first MSR], in name order. */
const BANKS: readonly (readonly [number, number, number])[] = [
  [0x00000210, 6, 0x40000100], // HvRegisterGuestCrashP0 … P4, GuestCrashCtl
  [0x00090000, 1, 0x40000010], // HvRegisterVpRuntime
  [0x00090001, 1, 0x40000001], // HvX64RegisterHypercall
  [0x00090002, 1, 0x40000000], // HvRegisterGuestOsId
  [0x00090003, 1, 0x40000002], // HvRegisterVpIndex
  [0x00090004, 1, 0x40000020], // HvRegisterTimeRefCount
  [0x00090010, 3, 0x40000070], // HvX64RegisterEoi, Icr, Tpr
  [0x00090013, 1, 0x40000073], // HvRegisterVpAssistPage
  [0x00090017, 1, 0x40000021], // HvRegisterReferenceTsc
  [0x000a0000, 16, 0x40000090], // HvRegisterSint0 … 15
  [0x000a0010, 5, 0x40000080], // HvRegisterScontrol, Sversion, Sifp, Sipp, Eom
  [0x000b0000, 8, 0x400000b0], // HvRegisterStimer0Config, Stimer0Count … 3
];

/** MSR of each register name. */
const msrOfRegister: ReadonlyMap<number, number> = new Map(
  BANKS.flatMap(([name, count, msr]) => Array.from({ length: count }, (_, n): [number, number] => [name + n, msr + n])),
);

/** Reads a register of VP `index` of `partition` on behalf of `caller`. */
export function readRegisterByName(
  caller: VpContext,
  partition: number,
  index: number,
  name: number,
): bigint | HvStatus {
  const target = targetOf(caller, partition, index);
  if (typeof target === 'number') return target;
  const msr = msrOfRegister.get(name);
  const value = msr === undefined ? GP : readRegister(registers, target, msr);
  return value === GP ? HvStatus.InvalidParameter : value;
}

/** Writes a register of VP `index` of `partition`. Another VP's only while that VP waits to be started. */
export function writeRegisterByName(
  caller: VpContext,
  partition: number,
  index: number,
  name: number,
  value: bigint,
): HvStatus {
  const target = targetOf(caller, partition, index);
  if (typeof target === 'number') return target;
  // A VP's registers are written by its own thread alone; one that never ran has none yet.
  const self = target.vpSlot === caller.vpSlot;
  if (!self && Atomics.load(caller.core.words, target.vpRecord + VpWord.Started) !== 0) return HvStatus.InvalidVpState;
  const msr = msrOfRegister.get(name);
  if (msr === undefined || writeRegister(registers, target, msr, value) === GP) return HvStatus.InvalidParameter;
  return HvStatus.Success;
}

function targetOf(caller: VpContext, partition: number, index: number): VpContext | HvStatus {
  if (partition === caller.partition && index === caller.index) return caller;
  if (caller.core.vpSlot(partition, index) < 0) return HvStatus.InvalidVpIndex;
  return caller.core.context(partition, index) ?? HvStatus.OperationDenied;
}
