/**
 * PowerControl: the sleep control, sleep status and reset registers of hardware-reduced ACPI (ACPI 6.5, section 4.8.3.7,
 * 4.8.3.6).
 *
 *     sleep control   bits 2-4 SLP_TYP, bit 5 SLP_EN        sleep status   bit 7 WAK_STS, cleared by writing 1
 *
 * S5, soft off, is the only sleeping state there is. Nothing wakes a machine, so the status is always 0.
 */
import type { PortDevice } from './port-bus.ts';
import { Port, RESET_VALUE, SLEEP_TYPE_S5 } from './ports.ts';

/** What power control needs. */
export interface PowerWorld {
  readonly powerOff: () => void;
  readonly reset: () => void;
}

const TYPE_SHIFT = 2;
const TYPE = 7;
const ENABLE = 1 << 5;

/** The registers. They have no state. */
export class PowerControl implements PortDevice {
  readonly name = 'power-control';
  readonly ports = [[Port.SleepControl, 3]] as const;
  readonly #world: PowerWorld;

  constructor(world: PowerWorld) {
    this.#world = world;
  }

  read(): number {
    return 0;
  }

  write(port: number, value: number): void {
    if (port === Port.Reset) {
      if (value === RESET_VALUE) this.#world.reset();
    } else if (port === Port.SleepControl && (value & ENABLE) !== 0) {
      if (((value >>> TYPE_SHIFT) & TYPE) === SLEEP_TYPE_S5) this.#world.powerOff();
    }
  }
}
