/**
 * MADT: the processors, in the order that Linux numbers them, the one that boots first; then the I/O APIC, if there is one.
 *
 * ACPI specification 6.4, section 5.2.12. Ids up to 254 have an entry for the local APIC, those above one for the
 * x2APIC; never both. No entry that moves the local APIC: with one, Linux takes the table for absent. No source overrides
 * either: ISA interrupts have the pins of their numbers, edge-triggered, which is what holds where nothing else is said.
 */
import { reserved, struct, u32, u8 } from '@ringlet/wire';
import { table } from './table.ts';

const REVISION = 5;
const LOCAL_APIC_ADDRESS = 0xfee0_0000;
/** Highest id that an entry of the old kind may give: 255 addresses all. */
const HIGHEST_LOCAL_APIC = 254;
const ENABLED = 1;

const Head = struct('MADT', 8, { localApicAddress: u32, flags: u32 });
const LocalApic = struct('LOCAL_APIC', 8, { type: u8, length: u8, uid: u8, apicId: u8, flags: u32 });
const LocalX2apic = struct('LOCAL_X2APIC', 16, {
  type: u8,
  length: u8,
  _reserved: reserved(2),
  apicId: u32,
  flags: u32,
  uid: u32,
});

/** The ids of I/O APICs are theirs: local APICs have the same numbers. */
const IO_APIC_ID = 0;
const IoApic = struct('IO_APIC', 12, {
  type: u8,
  length: u8,
  id: u8,
  _reserved: reserved(1),
  address: u32,
  firstInterrupt: u32,
});

/**
 * Makes the MADT.
 *
 * @param apicIds - ids of all processors, the one that boots first
 * @param ioApic - address of the I/O APIC's registers
 */
export function makeMadt(apicIds: readonly number[], ioApic: number | undefined): Uint8Array {
  const entries = apicIds.map((apicId) =>
    apicId <= HIGHEST_LOCAL_APIC
      ? LocalApic.encode({ type: 0, length: LocalApic.size, uid: apicId, apicId, flags: ENABLED })
      : LocalX2apic.encode({ type: 9, length: LocalX2apic.size, apicId, flags: ENABLED, uid: apicId }),
  );
  if (ioApic !== undefined) {
    entries.push(IoApic.encode({ type: 1, length: IoApic.size, id: IO_APIC_ID, address: ioApic, firstInterrupt: 0 }));
  }
  const head = Head.encode({ localApicAddress: LOCAL_APIC_ADDRESS, flags: 0 });
  return table('APIC', REVISION, Buffer.concat([head, ...entries]));
}
