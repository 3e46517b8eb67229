/**
 * Registers of the local APIC, one row each. Row n stands at offset 16 × n of the register page (xAPIC) and is MSR
 * 0x800 + n (x2APIC): Intel SDM volume 3, "Local APIC Register Address Map" and "x2APIC Register Address Space".
 *
 * A row without `read` is write-only, one without `write` read-only: as an MSR the other access faults; in the page it
 * reads 0, or does nothing. Bits outside `bits` fault when they are written to the MSR, and are ignored in the page.
 */
import { COMMAND_BITS, logicalX2, wideDestination } from './interrupt-command.ts';
import { ApicAt, Local, LOCAL_MASKED, SOFTWARE_ENABLE } from './layout.ts';
import type { LocalApic } from './local-apic.ts';
import { processorPriority } from './priority.ts';
import { currentCount } from './timer.ts';
import { VpWord } from '../state/layout.ts';

/** One register. */
export interface ApicRegister {
  /** The specification's name. */
  readonly name: string;
  /** The one mode that has it; absent: both. */
  readonly only?: 'xapic' | 'x2apic';
  /** 32 bits, unsigned or signed. */
  readonly read?: (apic: LocalApic) => number;
  readonly write?: (apic: LocalApic, value: number) => void;
  /** The one mode in which it can be written; absent: both. */
  readonly writable?: 'xapic';
  /** Bits that can be written. */
  readonly bits?: number;
  /** Bits that are read-only, and may be written with anything. */
  readonly fixed?: number;
}

/** First MSR of the x2APIC registers. */
export const FIRST_MSR = 0x800;
/** Number of the interrupt command register. In x2APIC mode it has 64 bits and the row after it does not exist. */
export const COMMAND = 0x30;
/** Numbers that rows can have. */
const REGISTER_COUNT = 0x40;

/** Version 0x14, which has the modern bits; entries of the local vector table - 1. */
const VERSION = 0x0005_0014;
const ALL = 0xffff_ffff;
const DELIVERY_STATUS = 1 << 12;
const REMOTE_REQUEST = 1 << 14;

const at =
  (field: number) =>
  (apic: LocalApic): number =>
    apic.words[apic.at + field]!;

