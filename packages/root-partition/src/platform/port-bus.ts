/**
 * PortBus: the 65536 I/O ports. Finds the device of a port in one look-up, and allocates nothing.
 *
 * Devices are eight bits wide, as on an ISA bus: a wider access becomes one for each byte, lowest port first, unless the
 * device is `wide`. A port that no device has reads all ones and swallows what is written; both are counted.
 */
import { invariant } from '@ringlet/wire';

/** Bytes of one access. */
export type PortWidth = 1 | 2 | 4;

/** Something with ports. Its state lies in memory that all threads of the machine share; any of them may call. */
export interface PortDevice {
  /** For `ringlet inspect`. */
  readonly name: string;
  /** Runs of ports: first port and how many. */
  readonly ports: readonly (readonly [first: number, count: number])[];
  /** Takes accesses of two and four bytes as they are. */
  readonly wide?: boolean;
  /** Reads a port. @returns as many bits as `width` has bytes for */
  read(port: number, width: PortWidth): number;
  /** Writes a port. */
  write(port: number, value: number, width: PortWidth): void;
}

/** Words of shared state that a bus takes. */
export const PORT_BUS_WORDS = 2 + 2 * 16 + 2 * 32;
const READS = 0;
const WRITES = 1;
/** Ports that nobody has, as far as there is room: port + 1, then accesses. */
const STRANGERS = 2;
const STRANGER_COUNT = 16;
/** Reads and writes of each device. */
const DEVICES = STRANGERS + 2 * STRANGER_COUNT;

const PORTS = 0x10000;
const NOBODY = 0;
const MOST_DEVICES = 32;

/** One thread's view of the ports. */
export class PortBus {
  readonly #devices: PortDevice[];
  /** For each port 1 + the position of its device; 0: nobody's. */
  readonly #table = new Uint8Array(PORTS);
  readonly #words: Int32Array;

  /**
   * @param words - {@link PORT_BUS_WORDS} words of shared state
   * @throws Error when two devices want the same port
   */
  constructor(words: Int32Array, devices: readonly PortDevice[]) {
    invariant(devices.length <= MOST_DEVICES, 'there are at most 32 devices with ports');
    this.#words = words;
    this.#devices = [...devices];
    for (const [position, device] of devices.entries()) {
      for (const [first, count] of device.ports) {
        invariant(first >= 0 && count > 0 && first + count <= PORTS, `${device.name} has ports that exist`);
        for (let port = first; port < first + count; port++) {
          invariant(this.#table[port] === NOBODY, `port 0x${port.toString(16)} has one device`);
          this.#table[port] = position + 1;
        }
      }
    }
  }

  /** The devices, in the order in which they were given. */
  get devices(): readonly PortDevice[] {
    return this.#devices;
  }

  /** IN: `width` bytes from `port`, unsigned. */
  read(port: number, width: PortWidth): number {
    const owner = this.#table[port & 0xffff]!;
    if (owner === NOBODY) {
      if (width === 1 || !this.#anyone(port, width)) {
        this.#stranger(port & 0xffff, READS);
        return width === 4 ? 0xffff_ffff : width === 2 ? 0xffff : 0xff;
      }
    } else {
      const device = this.#devices[owner - 1]!;
      if (width === 1 || device.wide === true) {
        Atomics.add(this.#words, DEVICES + 2 * owner - 2, 1);
        return clip(device.read(port, width), width);
      }
    }
    let value = 0;
    for (let byte = 0; byte < width; byte++) value |= this.read((port + byte) & 0xffff, 1) << (8 * byte);
    return value >>> 0;
  }

  /** OUT: the low `width` bytes of `value` to `port`. */
  write(port: number, value: number, width: PortWidth): void {
    const owner = this.#table[port & 0xffff]!;
    if (owner === NOBODY) {
      if (width === 1 || !this.#anyone(port, width)) return this.#stranger(port & 0xffff, WRITES);
    } else {
      const device = this.#devices[owner - 1]!;
      if (width === 1 || device.wide === true) {
        Atomics.add(this.#words, DEVICES + 2 * owner - 1, 1);
        return device.write(port, clip(value, width), width);
      }
    }
    for (let byte = 0; byte < width; byte++) this.write((port + byte) & 0xffff, value >>> (8 * byte), 1);
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    const strangers: Record<string, number> = {};
    for (let n = 0; n < STRANGER_COUNT; n++) {
      const port = Atomics.load(this.#words, STRANGERS + 2 * n);
      if (port !== 0) strangers[`0x${(port - 1).toString(16)}`] = this.#words[STRANGERS + 2 * n + 1]! >>> 0;
    }
    const counted = this.#devices.map(({ name, ports }, position) => {
      const at = DEVICES + 2 * position;
      const [reads, writes] = [Atomics.load(this.#words, at) >>> 0, Atomics.load(this.#words, at + 1) >>> 0];
      return [name, { ports: ports.map(([first, count]) => portRange(first, count)).join(', '), reads, writes }];
    });
    return {
      devices: Object.fromEntries(counted),
      unclaimedReads: Atomics.load(this.#words, READS) >>> 0,
      unclaimedWrites: Atomics.load(this.#words, WRITES) >>> 0,
      unclaimedPorts: strangers,
    };
  }

  /** Whether a port of a wide access that starts at nobody's has a device. */
  #anyone(port: number, width: PortWidth): boolean {
    for (let byte = 1; byte < width; byte++) if (this.#table[(port + byte) & 0xffff] !== NOBODY) return true;
    return false;
  }

  /** Counts an access to a port that nobody has. Other threads do so too. */
  #stranger(port: number, counter: number): void {
    Atomics.add(this.#words, counter, 1);
    for (let n = 0; n < STRANGER_COUNT; n++) {
      const at = STRANGERS + 2 * n;
      const known = Atomics.compareExchange(this.#words, at, 0, port + 1);
      if (known !== 0 && known !== port + 1) continue;
      Atomics.add(this.#words, at + 1, 1);
      return;
    }
  }
}

const clip = (value: number, width: PortWidth): number =>
  width === 1 ? value & 0xff : width === 2 ? value & 0xffff : value >>> 0;

/** Ports as people write them: `0x3f8-0x3ff`. */
const portRange = (first: number, count: number): string =>
  [first, first + count - 1]
    .slice(0, count === 1 ? 1 : 2)
    .map((port) => `0x${port.toString(16)}`)
    .join('-');
