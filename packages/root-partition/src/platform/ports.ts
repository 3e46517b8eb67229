/** I/O ports of the platform, as its devices take them and as firmware tables and guests name them. */

/** First port of each device, in address order. */
export const Port = {
  FirstPic: 0x20,
  IntervalTimer: 0x40,
  KeyboardData: 0x60,
  SystemControlB: 0x61,
  KeyboardCommand: 0x64,
  RealTimeClock: 0x70,
  PostCode: 0x80,
  SystemControlA: 0x92,
  SecondPic: 0xa0,
  DebugOutput: 0xe9,
  /** A byte written here ends the machine with that exit code. */
  Exit: 0xf4,
  Com1: 0x3f8,
  PicTrigger: 0x4d0,
  /** SLEEP_CONTROL_REG, SLEEP_STATUS_REG and RESET_REG of the FADT: system I/O, 8 bits. */
  SleepControl: 0x600,
  SleepStatus: 0x601,
  Reset: 0x602,
  PciAddress: 0xcf8,
  ResetControl: 0xcf9,
  PciData: 0xcfc,
} as const;

/** Guest-physical address of the I/O APIC's registers: where PCs have it. */
export const IO_APIC_BASE = 0xfec0_0000;
/** Pins of the I/O APIC, which are also the numbers of ISA interrupts. */
export const Pin = { Com1: 4 } as const;

/** RESET_VALUE of the FADT: what is to be written to {@link Port.Reset}. */
export const RESET_VALUE = 0x42;
/** SLP_TYP of the sleeping state S5, soft off: both values of the package \_S5. */
export const SLEEP_TYPE_S5 = 5;
/** Register of the real-time clock that holds the century: byte 108 of the FADT. */
export const CENTURY_REGISTER = 0x32;
