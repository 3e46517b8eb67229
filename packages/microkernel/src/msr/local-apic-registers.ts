/**
 * MSRs of the local APIC: 0x1B, 0x6E0 and, in x2APIC mode, 0x800-0x83F (Intel SDM volume 3, "x2APIC Register Address
 * Space"). They exist for a VP that has an APIC; for others, as for whatever mode lacks them, they fault.
 */
import { FIRST_MSR, apicRows } from '../apic/registers.ts';
import type { VpContext } from '../vp/context.ts';
import { GP, type Msr } from './table.ts';

/** Rows in address order. */
export const localApicRegisters: readonly (readonly [number, Msr])[] = [
  [
    0x1b,
    {
      name: 'IA32_APIC_BASE',
      privilege: undefined,
      read: (vp) => (vp.apic.present ? vp.apic.base : GP),
      write: (vp, value) => (vp.apic.present && vp.apic.writeBase(value) ? undefined : GP),
    },
  ],
  [
    0x6e0,
    {
      name: 'IA32_TSC_DEADLINE',
      privilege: undefined,
      read: (vp) => (vp.apic.present ? vp.apic.tscDeadline : GP),
      write: (vp, value) => {
        if (!vp.apic.present) return GP;
        vp.apic.tscDeadline = value;
      },
    },
  ],
  ...apicRows.flatMap((row, number): [number, Msr][] => {
    if (row === undefined || row.only === 'xapic') return [];
    const read = (vp: VpContext): bigint | GP => vp.apic.readMsr(number) ?? GP;
    const write = (vp: VpContext, value: bigint): void | GP => (vp.apic.writeMsr(number, value) ? undefined : GP);
    const msr: Msr = {
      name: `x2APIC ${row.name}`,
      privilege: undefined,
      ...(row.read === undefined ? {} : { read }),
      ...(row.write === undefined || row.writable === 'xapic' ? {} : { write }),
    };
    return [[FIRST_MSR + number, msr]];
  }),
];
