/** The devices of a machine that its ACPI tables describe: a handful of ports. The rest hangs on the VMBus. */
import { IO_APIC_BASE, Pin, Port, RESET_VALUE } from '../../platform/ports.ts';

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
  /** Its interrupt, edge-triggered, a pin of the I/O APIC; `undefined` when it has none and must be polled. */
  readonly serialInterrupt: number | undefined;
  /** Address of the I/O APIC's registers, or `undefined` without one. */
  readonly ioApic: number | undefined;
  /** Whether there is a real-time clock at its usual ports. */
  readonly realTimeClock: boolean;
}

/** What this platform's own devices are. */
export const DEFAULT_PLATFORM: PlatformDescription = {
  reset: { port: Port.Reset, value: RESET_VALUE },
  sleepControl: Port.SleepControl,
  sleepStatus: Port.SleepStatus,
  serialPort: Port.Com1,
  serialInterrupt: Pin.Com1,
  ioApic: IO_APIC_BASE,
  realTimeClock: true,
};
