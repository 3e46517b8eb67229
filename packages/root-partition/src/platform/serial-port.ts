/**
 * SerialPort: a UART 16550A (National Semiconductor PC16550D data sheet).
 *
 * Bytes leave the moment they are written, so the transmitter is empty again at once, unless nobody takes what it sends:
 * then it stays full until {@link SerialPort.resume}. The speed that is set has no effect.
 * Input waits on the line, and comes into the receiver's FIFO as fast as the guest empties that: none is ever lost to it.
 * With `heldByRts` it waits while the guest does not set RTS: until it opens the port, so that what was typed before
 * outlasts its clearing of the FIFO, and whenever its own buffers are full, if it uses RTS for flow control.
 * The interrupt line is high while there is a cause that is enabled; as on a PC, OUT2 connects it.
 *
 * Words of its state:
 *
 *     lock · registers · FIFO: first, count, 16 bytes · line: first, count, bytes as they came
 */
import { lockDevice, unlockDevice } from './device-lock.ts';
import type { PortDevice } from './port-bus.ts';

/** What a serial port needs. */
export interface SerialWorld {
  /** {@link SERIAL_WORDS} words of shared state. */
  readonly words: Int32Array;
  readonly firstPort: number;
  /**
   * Takes a byte that the guest sent. Called on the thread of the VP that sent it.
   *
   * @returns `false` when the next one should wait for {@link SerialPort.resume}; one that does not is still taken
   */
  readonly output: (byte: number) => boolean;
  /** Sets the interrupt line. Called under the port's lock, which keeps changes in order: it must not come back. */
  readonly line: (high: boolean) => void;
  /** Input waits while the guest does not set RTS. */
  readonly heldByRts?: boolean;
}

/** A serial port that does not run. */
export interface SavedSerialPort {
  /** IER. */
  readonly interruptEnable: number;
  /** FCR, as it was written last. */
  readonly fifoControl: number;
  /** LCR. */
  readonly lineControl: number;
  /** MCR. */
  readonly modemControl: number;
  /** SCR. */
  readonly scratch: number;
  /** DLL, and DLM above it. */
  readonly divisor: number;
  /** An interrupt for the empty transmitter is due. */
  readonly transmitterEmptied: boolean;
  /** A byte was lost since LSR was read. */
  readonly overrun: boolean;
  /** The lower four bits of MSR: what has changed since it was read. */
  readonly modemChanges: number;
  /** Level of the interrupt line. */
  readonly interruptLine: boolean;
  /** Bytes in the receiver's FIFO, the next one first. */
  readonly received: readonly number[];
  /** What waits to be received. */
  readonly incoming: readonly number[];
}

const Register = {
  Data: 0,
  InterruptEnable: 1,
  InterruptId: 2,
  LineControl: 3,
  ModemControl: 4,
  LineStatus: 5,
  ModemStatus: 6,
  Scratch: 7,
} as const;

const At = {
  Lock: 0,
  InterruptEnable: 1,
  FifoControl: 2,
  LineControl: 3,
  ModemControl: 4,
  Scratch: 5,
  Divisor: 6,
  Emptied: 7,
  Overrun: 8,
  ModemChanges: 9,
  FifoFirst: 10,
  FifoCount: 11,
  LineFirst: 12,
  LineCount: 13,
  /** Level of the interrupt line, as it was last set. */
  High: 14,
  /** What was sent has not been taken yet. */
  Busy: 15,
  Fifo: 16,
  Line: 20,
} as const;
const FIFO_BYTES = 16;
/** Input that can wait, beyond which {@link SerialPort.receive} takes no more. */
export const LINE_BYTES = 4096;
/**
 * Input after which what follows is a new cause, which shows as an edge. A driver leaves its interrupt handler after so many
 * rounds, though there is more, and would wait for an edge that never comes: Linux after 512, of a byte at least.
 */
const EDGE_BYTES = 256;
/** Words of shared state that a serial port takes. */
export const SERIAL_WORDS = At.Line + LINE_BYTES / 4;

const Interrupt = { Received: 1, Emptied: 2, LineStatus: 4, ModemStatus: 8, All: 15 } as const;
const Cause = { ModemStatus: 0, None: 1, Emptied: 2, Received: 4, LineStatus: 6, Timeout: 12, FifoOn: 0xc0 } as const;
const Fifo = { Enable: 1, ClearReceiver: 2, Kept: 0xc9 } as const;
const TRIGGERS = [1, 4, 8, 14] as const;
const DIVISOR_ACCESS = 0x80;
const Modem = { Dtr: 1, Rts: 2, Out1: 4, Out2: 8, Loop: 16, All: 31 } as const;
const Status = { Ready: 1, Overrun: 2, Empty: 0x60 } as const;
/** Carrier, data set ready, clear to send: someone is always there. */
const CONNECTED = 0xb0;
const RING_FELL = 4;
/** 9600 baud of 1.8432 MHz / 16. */
const DIVISOR_RESET = 12;

