/** INQUIRY answers: who a unit is, and what it can do (SPC-4 6.6 and 7.8, SBC-3 6.6). */
import {
  BLOCK_LIMITS_WSNZ,
  BlockCharacteristics,
  BlockLimits,
  BlockProvisioning,
  DesignatorHeader,
  INQUIRY_CMDQUE,
  INQUIRY_REMOVABLE,
  inquiryText,
  PeripheralType,
  ProvisioningFlag,
  StandardInquiry,
  VpdHeader,
  VpdPage,
} from '@ringlet/protocols';
import type { Disk } from '../../../backends/disk/disk.ts';

/** UNMAP descriptors that one command may carry. */
export const MAX_UNMAP_DESCRIPTORS = 256;
/** Blocks that one WRITE SAME may cover; a pattern other than zeroes is really written that often. */
export const MAX_WRITE_SAME_BLOCKS = 0x1_0000;

/** "Msft" makes Linux apply what it knows of Hyper-V's disks (no opcode reports, WRITE SAME by VPD only). */
const VENDOR = 'Msft';
const REVISION = '1.0';
const SPC_3 = 5;
const CODE_SET_BINARY = 1;
const CODE_SET_ASCII = 2;
const DESIGNATOR_T10 = 1;
const DESIGNATOR_NAA = 3;
const NAA_LOCAL = 3;

/** Standard INQUIRY data of a unit that exists. */
export function standardInquiry(peripheral: number, product: string): Uint8Array {
  return StandardInquiry.encode({
    peripheral,
    removable: peripheral === PeripheralType.CdDvd ? INQUIRY_REMOVABLE : 0,
    version: SPC_3,
    format: 2,
    additionalLength: StandardInquiry.size - 5,
    flags7: INQUIRY_CMDQUE,
    vendor: inquiryText(VENDOR, 8),
    product: inquiryText(product, 16),
    revision: inquiryText(REVISION, 4),
  });
}

/** Standard INQUIRY data where no unit is: only LUN 0 names the target, as Hyper-V has it. */
export function absentInquiry(lun: number): Uint8Array {
  const data = standardInquiry(PeripheralType.NotPresent, lun === 0 ? 'Virtual Disk' : '');
  if (lun !== 0) data.fill(0, StandardInquiry.at.flags7);
  return data;
}

/** Supported VPD Pages (00h). */
export function supportedPages(peripheral: number, pages: readonly number[]): Uint8Array {
  return vpd(peripheral, VpdPage.Supported, Uint8Array.from(pages));
}

/** Unit Serial Number (80h): the identity in hexadecimal digits. */
export function serialNumberPage(peripheral: number, id: Uint8Array): Uint8Array {
  return vpd(peripheral, VpdPage.UnitSerialNumber, ascii(hexOf(id)));
}

/** Device Identification (83h): a T10 designator with the whole identity, and a short, locally assigned NAA one. */
export function identificationPage(peripheral: number, id: Uint8Array): Uint8Array {
  const t10 = ascii(VENDOR.padEnd(8) + hexOf(id));
  const naa = Uint8Array.from({ length: 8 }, (_, i) => (id[i] ?? 0) ^ (id[i + 8] ?? 0));
  naa[0] = (NAA_LOCAL << 4) | (naa[0]! & 0xf);
  return vpd(
    peripheral,
    VpdPage.DeviceIdentification,
    Uint8Array.of(
      ...DesignatorHeader.encode({ codeSet: CODE_SET_ASCII, type: DESIGNATOR_T10, length: t10.length }),
      ...t10,
      ...DesignatorHeader.encode({ codeSet: CODE_SET_BINARY, type: DESIGNATOR_NAA, length: naa.length }),
      ...naa,
    ),
  );
}

/** Block Limits (B0h). The granularity is never 0 for a disk that unmaps: guests read 0 as "cannot". */
export function blockLimitsPage(disk: Disk, maxTransferBlocks: number): Uint8Array {
  const unmaps = disk.unmapGranularity > 0;
  return BlockLimits.encode({
    header: vpdHeader(PeripheralType.DirectAccess, VpdPage.BlockLimits, BlockLimits.size),
    flags: BLOCK_LIMITS_WSNZ,
    maxCompareAndWrite: 0,
    optimalTransferGranularity: disk.physicalSectorSize / disk.sectorSize,
    maxTransfer: maxTransferBlocks,
    optimalTransfer: 0,
    maxPrefetch: 0,
    maxUnmapBlocks: unmaps ? 0xffff_ffff : 0,
    maxUnmapDescriptors: unmaps ? MAX_UNMAP_DESCRIPTORS : 0,
    optimalUnmapGranularity: disk.unmapGranularity,
    unmapGranularityAlignment: unmaps ? 0x8000_0000 : 0,
    maxWriteSame: BigInt(MAX_WRITE_SAME_BLOCKS),
  });
}

/** Block Device Characteristics (B1h): nothing rotates. */
export function characteristicsPage(): Uint8Array {
  return BlockCharacteristics.encode({
    header: vpdHeader(PeripheralType.DirectAccess, VpdPage.BlockCharacteristics, BlockCharacteristics.size),
    rotationRate: 1,
  });
}

/** Logical Block Provisioning (B2h). */
export function provisioningPage(disk: Disk): Uint8Array {
  const unmaps = disk.unmapGranularity > 0;
  const { Unmap, WriteSame16, WriteSame10, ReadsZero } = ProvisioningFlag;
  return BlockProvisioning.encode({
    header: vpdHeader(PeripheralType.DirectAccess, VpdPage.LogicalBlockProvisioning, BlockProvisioning.size),
    thresholdExponent: 0,
    flags: unmaps ? Unmap | WriteSame16 | WriteSame10 | (disk.unmapReadsZero ? ReadsZero : 0) : 0,
    type: unmaps ? 2 : 0,
  });
}

function vpdHeader(
  peripheral: number,
  page: number,
  size: number,
): { peripheral: number; page: number; length: number } {
  return { peripheral, page, length: size - VpdHeader.size };
}

function vpd(peripheral: number, page: number, body: Uint8Array): Uint8Array {
  const header = VpdHeader.encode(vpdHeader(peripheral, page, VpdHeader.size + body.length));
  return Uint8Array.of(...header, ...body);
}

function hexOf(id: Uint8Array): string {
  return Array.from(id, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
