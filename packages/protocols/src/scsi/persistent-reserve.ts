/** Persistent reservations: service actions, types and parameter data (SPC-4 5.13, 6.15, 6.16). Big-endian. */
import { type Infer, reserved, struct, u16be, u32be, u64be, u8 } from '@ringlet/wire';

/** Service actions of PERSISTENT RESERVE IN. */
export const ReserveIn = { ReadKeys: 0, ReadReservation: 1, ReportCapabilities: 2, ReadFullStatus: 3 } as const;

/** Service actions of PERSISTENT RESERVE OUT. */
export const ReserveOut = {
  Register: 0,
  Reserve: 1,
  Release: 2,
  Clear: 3,
  Preempt: 4,
  PreemptAndAbort: 5,
  RegisterAndIgnoreExistingKey: 6,
} as const;

/** Types of reservation. */
export const ReservationType = {
  WriteExclusive: 1,
  ExclusiveAccess: 3,
  WriteExclusiveRegistrantsOnly: 5,
  ExclusiveAccessRegistrantsOnly: 6,
  WriteExclusiveAllRegistrants: 7,
  ExclusiveAccessAllRegistrants: 8,
} as const;

/** Parameter list of PERSISTENT RESERVE OUT. */
export const ReserveOutParameters = struct('PERSISTENT RESERVE OUT parameter list', 24, {
  key: u64be,
  serviceActionKey: u64be,
  _obsolete: reserved(4),
  /** SPEC_I_PT 08h, ALL_TG_PT 04h, APTPL 01h. */
  flags: u8,
  _reserved: reserved(3),
});
export type ReserveOutParameters = Infer<typeof ReserveOutParameters>;

/** Header of READ KEYS, READ RESERVATION and READ FULL STATUS data. */
export const ReserveInHeader = struct('PERSISTENT RESERVE IN header', 8, {
  generation: u32be,
  additionalLength: u32be,
});

/** The reservation descriptor of READ RESERVATION data. */
export const ReservationDescriptor = struct('reservation descriptor', 16, {
  key: u64be,
  _obsolete: reserved(4),
  _reserved: reserved(1),
  /** Scope (top four bits, 0: the unit) and type. */
  type: u8,
  _obsolete2: reserved(2),
});

/** REPORT CAPABILITIES data. */
export const ReserveCapabilities = struct('REPORT CAPABILITIES data', 8, {
  length: u16be,
  flags: u8,
  /** Bit 7, TMV: the mask is valid. */
  flags2: u8,
  typeMask: u16be,
  _reserved: reserved(2),
});

/** {@link ReserveCapabilities} mask of all six types: WR_EX, EX_AC, WR_EX_RO, EX_AC_RO, WR_EX_AR, and EX_AC_AR in the second byte. */
export const ALL_RESERVATION_TYPES = 0xea01;
