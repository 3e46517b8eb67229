/**
 * FADT: what hardware there is in the sense of ACPI, which is next to none ("hardware-reduced"): a register to reset by,
 * and two to switch off by. ACPI specification 6.4, section 5.2.9.
 */
import { bytes, reserved, struct, u16, u32, u64, u8 } from '@ringlet/wire';
import { CENTURY_REGISTER } from '../../platform/ports.ts';
import type { PlatformDescription } from './platform-description.ts';
import { ascii, table, TableHeader } from './table.ts';

/** Generic Address Structure, section 5.2.3.2. */
const GenericAddress = struct('GENERIC_ADDRESS', 12, { space: u8, width: u8, offset: u8, access: u8, address: u64 });

/** Fixed ACPI Description Table after its header; fields of hardware that is not there are reserved. */
const Fadt = struct('FADT', 276 - 36, {
  firmwareControl: u32,
  dsdt: u32,
  _interruptModel: reserved(1),
  profile: u8,
  _legacy: reserved(62),
  century: u8,
  bootFlags: u16,
  _reserved: reserved(1),
  flags: u32,
  resetRegister: GenericAddress,
  resetValue: u8,
  armBootFlags: u16,
  minorVersion: u8,
  extendedFirmwareControl: u64,
  extendedDsdt: u64,
  _extendedLegacy: reserved(96),
  sleepControl: GenericAddress,
  sleepStatus: GenericAddress,
  hypervisor: bytes(8),
});

const REVISION = 6;
const MINOR_VERSION = 4;
const IO_SPACE = 1;
const BYTE_ACCESS = 1;

const BootFlag = { NoVga: 1 << 2, NoClock: 1 << 5 } as const;
const Flag = {
  WriteBackInvalidate: 1 << 0,
  HaltState: 1 << 2,
  NoPowerButton: 1 << 4,
  NoSleepButton: 1 << 5,
  ResetRegister: 1 << 10,
  HardwareReduced: 1 << 20,
} as const;

/** Makes the FADT. @param dsdt - address of the DSDT */
export function makeFadt(dsdt: number, platform: PlatformDescription): Uint8Array {
  const body = Fadt.encode({
    firmwareControl: 0,
    dsdt,
    profile: 0,
    century: platform.realTimeClock ? CENTURY_REGISTER : 0,
    bootFlags: BootFlag.NoVga | (platform.realTimeClock ? 0 : BootFlag.NoClock),
    flags:
      Flag.WriteBackInvalidate |
      Flag.HaltState |
      Flag.NoPowerButton |
      Flag.NoSleepButton |
      Flag.ResetRegister |
      Flag.HardwareReduced,
    resetRegister: port(platform.reset.port),
    resetValue: platform.reset.value,
    armBootFlags: 0,
    minorVersion: MINOR_VERSION,
    extendedFirmwareControl: 0n,
    extendedDsdt: BigInt(dsdt),
    sleepControl: port(platform.sleepControl),
    sleepStatus: port(platform.sleepStatus),
    hypervisor: ascii('Ringlet'),
  });
  return table('FACP', REVISION, body);
}

/** Byte offsets of FADT fields in the whole table, for tests and tools. */
export const FADT_AT = Object.fromEntries(
  Object.entries(Fadt.at).map(([field, at]) => [field, TableHeader.size + at]),
) as Readonly<Record<keyof typeof Fadt.at, number>>;

function port(address: number): { space: number; width: number; offset: number; access: number; address: bigint } {
  return { space: IO_SPACE, width: 8, offset: 0, access: BYTE_ACCESS, address: BigInt(address) };
}
