/** The devices of a machine that its ACPI tables describe: a handful of ports. The rest hangs on the VMBus. */

/** Where the machine's own devices are. */
export interface PlatformDescription {
  /** Writing `value` to this port resets the machine. */
  readonly reset: { readonly port: number; readonly value: number };
  /** Port of the sleep control register: bits 2-4 sleep type, bit 5 enters it. */
  readonly sleepControl: number;
  /** Port of the sleep status register: bit 7 is the wake status, cleared by writing 1. */
  readonly sleepStatus: number;
  /** First port of a 16550 serial port, or `undefined` without one. */
  readonly serialPort: number | undefined;
  /** Whether there is a real-time clock at ports 0x70 and 0x71. */
  readonly realTimeClock: boolean;
}

/** Sleep type of the state "soft off", as `\_S5` gives it. */
export const SOFT_OFF = 5;

/** The usual places: reset control where chipsets have it, COM1, and the clock of every PC. */
export const DEFAULT_PLATFORM: PlatformDescription = {
  reset: { port: 0xcf9, value: 0x06 },
  sleepControl: 0x604,
  sleepStatus: 0x605,
  serialPort: 0x3f8,
  realTimeClock: true,
};
