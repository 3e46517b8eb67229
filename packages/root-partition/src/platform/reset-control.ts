/**
 * ResetControl: the two registers by which PC chipsets reset their processor, 0xCF9 and 0x92.
 *
 *     0xCF9   bit 1 whole system, bit 2 reset when it goes from 0 to 1, bit 3 power cycle
 *     0x92    bit 0 reset when it goes from 0 to 1, bit 1 address line 20, which is always on here
 *
 * 0xCF9 lies within the PCI address register, which there is only in four bytes: see {@link AbsentPci}.
 */
import type { PortDevice } from './port-bus.ts';
import { Port } from './ports.ts';

/** What reset control needs. */
export interface ResetWorld {
  /** {@link RESET_CONTROL_WORDS} words of shared state. */
  readonly words: Int32Array;
  readonly reset: () => void;
}

/** What the registers hold. */
export interface SavedResetControl {
  /** The byte at port CF9h. */
  readonly resetControl: number;
  /** The byte at port 92h. */
  readonly systemControlA: number;
}

/** Words of shared state that reset control takes. */
export const RESET_CONTROL_WORDS = 2;
const At = { ResetControl: 0, SystemControlA: 1 } as const;
const RESET_CPU = 4;
const RESET_CONTROL_BITS = 0x0e;
const FAST_RESET = 1;
const ADDRESS_LINE_20 = 2;

/** One thread's view of the two registers. */
export class ResetControl implements PortDevice {
  readonly name = 'reset-control';
  readonly ports = [
    [Port.SystemControlA, 1],
    [Port.ResetControl, 1],
  ] as const;
  readonly #words: Int32Array;
  readonly #reset: () => void;

  constructor({ words, reset }: ResetWorld) {
    this.#words = words;
    this.#reset = reset;
  }

  read(port: number): number {
    if (port === Port.ResetControl) return Atomics.load(this.#words, At.ResetControl);
    return Atomics.load(this.#words, At.SystemControlA) | ADDRESS_LINE_20;
  }

  write(port: number, value: number): void {
    const control = port === Port.ResetControl;
    const at = control ? At.ResetControl : At.SystemControlA;
    const before = Atomics.exchange(this.#words, at, control ? value & RESET_CONTROL_BITS : value);
    if ((value & ~before & (control ? RESET_CPU : FAST_RESET)) !== 0) this.#reset();
  }

  reset(): void {
    this.restore({ resetControl: 0, systemControlA: 0 });
  }

  save(): SavedResetControl {
    return {
      resetControl: Atomics.load(this.#words, At.ResetControl),
      systemControlA: Atomics.load(this.#words, At.SystemControlA),
    };
  }

  restore(saved: SavedResetControl): void {
    Atomics.store(this.#words, At.ResetControl, saved.resetControl & RESET_CONTROL_BITS);
    Atomics.store(this.#words, At.SystemControlA, saved.systemControlA & 0xff);
  }

  inspect(): Record<string, unknown> {
    return { ...this.save() };
  }
}