/** One thread's view of a serial port. */
export class SerialPort implements PortDevice {
  /** For `ringlet inspect`. */
  readonly name = 'serial-port';
  readonly ports: readonly (readonly [number, number])[];
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #firstPort: number;
  readonly #output: (byte: number) => boolean;
  readonly #setLine: (high: boolean) => void;
  readonly #heldByRts: boolean;

  constructor({ words, firstPort, output, line, heldByRts = false }: SerialWorld) {
    this.ports = [[firstPort, 8]];
    this.#words = words;
    this.#bytes = new Uint8Array(words.buffer, words.byteOffset, SERIAL_WORDS * 4);
    this.#firstPort = firstPort;
    this.#output = output;
    this.#setLine = line;
    this.#heldByRts = heldByRts;
  }

  /** Reads a register of the 16550A, by its port. */
  read(port: number): number {
    lockDevice(this.#words, At.Lock);
    const value = this.#read(port - this.#firstPort);
    this.#settle();
    unlockDevice(this.#words, At.Lock);
    return value;
  }

  /** Writes a register of the 16550A, by its port. */
  write(port: number, value: number): void {
    lockDevice(this.#words, At.Lock);
    const sent = this.#write(port - this.#firstPort, value);
    this.#settle();
    unlockDevice(this.#words, At.Lock);
    if (sent && !this.#output(value)) this.#setBusy(true);
  }

  /** What was sent has been taken: the transmitter is empty. From any thread. */
  resume(): void {
    if (Atomics.load(this.#words, At.Busy) !== 0) this.#setBusy(false);
  }

  /** Puts input on the line, from any thread. @returns how many bytes it took; the rest can be offered again later. */
  receive(bytes: Uint8Array): number {
    const words = this.#words;
    lockDevice(words, At.Lock);
    const taken = Math.min(bytes.length, LINE_BYTES - words[At.LineCount]!);
    const end = words[At.LineFirst]! + words[At.LineCount]!;
    for (let n = 0; n < taken; n++) this.#bytes[At.Line * 4 + ((end + n) % LINE_BYTES)] = bytes[n]!;
    words[At.LineCount] = words[At.LineCount]! + taken;
    this.#settle();
    unlockDevice(words, At.Lock);
    return taken;
  }

  /** Whether the guest has taken all input there was. From any thread. */
  get drained(): boolean {
    return Atomics.load(this.#words, At.LineCount) === 0 && Atomics.load(this.#words, At.FifoCount) === 0;
  }

  /** Registers as after power-up. What waits on the line still does. */
  reset(): void {
    const words = this.#words;
    lockDevice(words, At.Lock);
    words.fill(0, At.InterruptEnable, At.LineFirst);
    words[At.Divisor] = DIVISOR_RESET;
    words[At.Busy] = 0;
    this.#settle();
    unlockDevice(words, At.Lock);
  }

  /** Everything that `restore` needs. While nothing runs. */
  save(): SavedSerialPort {
    const words = this.#words;
    lockDevice(words, At.Lock);
    const saved = {
      interruptEnable: words[At.InterruptEnable]!,
      fifoControl: words[At.FifoControl]!,
      lineControl: words[At.LineControl]!,
      modemControl: words[At.ModemControl]!,
      scratch: words[At.Scratch]!,
      divisor: words[At.Divisor]!,
      // Nothing waits to be taken where it is restored.
      transmitterEmptied: words[At.Emptied] !== 0 || words[At.Busy] !== 0,
      overrun: words[At.Overrun] !== 0,
      modemChanges: words[At.ModemChanges]!,
      interruptLine: words[At.High] !== 0,
      received: this.#queued(At.Fifo, FIFO_BYTES, words[At.FifoFirst]!, words[At.FifoCount]!),
      incoming: this.#queued(At.Line, LINE_BYTES, words[At.LineFirst]!, words[At.LineCount]!),
    };
    unlockDevice(words, At.Lock);
    return saved;
  }

  /** Takes a saved state, after the interrupt controller took its own; what does not fit a register is cut off. */
  restore(saved: SavedSerialPort): void {
    const words = this.#words;
    lockDevice(words, At.Lock);
    words[At.InterruptEnable] = saved.interruptEnable & Interrupt.All;
    words[At.FifoControl] = saved.fifoControl & Fifo.Kept;
    words[At.LineControl] = saved.lineControl & 0xff;
    words[At.ModemControl] = saved.modemControl & Modem.All;
    words[At.Scratch] = saved.scratch & 0xff;
    words[At.Divisor] = saved.divisor & 0xffff;
    words[At.Emptied] = saved.transmitterEmptied ? 1 : 0;
    words[At.Overrun] = saved.overrun ? 1 : 0;
    words[At.ModemChanges] = saved.modemChanges & 0xf;
    const received = saved.received.slice(0, FIFO_BYTES);
    const incoming = saved.incoming.slice(0, LINE_BYTES);
    this.#bytes.set(received, At.Fifo * 4);
    this.#bytes.set(incoming, At.Line * 4);
    words[At.FifoFirst] = words[At.LineFirst] = 0;
    words[At.FifoCount] = received.length;
    words[At.LineCount] = incoming.length;
    words[At.Busy] = 0;
    words[At.High] = saved.interruptLine ? 1 : 0;
    this.#settle();
    unlockDevice(words, At.Lock);
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    const { received, incoming, ...registers } = this.save();
    const busy = Atomics.load(this.#words, At.Busy) !== 0;
    return { ...registers, busy, received: received.length, incoming: incoming.length };
  }

  #read(register: number): number {
    const words = this.#words;
    this.#refill();
    switch (register) {
      case Register.Data:
        return this.#divisorShown ? words[At.Divisor]! & 0xff : this.#takeReceived();
      case Register.InterruptEnable:
        return this.#divisorShown ? words[At.Divisor]! >>> 8 : words[At.InterruptEnable]!;
      case Register.InterruptId:
        return this.#interruptId();
      case Register.LineControl:
        return words[At.LineControl]!;
      case Register.ModemControl:
        return words[At.ModemControl]!;
      case Register.LineStatus: {
        const overrun = words[At.Overrun] === 0 ? 0 : Status.Overrun;
        words[At.Overrun] = 0;
        return (words[At.Busy] === 0 ? Status.Empty : 0) | overrun | (words[At.FifoCount] === 0 ? 0 : Status.Ready);
      }
      case Register.ModemStatus: {
        const changes = words[At.ModemChanges]!;
        words[At.ModemChanges] = 0;
        return this.#modemLines() | changes;
      }
      default:
        return words[At.Scratch]!;
    }
  }

  /** @returns whether `value` goes out. */
  #write(register: number, value: number): boolean {
    const words = this.#words;
    switch (register) {
      case Register.Data:
        if (!this.#divisorShown) return this.#send(value);
        words[At.Divisor] = (words[At.Divisor]! & 0xff00) | value;
        return false;
      case Register.InterruptEnable:
        if (this.#divisorShown) {
          words[At.Divisor] = (words[At.Divisor]! & 0xff) | (value << 8);
          return false;
        }
        // Asking to be told that the transmitter is empty, while it is, is told at once.
        if ((value & ~words[At.InterruptEnable]! & Interrupt.Emptied) !== 0 && words[At.Busy] === 0)
          words[At.Emptied] = 1;
        words[At.InterruptEnable] = value & Interrupt.All;
        return false;
      case Register.InterruptId:
        // Turning the FIFOs on or off empties them too.
        if (((value ^ words[At.FifoControl]!) & Fifo.Enable) !== 0 || (value & Fifo.ClearReceiver) !== 0) {
          words[At.FifoCount] = 0;
        }
        words[At.FifoControl] = (value & Fifo.Enable) === 0 ? 0 : value & Fifo.Kept;
        return false;
      case Register.LineControl:
        words[At.LineControl] = value;
        return false;
      case Register.ModemControl: {
        const before = this.#modemLines();
        words[At.ModemControl] = value & Modem.All;
        this.#noteModemChanges(before, this.#modemLines());
        return false;
      }
      case Register.Scratch:
        words[At.Scratch] = value;
        return false;
      default:
        // The status registers are not written.
        return false;
    }
  }

  get #divisorShown(): boolean {
    return (this.#words[At.LineControl]! & DIVISOR_ACCESS) !== 0;
  }

  get #loop(): boolean {
    return (this.#words[At.ModemControl]! & Modem.Loop) !== 0;
  }

  get #capacity(): number {
    return (this.#words[At.FifoControl]! & Fifo.Enable) === 0 ? 1 : FIFO_BYTES;
  }

  #send(byte: number): boolean {
    const words = this.#words;
    // A byte that is written ends the cause of before; gone at once, it is a new one, which shows as an edge.
    if (words[At.Emptied] !== 0) {
      words[At.Emptied] = 0;
      this.#settle();
    }
    if (words[At.Busy] === 0) words[At.Emptied] = 1;
    if (!this.#loop) return true;
    if (words[At.FifoCount]! < this.#capacity) this.#putReceived(byte);
    else words[At.Overrun] = 1;
    return false;
  }

  #setBusy(busy: boolean): void {
    const words = this.#words;
    lockDevice(words, At.Lock);
    Atomics.store(words, At.Busy, busy ? 1 : 0);
    words[At.Emptied] = busy ? 0 : 1;
    this.#settle();
    unlockDevice(words, At.Lock);
  }

  /**
   * After every change: gives the interrupt line the level that the causes give it. Who is not told of input must come and
   * look for it; until then it stays on the line, where nothing clears it.
   */
  #settle(): void {
    const words = this.#words;
    if ((words[At.InterruptEnable]! & Interrupt.Received) !== 0) this.#refill();
    const connected = (words[At.ModemControl]! & (Modem.Out2 | Modem.Loop)) === Modem.Out2;
    const high = connected && (this.#cause() & Cause.None) === 0 ? 1 : 0;
    if (high === words[At.High]) return;
    words[At.High] = high;
    this.#setLine(high !== 0);
  }

  /** Brings in what waits on the line, as far as there is room. */
  #refill(): void {
    const words = this.#words;
    if (words[At.LineCount] === 0 || this.#loop) return;
    if (this.#heldByRts && (words[At.ModemControl]! & Modem.Rts) === 0) return;
    while (words[At.LineCount] !== 0 && words[At.FifoCount]! < this.#capacity) {
      this.#putReceived(this.#bytes[At.Line * 4 + words[At.LineFirst]!]!);
      words[At.LineFirst] = (words[At.LineFirst]! + 1) % LINE_BYTES;
      words[At.LineCount] = words[At.LineCount]! - 1;
    }
  }

  #putReceived(byte: number): void {
    const words = this.#words;
    this.#bytes[At.Fifo * 4 + ((words[At.FifoFirst]! + words[At.FifoCount]!) % FIFO_BYTES)] = byte;
    words[At.FifoCount] = words[At.FifoCount]! + 1;
  }

  #takeReceived(): number {
    const words = this.#words;
    if (words[At.FifoCount] === 0) return 0;
    const byte = this.#bytes[At.Fifo * 4 + words[At.FifoFirst]!]!;
    words[At.FifoFirst] = (words[At.FifoFirst]! + 1) % FIFO_BYTES;
    words[At.FifoCount] = words[At.FifoCount]! - 1;
    if (words[At.High] !== 0 && words[At.LineCount] !== 0 && words[At.LineFirst]! % EDGE_BYTES === 0) {
      words[At.High] = 0;
      this.#setLine(false);
    }
    this.#refill();
    return byte;
  }

  /** Reading that the transmitter is empty answers it. */
  #interruptId(): number {
    const cause = this.#cause();
    if ((cause & 0xf) === Cause.Emptied) this.#words[At.Emptied] = 0;
    return cause;
  }

  /** The highest cause that is enabled. */
  #cause(): number {
    const words = this.#words;
    const enabled = words[At.InterruptEnable]!;
    const control = words[At.FifoControl]!;
    const on = (control & Fifo.Enable) === 0 ? 0 : Cause.FifoOn;
    const count = words[At.FifoCount]!;
    if ((enabled & Interrupt.LineStatus) !== 0 && words[At.Overrun] !== 0) return on | Cause.LineStatus;
    if ((enabled & Interrupt.Received) !== 0 && count > 0) {
      return on | (on === 0 || count >= TRIGGERS[control >>> 6]! ? Cause.Received : Cause.Timeout);
    }
    if ((enabled & Interrupt.Emptied) !== 0 && words[At.Emptied] !== 0) return on | Cause.Emptied;
    if ((enabled & Interrupt.ModemStatus) !== 0 && words[At.ModemChanges] !== 0) return on | Cause.ModemStatus;
    return on | Cause.None;
  }

  /** The upper half of the modem status: the line's, or in a loop the guest's own outputs. */
  #modemLines(): number {
    if (!this.#loop) return CONNECTED;
    const control = this.#words[At.ModemControl]!;
    return (
      ((control & Modem.Rts) << 3) |
      ((control & Modem.Dtr) << 5) |
      ((control & Modem.Out1) << 4) |
      ((control & Modem.Out2) << 4)
    );
  }

  #noteModemChanges(before: number, after: number): void {
    const changed = (before ^ after) >>> 4;
    // The ring indicator counts only when it ends.
    const noted = (changed & ~RING_FELL) | (changed & (before >>> 4) & RING_FELL);
    this.#words[At.ModemChanges] = this.#words[At.ModemChanges]! | noted;
  }

  #queued(at: number, size: number, first: number, count: number): number[] {
    return Array.from({ length: count }, (_, n) => this.#bytes[at * 4 + ((first + n) % size)]!);
  }
}