/** Rows by number. */
export const apicRows: readonly (ApicRegister | undefined)[] = rows([
  [0x02, { name: 'Local APIC ID', read: (apic) => (apic.x2 ? apic.index : (apic.index & 0xff) << 24) }],
  [0x03, { name: 'Local APIC Version', read: () => VERSION }],
  [
    0x08,
    {
      name: 'Task Priority',
      read: (apic) => apic.taskPriority,
      write: (apic, value) => void (apic.taskPriority = value),
      bits: 0xff,
    },
  ],
  // The arbitration priority of processors with a bus for their APICs.
  [0x09, { name: 'Arbitration Priority', only: 'xapic', read: () => 0 }],
  [0x0a, { name: 'Processor Priority', read: (apic) => processorPriority(apic.words, apic.record) }],
  [0x0b, { name: 'EOI', write: (apic) => apic.endOfInterrupt(), bits: 0 }],
  [
    0x0d,
    {
      name: 'Logical Destination',
      read: (apic) => (apic.x2 ? logicalX2(apic.index) : at(ApicAt.LogicalDestination)(apic)),
      write: (apic, value) => void Atomics.store(apic.words, apic.at + ApicAt.LogicalDestination, value),
      writable: 'xapic',
      bits: 0xff00_0000,
    },
  ],
  [
    0x0e,
    {
      name: 'Destination Format',
      only: 'xapic',
      read: at(ApicAt.DestinationFormat),
      write: (apic, value) => void Atomics.store(apic.words, apic.at + ApicAt.DestinationFormat, value | 0x0fff_ffff),
      bits: 0xf000_0000,
    },
  ],
  [
    0x0f,
    {
      name: 'Spurious Interrupt Vector',
      read: at(ApicAt.SpuriousVector),
      write: (apic, value) => apic.setSpuriousVector(value),
      bits: SOFTWARE_ENABLE | 0xff,
    },
  ],
  ...bank(0x10, (n) => ({ name: `In-Service ${n}`, read: at(ApicAt.InService + n) })),
  ...bank(0x18, (n) => ({
    name: `Trigger Mode ${n}`,
    read: (apic) => Atomics.load(apic.words, apic.at + ApicAt.TriggerMode + n),
  })),
  ...bank(0x20, (n) => ({
    name: `Interrupt Request ${n}`,
    read: (apic) => Atomics.load(apic.words, apic.record + VpWord.Pending + n),
  })),
  [0x28, { name: 'Error Status', read: at(ApicAt.ErrorStatus), write: (apic) => apic.latchErrors(), bits: 0 }],
  [
    COMMAND,
    {
      name: 'Interrupt Command',
      // As it is written in the page. The MSR has the destination in the same write.
      read: at(ApicAt.CommandLow),
      write: (apic, value) => {
        const high = apic.words[apic.at + ApicAt.CommandHigh]!;
        apic.command(value, high, wideDestination(high >>> 24));
      },
      bits: COMMAND_BITS,
      fixed: DELIVERY_STATUS,
    },
  ],
  [
    0x31,
    {
      name: 'Interrupt Command High',
      only: 'xapic',
      read: at(ApicAt.CommandHigh),
      write: (apic, value) => void (apic.words[apic.at + ApicAt.CommandHigh] = value),
      bits: 0xff00_0000,
    },
  ],
  [0x32, local('Timer', Local.Timer, LOCAL_MASKED | 0x6_00ff, DELIVERY_STATUS)],
  [0x33, local('Thermal Sensor', Local.Thermal, LOCAL_MASKED | 0x7ff, DELIVERY_STATUS)],
  [0x34, local('Performance Monitoring', Local.Performance, LOCAL_MASKED | 0x7ff, DELIVERY_STATUS)],
  [0x35, local('LINT0', Local.Lint0, LOCAL_MASKED | 0xa7ff, DELIVERY_STATUS | REMOTE_REQUEST)],
  [0x36, local('LINT1', Local.Lint1, LOCAL_MASKED | 0xa7ff, DELIVERY_STATUS | REMOTE_REQUEST)],
  [0x37, local('Error', Local.Error, LOCAL_MASKED | 0xff, DELIVERY_STATUS)],
  [
    0x38,
    {
      name: 'Initial Count',
      read: at(ApicAt.InitialCount),
      write: (apic, value) => apic.setInitialCount(value),
      bits: ALL,
    },
  ],
  [0x39, { name: 'Current Count', read: (apic) => currentCount(apic.words, apic.at, apic.now()) }],
  [
    0x3e,
    {
      name: 'Divide Configuration',
      read: at(ApicAt.Divide),
      write: (apic, value) => apic.setDivide(value),
      bits: 0b1011,
    },
  ],
  [0x3f, { name: 'Self IPI', only: 'x2apic', write: (apic, value) => apic.selfInterrupt(value), bits: 0xff }],
]);

function local(name: string, position: number, bits: number, fixed: number): ApicRegister {
  return {
    name: `Local Vector: ${name}`,
    read: at(ApicAt.LocalVectors + position),
    write: (apic, value) => apic.setLocalVector(position, value),
    bits,
    fixed,
  };
}

function bank(first: number, row: (n: number) => ApicRegister): [number, ApicRegister][] {
  return Array.from({ length: 8 }, (_, n) => [first + n, row(n)]);
}

function rows(listed: readonly (readonly [number, ApicRegister])[]): (ApicRegister | undefined)[] {
  const byNumber = new Map(listed);
  return Array.from({ length: REGISTER_COUNT }, (_, n) => byNumber.get(n));
}
