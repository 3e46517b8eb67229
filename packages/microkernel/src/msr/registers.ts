/** All MSRs of the microkernel, by index: synthetic ones, the local APIC's and the processor model's. Everything that is not here faults. */
import { Privilege } from '../partition/privileges.ts';
import { SYNIC_REGISTERS, type SynicRegister } from '../synic/index.ts';
import { apicRegisters } from './apic-registers.ts';
import { crashRegisters } from './crash-registers.ts';
import { localApicRegisters } from './local-apic-registers.ts';
import { modelRegisters } from './model-registers.ts';
import { partitionRegisters } from './partition-registers.ts';
import { GP, type Msr, type MsrTable } from './table.ts';

const FIRST_TIMER = 0x4000_00b0;

const rows = new Map<number, Msr>([
  ...localApicRegisters,
  ...modelRegisters,
  ...partitionRegisters,
  ...apicRegisters,
  ...[...SYNIC_REGISTERS].map(([index, register]) => [index, synicRow(index, register)] as const),
  ...crashRegisters,
]);

/** Rows by index. */
export const registers: MsrTable = new Map([...rows].map(([index, msr], counter) => [index, { ...msr, counter }]));

/** The interrupt controller's own row, as a row of this table. */
function synicRow(index: number, register: SynicRegister): Msr {
  const read = (vp: Parameters<NonNullable<Msr['read']>>[0]): bigint | GP => vp.synic.read(index) ?? GP;
  return {
    name: register.name,
    privilege: index < FIRST_TIMER ? Privilege.AccessSynicRegs : Privilege.AccessSyntheticTimerRegs,
    read,
    ...(register.write === undefined ? {} : { write: (vp, value) => (vp.synic.write(index, value) ? undefined : GP) }),
  };
}
