/**
 * All ACPI tables of a machine, laid out from one address on: RSDP, XSDT, FADT, MADT, DSDT.
 *
 * ACPI specification 6.4, section 5.2. No FACS, as hardware-reduced machines have none; no MCFG, as there is no PCI.
 */
import { bytes, reserved, struct, u32, u64, u8 } from '@ringlet/wire';
import type { MemoryMap } from '../memory-map.ts';
import { makeDsdt } from './dsdt.ts';
import { makeFadt } from './fadt.ts';
import { makeMadt } from './madt.ts';
import type { PlatformDescription } from './platform-description.ts';
import { ascii, complement, OEM_ID, table } from './table.ts';

/** Root System Description Pointer, section 5.2.5.3. */
const Rsdp = struct('RSDP', 36, {
  signature: bytes(8),
  checksum: u8,
  oemId: bytes(6),
  revision: u8,
  rsdtAddress: u32,
  length: u32,
  xsdtAddress: u64,
  extendedChecksum: u8,
  _reserved: reserved(3),
});

const REVISION = 2;
/** Bytes that the first checksum covers. */
const FIRST_PART = 20;
/** Tables start at multiples of this. */
const ALIGNMENT = 64;

/** The tables of a machine, to be put where they were made for. */
export interface AcpiTables {
  /** Address of the RSDP: the start. */
  readonly rsdp: number;
  readonly data: Uint8Array;
}

/**
 * Makes the tables.
 *
 * @param start - address they will lie at
 * @param map - for the windows of the VMBus
 * @param apicIds - ids of all processors, the one that boots first
 */
export function makeAcpiTables(
  start: number,
  map: MemoryMap,
  apicIds: readonly number[],
  platform: PlatformDescription,
): AcpiTables {
  const placed: { at: number; data: Uint8Array }[] = [];
  let next = start + aligned(Rsdp.size);
  const put = (data: Uint8Array): number => {
    const at = next;
    placed.push({ at, data });
    next += aligned(data.length);
    return at;
  };
  const dsdt = put(makeDsdt(map, platform));
  const fadt = put(makeFadt(dsdt, platform));
  const madt = put(makeMadt(apicIds, platform.ioApic));
  const xsdt = put(table('XSDT', 1, new Uint8Array(BigUint64Array.of(BigInt(fadt), BigInt(madt)).buffer)));

  const all = new Uint8Array(next - start);
  all.set(makeRsdp(xsdt));
  for (const { at, data } of placed) all.set(data, at - start);
  return { rsdp: start, data: all };
}

function makeRsdp(xsdt: number): Uint8Array {
  const rsdp = Rsdp.encode({
    signature: ascii('RSD PTR '),
    checksum: 0,
    oemId: OEM_ID,
    revision: REVISION,
    rsdtAddress: 0,
    length: Rsdp.size,
    xsdtAddress: BigInt(xsdt),
    extendedChecksum: 0,
  });
  rsdp[Rsdp.at.checksum] = complement(rsdp.subarray(0, FIRST_PART));
  rsdp[Rsdp.at.extendedChecksum] = complement(rsdp);
  return rsdp;
}

function aligned(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}
