/**
 * Probe: which units a controller has and what each of them is, asked in the order in which Linux's SCSI layer and its
 * disk driver ask: INQUIRY of LUN 0 of each target, REPORT LUNS, INQUIRY and VPD pages of each unit, readiness, capacity,
 * write protection, cache.
 */
import {
  CACHING_WRITE_CACHE,
  CachingPage,
  MODE_WRITE_PROTECT,
  ModeHeader6,
  ModePage,
  PeripheralType,
  ProvisioningFlag,
  SenseKey,
  StandardInquiry,
  VpdHeader,
  VpdPage,
  BlockProvisioning,
} from '@ringlet/protocols';
import type { UnitDescription } from './block-device.ts';
import type { UnitAddress } from './slot.ts';
import { BlockStatus } from './storage-error.ts';
import type { UnitCommands } from './unit-commands.ts';

/** Targets of a path that are looked at. */
const TARGETS = 2;
/** Times a unit that is becoming ready is asked. */
const READY_ATTEMPTS = 3;
const DEFAULT_DVD_BLOCK = 2048;

/** Finds all units. @param paths - buses that are looked at */
export async function probeUnits(commands: UnitCommands, paths: number): Promise<UnitDescription[]> {
  const units: UnitDescription[] = [];
  for (let path = 0; path < paths; path++) {
    for (let target = 0; target < TARGETS; target++) {
      for (const lun of await lunsOf(commands, path, target)) {
        const unit = await describeUnit(commands, { path, target, lun });
        if (unit !== undefined) units.push(unit);
      }
    }
  }
  return units;
}

async function lunsOf(commands: UnitCommands, path: number, target: number): Promise<number[]> {
  const zero = { path, target, lun: 0 };
  const { status, data } = await commands.inquiry(zero, StandardInquiry.size);
  if (status !== BlockStatus.Ok || data.length < StandardInquiry.size) return [];
  // A target without LUN 0 may have others: its answer "not present" is an answer.
  const reported = await commands.reportLuns(zero);
  if (reported !== undefined) return reported;
  return data[0] === PeripheralType.NotPresent ? [] : [0];
}

/** Finds out what one unit is; `undefined` when it is none, or none that holds sectors. */
async function describeUnit(commands: UnitCommands, address: UnitAddress): Promise<UnitDescription | undefined> {
  const { status, data } = await commands.inquiry(address, 0xff);
  const inquiry = status === BlockStatus.Ok ? StandardInquiry.decode(data) : undefined;
  if (inquiry === undefined) return undefined;
  const optical = inquiry.peripheral === PeripheralType.CdDvd;
  if (!optical && inquiry.peripheral !== PeripheralType.DirectAccess) return undefined;

  const pages = (await commands.vitalPage(address, VpdPage.Supported)) ?? new Uint8Array(0);
  const page = (number: number): Promise<Uint8Array | undefined> =>
    pages.includes(number) ? commands.vitalPage(address, number) : Promise.resolve(undefined);
  const serial = text((await page(VpdPage.UnitSerialNumber)) ?? new Uint8Array(0));
  const provisioning = await page(VpdPage.LogicalBlockProvisioning);
  const provisioningFlags = provisioning?.[BlockProvisioning.at.flags - VpdHeader.size] ?? 0;

  const capacity = (await isReady(commands, address)) ? await commands.capacity(address) : undefined;
  const header = await commands.modePage(address, ModePage.All);
  const caching = optical ? undefined : await commands.modePage(address, ModePage.Caching);
  return {
    address,
    optical,
    vendor: text(inquiry.vendor),
    model: text(inquiry.product),
    serial,
    sectorSize: capacity?.sectorSize ?? (optical ? DEFAULT_DVD_BLOCK : 512),
    sectorCount: capacity?.sectorCount ?? 0,
    readOnly: optical || ((header?.[ModeHeader6.at.deviceSpecific] ?? 0) & MODE_WRITE_PROTECT) !== 0,
    writeCache: hasWriteCache(caching),
    canUnmap: (provisioningFlags & ProvisioningFlag.Unmap) !== 0,
    unmapReadsZero: (provisioningFlags & ProvisioningFlag.ReadsZero) !== 0,
  };
}

async function isReady(commands: UnitCommands, address: UnitAddress): Promise<boolean> {
  for (let attempt = 0; attempt < READY_ATTEMPTS; attempt++) {
    const status = await commands.testReady(address);
    if (status === BlockStatus.Ok) return true;
    if (status >> 16 === SenseKey.NotReady || status < 0) return false;
  }
  return false;
}

function hasWriteCache(sensed: Uint8Array | undefined): boolean {
  if (sensed === undefined) return false;
  const at = ModeHeader6.size + sensed[ModeHeader6.at.blockDescriptorLength]!;
  const isCaching = (sensed[at]! & 0x3f) === ModePage.Caching && sensed.length > at + CachingPage.at.flags;
  return isCaching && (sensed[at + CachingPage.at.flags]! & CACHING_WRITE_CACHE) !== 0;
}

/** ASCII without the spaces that fill a field. Anything else becomes a question mark. */
function text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?'))
    .join('')
    .trim();
}
