/**
 * RealTimeClock: a Motorola MC146818 with 128 bytes of battery-backed memory, at an index and a data port.
 *
 *     0 seconds · 1 alarm · 2 minutes · 3 alarm · 4 hours · 5 alarm · 6 weekday · 7 day · 8 month · 9 year
 *     A rates · B mode · C interrupt flags · D battery · E … 127 memory, of which 0x0F shutdown code, 0x32 century
 *
 * It runs by the host's wall clock, in UTC, and holds only how far the guest set it off. It has no interrupt line, so
 * alarms are kept and never ring, and it never shows an update in progress: a register that is read is consistent with
 * the next one unless a second passes between.
 */
import { lockDevice, unlockDevice } from './device-lock.ts';
import type { PortDevice } from './port-bus.ts';
import { CENTURY_REGISTER, Port } from './ports.ts';

/** What a real-time clock needs. */
export interface RealTimeClockWorld {
  /** {@link CLOCK_WORDS} words of shared state, at a multiple of 8 bytes. */
  readonly words: Int32Array;
  /** Milliseconds since the start of 1970, UTC. */
  readonly wallClock: () => number;
}

/** A real-time clock that does not run: the host's clock goes on. */
export interface SavedRealTimeClock {
  /** Which register port 71h shows. */
  readonly index: number;
  /** Milliseconds that it is ahead of the host's wall clock. */
  readonly ahead: number;
  /** Bytes of the CMOS memory. */
  readonly memory: readonly number[];
}

const At = { Lock: 0, Index: 1, Ahead: 2, Memory: 4 } as const;
const MEMORY_BYTES = 128;
/** Words of shared state that a real-time clock takes. */
export const CLOCK_WORDS = At.Memory + MEMORY_BYTES / 4;

const Register = {
  Seconds: 0,
  Minutes: 2,
  Hours: 4,
  Weekday: 6,
  Day: 7,
  Month: 8,
  Year: 9,
  A: 0xa,
  B: 0xb,
  C: 0xc,
  D: 0xd,
} as const;
/** 32768 Hz, periodic rate 1024 Hz. Bit 7, update in progress, is never set. */
const RATES = 0x26;
/** Bits of register B. */
const Mode = { Hours24: 2, Binary: 4, Set: 0x80 } as const;
const BATTERY_GOOD = 0x80;
const AFTERNOON = 0x80;

/** Whether a register is part of the time of day. */
const isTime = (register: number): boolean =>
  register === CENTURY_REGISTER || (register <= Register.Year && register !== 1 && register !== 3 && register !== 5);

/** One thread's view of the real-time clock. */
export class RealTimeClock implements PortDevice {
  readonly name = 'real-time-clock';
  readonly ports = [[Port.RealTimeClock, 2]] as const;
  readonly #words: Int32Array;
  readonly #memory: Uint8Array;
  readonly #ahead: Float64Array;
  readonly #wallClock: () => number;

  constructor({ words, wallClock }: RealTimeClockWorld) {
    this.#words = words;
    this.#memory = new Uint8Array(words.buffer, words.byteOffset + At.Memory * 4, MEMORY_BYTES);
    this.#ahead = new Float64Array(words.buffer, words.byteOffset + At.Ahead * 4, 1);
    this.#wallClock = wallClock;
  }

