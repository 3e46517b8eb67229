/**
 * MemoryBus: guest-physical addresses of the platform's own devices, which lie outside of RAM. Registers have 32 bits; what
 * nobody has reads all ones and swallows what is written.
 */

/** A device with registers of 32 bits in memory. Its state lies in memory that all threads share; any of them may call. */
export interface MemoryDevice {
  /** For `ringlet inspect`. */
  readonly name: string;
  /** Guest-physical address of its first register, and bytes. */
  readonly base: number;
  /** Bytes of addresses that it answers. */
  readonly bytes: number;
  /** Reads the register at `offset`. */
  read(offset: number): number;
  /** Writes the register at an offset from `base`. */
  write(offset: number, value: number): void;
}

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** One thread's view of the devices' memory. */
export class MemoryBus {
  readonly #devices: readonly MemoryDevice[];

  constructor(devices: readonly MemoryDevice[]) {
    this.#devices = devices;
  }

  /** Reads up to eight bytes, of which a device gives the first four. */
  read(gpa: number): bigint {
    const device = this.#at(gpa);
    return device === undefined ? ALL_ONES : BigInt(device.read(gpa - device.base) >>> 0);
  }

  /** A write of a processor. Where no device is, it is lost. */
  write(gpa: number, value: bigint): void {
    const device = this.#at(gpa);
    device?.write(gpa - device.base, Number(value & 0xffff_ffffn));
  }

  #at(gpa: number): MemoryDevice | undefined {
    for (const device of this.#devices) if (gpa >= device.base && gpa - device.base < device.bytes) return device;
    return undefined;
  }
}
