/**
 * IoApic: an Intel 82093AA I/O APIC with the EOI register of its successors (ICH datasheets, "Advanced Programmable
 * Interrupt Controller"). It turns the level of 24 pins into interrupt messages for local APICs.
 *
 *     +00 select   +10 window on the register selected   +40 EOI: a vector
 *     00 id   01 version   02 arbitration id   10+2n, 11+2n  entry of pin n, lower and upper half:
 *
 *     63       56        16  15   14   13   12  11  10 8 7      0
 *     ┌──────────┬──────┬───┬────┬────┬────┬───┬───┬────┬────────┐
 *     │ dest.    │      │msk│levl│rIRR│low │dly│log│mode│ vector │
 *     └──────────┴──────┴───┴────┴────┴────┴───┴───┴────┴────────┘
 *
 * An edge-triggered pin sends when it rises, and forgets what rises while it is masked. A level-triggered one sends while
 * it is high and its remote IRR is clear; the end of the interrupt at the local APIC clears that. A message that no
 * processor takes leaves it clear, and is sent again with the next change. Devices here drive their pins active-high, so
 * the polarity bit is kept and means nothing. There is no 8259 behind an entry of mode ExtINT, and no SMI.
 */
import { lockDevice, unlockDevice } from './device-lock.ts';
import type { MemoryDevice } from './memory-bus.ts';

/** What an I/O APIC needs. */
export interface IoApicWorld {
  /** {@link IO_APIC_WORDS} words of shared state. */
  readonly words: Int32Array;
  readonly base: number;
  /**
   * Sends an interrupt message: the lower half of an entry, and its destination. Called under the lock of the I/O APIC, so
   * that messages go out in order.
   *
   * @returns whether a processor took it
   */
  readonly interrupt: (message: number, destination: number) => boolean;
}

/** An I/O APIC of a machine that does not run. */
export interface SavedIoApic {
  /** IOREGSEL: which register the window shows. */
  readonly select: number;
  /** Its APIC id. */
  readonly id: number;
  /** Levels of the pins, one bit each. */
  readonly lines: number;
  /** Both halves of each pin's entry. */
  readonly entries: readonly (readonly [low: number, high: number])[];
}

/** Pins of an I/O APIC. */
export const IO_APIC_PINS = 24;

const At = { Lock: 0, Select: 1, Id: 2, Lines: 3, Entries: 4, Sent: 4 + 2 * IO_APIC_PINS } as const;
/** Words of shared state that an I/O APIC takes. */
export const IO_APIC_WORDS = At.Sent + IO_APIC_PINS;

/** Offsets in its page. */
const Offset = { Select: 0x00, Window: 0x10, Eoi: 0x40 } as const;
const Register = { Id: 0, Version: 1, Arbitration: 2, FirstEntry: 0x10 } as const;
/** Version 0x20, the first with an EOI register; number of the last pin. */
const VERSION = ((IO_APIC_PINS - 1) << 16) | 0x20;
const ID_BITS = 0x0f00_0000;

const Entry = { Vector: 0xff, RemoteIrr: 1 << 14, Level: 1 << 15, Masked: 1 << 16 } as const;
/** Bits of the two halves that are written. */
const LOW_BITS = 0x1_afff;
const HIGH_BITS = 0xff00_0000;
/** What of an entry goes into its message. */
const MESSAGE_BITS = 0x8fff;
const PAGE_BYTES = 0x1000;

/** One thread's view of the I/O APIC. */
export class IoApic implements MemoryDevice {
  /** For `ringlet inspect`. */
  readonly name = 'io-apic';
  readonly base: number;
  /** Bytes of addresses that it answers. */
  readonly bytes = PAGE_BYTES;
  readonly #words: Int32Array;
  readonly #interrupt: (message: number, destination: number) => boolean;

  constructor({ words, base, interrupt }: IoApicWorld) {
    this.base = base;
    this.#words = words;
    this.#interrupt = interrupt;
  }

