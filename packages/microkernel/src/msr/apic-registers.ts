/**
 * Synthetic MSRs 0x40000070-0x40000072 (TLFS, "Virtual Interrupt Control"): fast access to the local APIC's EOI, ICR and
 * TPR, for processors whose interrupts are the VP's vector bitmap alone.
 */
import { Privilege } from '../partition/privileges.ts';
import { VpWord } from '../state/layout.ts';
import { FIRST_VECTOR } from '../vp/interrupts.ts';
import type { VpContext } from '../vp/context.ts';
import { allBut, type Msr } from './table.ts';

/** ICR: vector 0-7, delivery mode 8-10, logical destination 11, shorthand 18-19, destination 56-63. */
const ICR_BITS = 0xff00_0000_000c_cfffn;
const Shorthand = { None: 0, Self: 1, All: 2, Others: 3 } as const;
const DELIVERY_FIXED = 0;

/** Rows in address order. */
export const apicRegisters: readonly (readonly [number, Msr])[] = [
  [
    0x40000070,
    {
      name: 'HV_X64_MSR_EOI',
      privilege: Privilege.AccessIntrCtrlRegs,
      // Taking an interrupt from the bitmap completes it. Nothing is in service, and an EOI then does nothing.
      write: () => {},
      reserved: allBut(0xffff_ffffn),
    },
  ],
  [
    0x40000071,
    {
      name: 'HV_X64_MSR_ICR',
      privilege: Privilege.AccessIntrCtrlRegs,
      write: sendInterrupt,
      reserved: allBut(ICR_BITS),
    },
  ],
  [
    0x40000072,
    {
      name: 'HV_X64_MSR_TPR',
      privilege: Privilege.AccessIntrCtrlRegs,
      read: (vp) => BigInt(vp.core.words[vp.vpRecord + VpWord.Tpr]!),
      write: (vp, value) => void (vp.core.words[vp.vpRecord + VpWord.Tpr] = Number(value)),
      reserved: allBut(0xffn),
      sample: 0x20n,
    },
  ],
];

/** A fixed interrupt to one VP by its index, or by shorthand. What names no VP of the partition goes nowhere, as on a bus. */
function sendInterrupt(vp: VpContext, value: bigint): void {
  const low = Number(value & 0xffff_ffffn);
  const vector = low & 0xff;
  const logical = (low & (1 << 11)) !== 0;
  if (((low >>> 8) & 7) !== DELIVERY_FIXED || logical || vector < FIRST_VECTOR) return;
  const { core, partition } = vp;
  const shorthand = (low >>> 18) & 3;
  if (shorthand === Shorthand.None) return core.raise(partition, Number(value >> 56n), vector);
  if (shorthand === Shorthand.Self) return core.raise(partition, vp.index, vector);
  for (let index = 0; index < core.state.vpLimit(vp.partitionSlot); index++) {
    if (index !== vp.index || shorthand === Shorthand.All) core.raise(partition, index, vector);
  }
}
