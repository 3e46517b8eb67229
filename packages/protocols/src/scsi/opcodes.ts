/** SCSI operation codes, service actions and status bytes (SPC-4, SBC-3, MMC-6, SAM-5). */

/** First byte of a CDB. A peer may write any other number. */
export const ScsiOp = {
  TestUnitReady: 0x00,
  RequestSense: 0x03,
  Read6: 0x08,
  Write6: 0x0a,
  Inquiry: 0x12,
  ModeSelect6: 0x15,
  ModeSense6: 0x1a,
  StartStopUnit: 0x1b,
  PreventAllowMediumRemoval: 0x1e,
  ReadCapacity10: 0x25,
  Read10: 0x28,
  Write10: 0x2a,
  Verify10: 0x2f,
  SynchronizeCache10: 0x35,
  WriteSame10: 0x41,
  Unmap: 0x42,
  ReadToc: 0x43,
  GetConfiguration: 0x46,
  GetEventStatusNotification: 0x4a,
  ReadDiscInformation: 0x51,
  ReadTrackInformation: 0x52,
  ModeSelect10: 0x55,
  ModeSense10: 0x5a,
  PersistentReserveIn: 0x5e,
  PersistentReserveOut: 0x5f,
  Read16: 0x88,
  Write16: 0x8a,
  Verify16: 0x8f,
  SynchronizeCache16: 0x91,
  WriteSame16: 0x93,
  ServiceActionIn16: 0x9e,
  ReportLuns: 0xa0,
  Read12: 0xa8,
  Write12: 0xaa,
  ReadDvdStructure: 0xad,
  MechanismStatus: 0xbd,
} as const;

/** Service action of SERVICE ACTION IN (16) that is READ CAPACITY (16). */
export const READ_CAPACITY_16 = 0x10;

/** Status byte of a command (SAM-5, 5.3.1). */
export const ScsiStatus = {
  Good: 0x00,
  CheckCondition: 0x02,
  Busy: 0x08,
  ReservationConflict: 0x18,
  TaskSetFull: 0x28,
} as const;

/** Peripheral device types (SPC-4, table 147). */
export const PeripheralType = {
  DirectAccess: 0x00,
  CdDvd: 0x05,
  /** Qualifier 3, type 0x1F: the target answers, this logical unit does not exist. */
  NotPresent: 0x7f,
} as const;
