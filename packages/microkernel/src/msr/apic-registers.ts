/**
 * Synthetic MSRs 0x40000070-0x40000072 (TLFS, "Virtual Interrupt Control"): fast access to the local APIC's EOI, ICR and
 * TPR. A VP without an APIC has them too: its interrupts are its bitmap of vectors, and VPs are named by their index.
 */
import { sendCommand, wideDestination } from '../apic/interrupt-command.ts';
import { ApicAt, Delivery } from '../apic/layout.ts';
import { Privilege } from '../partition/privileges.ts';
import type { VpContext } from '../vp/context.ts';
import { allBut, GP, type Msr } from './table.ts';

/** ICR: vector 0-7, delivery mode 8-10, logical destination 11, shorthand 18-19, destination 56-63. */
const ICR_BITS = 0xff00_0000_000c_cfffn;
const DELIVERY_MODE = 7 << 8;
const LOGICAL = 1 << 11;

/** Rows in address order. */
export const apicRegisters: readonly (readonly [number, Msr])[] = [
  [
    0x40000070,
    {
      name: 'HV_X64_MSR_EOI',
      privilege: Privilege.AccessIntrCtrlRegs,
      // Taking an interrupt from the bitmap alone completes it: nothing is in service then, and this does nothing.
      write: (vp) => vp.apic.endOfInterrupt(),
      reserved: allBut(0xffff_ffffn),
    },
  ],
  [
    0x40000071,
    {
      name: 'HV_X64_MSR_ICR',
      privilege: Privilege.AccessIntrCtrlRegs,
      read: lastCommand,
      write: sendInterrupt,
      reserved: allBut(ICR_BITS),
    },
  ],
  [
    0x40000072,
    {
      name: 'HV_X64_MSR_TPR',
      privilege: Privilege.AccessIntrCtrlRegs,
      read: (vp) => BigInt(vp.apic.taskPriority),
      write: (vp, value) => void (vp.apic.taskPriority = Number(value)),
      reserved: allBut(0xffn),
      sample: 0x20n,
    },
  ],
];

/** As a write of the two xAPIC registers, whatever the APIC's mode: the destination has eight bits. */
function sendInterrupt(vp: VpContext, value: bigint): void {
  const low = Number(value & 0xffff_ffffn);
  const high = Number(value >> 32n);
  const destination = wideDestination(high >>> 24);
  if (vp.apic.present) vp.apic.command(low, high | 0, destination);
  // Without APICs there are no logical ids, and nothing but vectors can be sent.
  else if ((low & (DELIVERY_MODE | LOGICAL)) === Delivery.Fixed) sendCommand(vp, low, destination);
}

/** As the two xAPIC registers are read. A VP without an APIC keeps no command to be read. */
function lastCommand(vp: VpContext): bigint | GP {
  if (!vp.apic.present) return GP;
  const { words, at } = vp.apic;
  const high = words[at + ApicAt.CommandHigh]! >>> 0;
  return (BigInt(high) << 32n) | BigInt(words[at + ApicAt.CommandLow]! >>> 0);
}
