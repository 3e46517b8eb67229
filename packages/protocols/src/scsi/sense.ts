/**
 * Sense data: why a command ended with CHECK CONDITION (SPC-4, 4.5; codes in annex F).
 *
 * A reason is one number, `key << 16 | asc << 8 | ascq`, so that it can be returned, stored and compared as it is.
 */
import { type Infer, named, packed, reserved, struct, u16be, u32be, u8 } from '@ringlet/wire';

/** Sense keys: the coarse class of a reason. */
export const SenseKey = {
  NoSense: 0x0,
  NotReady: 0x2,
  MediumError: 0x3,
  HardwareError: 0x4,
  IllegalRequest: 0x5,
  UnitAttention: 0x6,
  DataProtect: 0x7,
  AbortedCommand: 0xb,
  Miscompare: 0xe,
} as const;

/** The reasons that this project gives, each `key << 16 | additional code << 8 | qualifier`. */
export const Sense = {
  None: 0x00_0000,
  MediumNotPresent: 0x02_3a00,
  MediumNotPresentTrayOpen: 0x02_3a02,
  NotReadyStopped: 0x02_0402,
  WriteError: 0x03_0c00,
  UnrecoveredReadError: 0x03_1100,
  InternalTargetFailure: 0x04_4400,
  ParameterListLength: 0x05_1a00,
  InvalidOperationCode: 0x05_2000,
  LbaOutOfRange: 0x05_2100,
  InvalidFieldInCdb: 0x05_2400,
  LogicalUnitNotSupported: 0x05_2500,
  InvalidFieldInParameterList: 0x05_2600,
  InvalidReleaseOfReservation: 0x05_2604,
  SavingParametersNotSupported: 0x05_3900,
  MediumRemovalPrevented: 0x05_5302,
  InsufficientRegistrationResources: 0x05_5504,
  IllegalModeForThisTrack: 0x05_6400,
  MediumMayHaveChanged: 0x06_2800,
  ScsiBusReset: 0x06_2902,
  BusDeviceReset: 0x06_2903,
  ReservationsPreempted: 0x06_2a03,
  ReservationsReleased: 0x06_2a04,
  RegistrationsPreempted: 0x06_2a05,
  CapacityDataChanged: 0x06_2a09,
  ReportedLunsDataChanged: 0x06_3f0e,
  WriteProtected: 0x07_2700,
  SpaceAllocationFailed: 0x07_2707,
  CommandsClearedByDevice: 0x0b_2f00,
  Miscompare: 0x0e_1d00,
} as const;

/** Additional codes and qualifiers, `asc << 8 | ascq`, by the name of the first reason that has them. */
const additional = Object.fromEntries(Object.entries(Sense).map(([name, reason]) => [name, reason & 0xffff]));

/** Fixed-format sense data, current error (SPC-4, 4.5.3), with the two trailing bytes that vstor's 20 leave. */
export const FixedSense = struct('fixed format sense data', 20, {
  responseCode: packed(u8, {
    informationValid: [7, 1],
    responseCode: [0, 7, { CurrentFixed: 0x70, DeferredFixed: 0x71 }],
  }),
  _obsolete: reserved(1),
  key: packed(u8, { fileMark: [7, 1], endOfMedium: [6, 1], incorrectLength: [5, 1], key: [0, 4, SenseKey] }),
  information: u32be,
  /** Bytes behind this one. */
  additionalLength: u8,
  commandSpecific: u32be,
  /** Additional code and its qualifier. */
  reason: named(u16be, additional),
  _replaceable: reserved(6),
});
export type FixedSense = Infer<typeof FixedSense>;

/** Bytes of sense data that mean something: 8 and the 10 that follow. */
export const FIXED_SENSE_SIZE = 18;

/** Writes fixed-format sense data for one of {@link Sense}: 20 bytes at `at`. Makes no object. */
export function writeSense(target: Uint8Array, at: number, sense: number): void {
  target.fill(0, at, at + FixedSense.size);
  target[at + FixedSense.at.responseCode] = 0x70;
  target[at + FixedSense.at.key] = sense >> 16;
  target[at + FixedSense.at.additionalLength] = FIXED_SENSE_SIZE - 8;
  target[at + FixedSense.at.reason] = sense >> 8;
  target[at + FixedSense.at.reason + 1] = sense;
}

/** Reads sense data in fixed or descriptor format back into one number. @returns 0 for any other format. */
export function readSense(source: Uint8Array, at = 0): number {
  const format = source[at]! & 0x7f;
  if (format === 0x70 || format === 0x71) {
    return ((source[at + 2]! & 0xf) << 16) | (source[at + 12]! << 8) | source[at + 13]!;
  }
  if (format === 0x72 || format === 0x73) {
    return ((source[at + 1]! & 0xf) << 16) | (source[at + 2]! << 8) | source[at + 3]!;
  }
  return Sense.None;
}