  read(port: number): number {
    // The index cannot be read back.
    if (port === Port.RealTimeClock) return 0xff;
    lockDevice(this.#words, At.Lock);
    const register = this.#words[At.Index]!;
    if (isTime(register) && !this.#stopped) this.#show();
    const value = register === Register.C ? 0 : register === Register.D ? BATTERY_GOOD : this.#memory[register]!;
    unlockDevice(this.#words, At.Lock);
    return value;
  }

  write(port: number, value: number): void {
    lockDevice(this.#words, At.Lock);
    // Bit 7 masks non-maskable interrupts, of which the platform has none.
    if (port === Port.RealTimeClock) this.#words[At.Index] = value & (MEMORY_BYTES - 1);
    else this.#write(this.#words[At.Index]!, value);
    unlockDevice(this.#words, At.Lock);
  }

  /** Power-up, with the battery in: time and memory stay. */
  reset(): void {
    lockDevice(this.#words, At.Lock);
    this.#words[At.Index] = 0;
    this.#memory[Register.A] = RATES;
    this.#memory[Register.B] = Mode.Hours24;
    unlockDevice(this.#words, At.Lock);
  }

  save(): SavedRealTimeClock {
    lockDevice(this.#words, At.Lock);
    const saved = { index: this.#words[At.Index]!, ahead: this.#ahead[0]!, memory: [...this.#memory] };
    unlockDevice(this.#words, At.Lock);
    return saved;
  }

  /** Takes a saved state; what does not fit is cut off. */
  restore(saved: SavedRealTimeClock): void {
    lockDevice(this.#words, At.Lock);
    this.#words[At.Index] = saved.index & (MEMORY_BYTES - 1);
    this.#ahead[0] = Number.isFinite(saved.ahead) ? saved.ahead : 0;
    this.#memory.fill(0);
    this.#memory.set(saved.memory.slice(0, MEMORY_BYTES));
    unlockDevice(this.#words, At.Lock);
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    const { index, ahead, memory } = this.save();
    return { index, aheadMilliseconds: ahead, shutdownCode: memory[0xf], modeRegister: memory[Register.B] };
  }

  /** Whether the guest holds the clock to set it. */
  get #stopped(): boolean {
    return (this.#memory[Register.B]! & Mode.Set) !== 0;
  }

  #write(register: number, value: number): void {
    if (register === Register.C || register === Register.D) return;
    if (register === Register.A) {
      this.#memory[register] = value & 0x7f;
    } else if (register === Register.B) {
      const held = this.#stopped;
      if (!held) this.#show();
      this.#memory[register] = value;
      if (held && !this.#stopped) this.#set();
    } else if (isTime(register) && !this.#stopped) {
      this.#show();
      this.#memory[register] = value;
      this.#set();
    } else this.#memory[register] = value;
  }

  /** Puts the time of day into its registers, in the form that the mode asks for. */
  #show(): void {
    const time = new Date(this.#wallClock() + this.#ahead[0]!);
    const hour = time.getUTCHours();
    const year = time.getUTCFullYear();
    const put = (register: number, value: number): void => void (this.#memory[register] = this.#encode(value));
    put(Register.Seconds, time.getUTCSeconds());
    put(Register.Minutes, time.getUTCMinutes());
    if ((this.#memory[Register.B]! & Mode.Hours24) !== 0) put(Register.Hours, hour);
    else this.#memory[Register.Hours] = this.#encode(((hour + 11) % 12) + 1) | (hour >= 12 ? AFTERNOON : 0);
    put(Register.Weekday, time.getUTCDay() + 1);
    put(Register.Day, time.getUTCDate());
    put(Register.Month, time.getUTCMonth() + 1);
    put(Register.Year, year % 100);
    put(CENTURY_REGISTER, Math.floor(year / 100));
  }

  /** Sets the clock to what its registers say. Days and hours that do not exist run over, as in a calendar. */
  #set(): void {
    const get = (register: number): number => this.#decode(this.#memory[register]!);
    const hours = this.#memory[Register.Hours]!;
    const half = (this.#decode(hours & ~AFTERNOON) % 12) + ((hours & AFTERNOON) !== 0 ? 12 : 0);
    const hour = (this.#memory[Register.B]! & Mode.Hours24) !== 0 ? this.#decode(hours) : half;
    const date = new Date(0);
    // Not Date.UTC, which takes years below 100 for those of the twentieth century.
    date.setUTCFullYear(get(CENTURY_REGISTER) * 100 + get(Register.Year), get(Register.Month) - 1, get(Register.Day));
    date.setUTCHours(hour, get(Register.Minutes), get(Register.Seconds));
    this.#ahead[0] = date.getTime() - this.#wallClock();
  }

  #encode(value: number): number {
    return (this.#memory[Register.B]! & Mode.Binary) !== 0 ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #decode(value: number): number {
    return (this.#memory[Register.B]! & Mode.Binary) !== 0 ? value : (value >>> 4) * 10 + (value & 0xf);
  }
}
