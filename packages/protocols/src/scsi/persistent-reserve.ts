/** Persistent reservations: service actions, types and parameter data (SPC-4 5.13, 6.15, 6.16). Big-endian. */
import { flags, type Infer, packed, reserved, struct, u16be, u32be, u64be, u8 } from '@ringlet/wire';

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
  flags: flags(u8, { SpecifyInitiators: 0x08, AllTargetPorts: 0x04, PersistThroughPowerLoss: 0x01 }),
  _reserved: reserved(3),
});
export type ReserveOutParameters = Infer<typeof ReserveOutParameters>;

/** Header of READ KEYS, READ RESERVATION and READ FULL STATUS data. */
export const ReserveInHeader = struct('PERSISTENT RESERVE IN header', 8, {
  generation: u32be,
  additionalLength: u32be,
});

/** One entry of READ KEYS data. */
export const ReservationKey = struct('reservation key', 8, { key: u64be });

/** The reservation descriptor of READ RESERVATION data. */
export const ReservationDescriptor = struct('reservation descriptor', 16, {
  key: u64be,
  _obsolete: reserved(4),
  _reserved: reserved(1),
  type: packed(u8, { scope: [4, 4, { Unit: 0 }], reservationType: [0, 4, ReservationType] }),
  _obsolete2: reserved(2),
});

/** REPORT CAPABILITIES data. */
export const ReserveCapabilities = struct('REPORT CAPABILITIES data', 8, {
  length: u16be,
  flags: u8,
  flags2: packed(u8, { typeMaskValid: [7, 1] }),
  typeMask: flags(u16be, {
    ExclusiveAccessAllRegistrants: 0x0001,
    ExclusiveAccess: 0x0800,
    WriteExclusive: 0x0200,
    WriteExclusiveAllRegistrants: 0x8000,
    WriteExclusiveRegistrantsOnly: 0x2000,
    ExclusiveAccessRegistrantsOnly: 0x4000,
  }),
  _reserved: reserved(2),
});

/** {@link ReserveCapabilities} mask of all six types: WR_EX, EX_AC, WR_EX_RO, EX_AC_RO, WR_EX_AR, and EX_AC_AR in the second byte. */
export const ALL_RESERVATION_TYPES = 0xea01;