  /** Sets a pin to a level. Whoever drives it may hold a lock of his own: nothing here calls back to him. */
  setLine(pin: number, high: boolean): void {
    const words = this.#words;
    const bit = 1 << pin;
    lockDevice(words, At.Lock);
    const before = words[At.Lines]!;
    words[At.Lines] = high ? before | bit : before & ~bit;
    if (high) {
      if (this.#isLevel(pin)) this.#serve(pin);
      else if ((before & bit) === 0) this.#send(pin);
    }
    unlockDevice(words, At.Lock);
  }

  /** A processor has ended a level-triggered interrupt with this vector. */
  endOfInterrupt(vector: number): void {
    lockDevice(this.#words, At.Lock);
    this.#end(vector);
    unlockDevice(this.#words, At.Lock);
  }

  read(offset: number): number {
    const words = this.#words;
    if (offset === Offset.Select) return Atomics.load(words, At.Select);
    if (offset !== Offset.Window) return 0;
    lockDevice(words, At.Lock);
    const value = this.#readRegister(words[At.Select]!);
    unlockDevice(words, At.Lock);
    return value >>> 0;
  }

  /** Writes a register; `offset` is 0 for IOREGSEL, 10h for the window, 40h for EOI. */
  write(offset: number, value: number): void {
    const words = this.#words;
    lockDevice(words, At.Lock);
    if (offset === Offset.Select) words[At.Select] = value & 0xff;
    else if (offset === Offset.Window) this.#writeRegister(words[At.Select]!, value);
    else if (offset === Offset.Eoi) this.#end(value & Entry.Vector);
    unlockDevice(words, At.Lock);
  }

  /** All pins masked, as after power-up. Their levels stay: they are the devices'. */
  reset(): void {
    const words = this.#words;
    lockDevice(words, At.Lock);
    words[At.Select] = words[At.Id] = 0;
    for (let pin = 0; pin < IO_APIC_PINS; pin++) {
      words[entryAt(pin)] = Entry.Masked;
      words[entryAt(pin) + 1] = 0;
    }
    words.fill(0, At.Sent, At.Sent + IO_APIC_PINS);
    unlockDevice(words, At.Lock);
  }

  /** Everything that `restore` needs. While nothing runs. */
  save(): SavedIoApic {
    const words = this.#words;
    lockDevice(words, At.Lock);
    const entries = Array.from(
      { length: IO_APIC_PINS },
      (_, pin) => [words[entryAt(pin)]! >>> 0, words[entryAt(pin) + 1]! >>> 0] as const,
    );
    const saved = { select: words[At.Select]!, id: words[At.Id]! >>> 0, lines: words[At.Lines]!, entries };
    unlockDevice(words, At.Lock);
    return saved;
  }

  /** Takes a saved state; what does not fit a register is cut off. Nothing is sent: what was due then had been sent. */
  restore(saved: SavedIoApic): void {
    this.reset();
    const words = this.#words;
    lockDevice(words, At.Lock);
    words[At.Select] = saved.select & 0xff;
    words[At.Id] = saved.id & ID_BITS;
    words[At.Lines] = saved.lines & ((1 << IO_APIC_PINS) - 1);
    for (const [pin, [low, high]] of saved.entries.slice(0, IO_APIC_PINS).entries()) {
      words[entryAt(pin)] = low & (LOW_BITS | Entry.RemoteIrr);
      words[entryAt(pin) + 1] = high & HIGH_BITS;
    }
    unlockDevice(words, At.Lock);
  }

  /** What a person debugging wants to see: pins that are in use; no side effects. */
  inspect(): Record<string, unknown> {
    const { entries, lines } = this.save();
    const pins: Record<string, unknown> = {};
    for (const [pin, [low, high]] of entries.entries()) {
      const sent = Atomics.load(this.#words, At.Sent + pin) >>> 0;
      if ((low & Entry.Masked) !== 0 && sent === 0) continue;
      pins[pin] = {
        masked: (low & Entry.Masked) !== 0,
        trigger: (low & Entry.Level) === 0 ? 'edge' : 'level',
        vector: low & Entry.Vector,
        destination: high >>> 24,
        high: (lines & (1 << pin)) !== 0,
        inService: (low & Entry.RemoteIrr) !== 0,
        sent,
      };
    }
    return { pins };
  }

  #readRegister(register: number): number {
    const words = this.#words;
    switch (register) {
      case Register.Id:
        return words[At.Id]!;
      case Register.Version:
        return VERSION;
      case Register.Arbitration:
        return words[At.Id]!;
      default:
        return isEntry(register) ? words[At.Entries + register - Register.FirstEntry]! : 0;
    }
  }

  #writeRegister(register: number, value: number): void {
    const words = this.#words;
    if (register === Register.Id) words[At.Id] = value & ID_BITS;
    if (!isEntry(register)) return;
    const at = At.Entries + register - Register.FirstEntry;
    if ((register & 1) !== 0) {
      words[at] = value & HIGH_BITS;
      return;
    }
    const pin = (register - Register.FirstEntry) >>> 1;
    // Nobody will report the end of an interrupt that has become edge-triggered.
    const kept = (value & Entry.Level) === 0 ? 0 : words[at]! & Entry.RemoteIrr;
    words[at] = (value & LOW_BITS) | kept;
    if (this.#isLevel(pin)) this.#serve(pin);
  }

  #end(vector: number): void {
    const words = this.#words;
    for (let pin = 0; pin < IO_APIC_PINS; pin++) {
      const low = words[entryAt(pin)]!;
      if ((low & Entry.Level) === 0 || (low & Entry.RemoteIrr) === 0 || (low & Entry.Vector) !== vector) continue;
      words[entryAt(pin)] = low & ~Entry.RemoteIrr;
      this.#serve(pin);
    }
  }

  #isLevel(pin: number): boolean {
    return (this.#words[entryAt(pin)]! & Entry.Level) !== 0;
  }

  /** Sends for a level-triggered pin that is high and not being served. */
  #serve(pin: number): void {
    const words = this.#words;
    const at = entryAt(pin);
    if ((words[At.Lines]! & (1 << pin)) === 0 || (words[at]! & Entry.RemoteIrr) !== 0) return;
    if (this.#send(pin)) words[at] = words[at]! | Entry.RemoteIrr;
  }

  #send(pin: number): boolean {
    const words = this.#words;
    const low = words[entryAt(pin)]!;
    if ((low & Entry.Masked) !== 0) return false;
    words[At.Sent + pin] = (words[At.Sent + pin]! + 1) | 0;
    return this.#interrupt(low & MESSAGE_BITS, words[entryAt(pin) + 1]! >>> 24);
  }
}

const entryAt = (pin: number): number => At.Entries + 2 * pin;
const isEntry = (register: number): boolean =>
  register >= Register.FirstEntry && register < Register.FirstEntry + 2 * IO_APIC_PINS;
