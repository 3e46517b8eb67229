/**
 * IntervalTimer: an Intel 8254 and port 0x61, as far as software can read them. For guests that measure time by them.
 *
 * A counter is the time at which it was loaded; what it counts is worked out when it is read. Output 0 leads nowhere,
 * as there is no interrupt controller, and the speaker on output 2 is silent. Counting in BCD is done in binary.
 */
import type { Clock } from '@ringlet/microkernel';
import { lockDevice, unlockDevice } from './device-lock.ts';
import type { PortDevice } from './port-bus.ts';
import { Port } from './ports.ts';

/** What an interval timer needs. */
export interface IntervalTimerWorld {
  /** {@link INTERVAL_WORDS} words of shared state, at a multiple of 8 bytes. */
  readonly words: Int32Array;
  readonly clock: Clock;
}

/** One counter of a timer that does not run. */
export interface SavedCounter {
  /** Its control word: access, mode and BCD. */
  readonly control: number;
  /** Count that it starts from; 0 is 65536. */
  readonly reload: number;
  /** Input clocks since it was loaded, or as many as there were when its gate closed. */
  readonly elapsed: number;
  /** Bytes that a latch command left to be read, the next one first. */
  readonly latched: readonly number[];
  /** Low byte of a count whose high byte is still to come. */
  readonly written: number;
  /** The next byte read or written is a high one. */
  readonly secondByte: boolean;
}

/** An interval timer that does not run. */
export interface SavedIntervalTimer {
  /** Counters 0, 1 and 2. */
  readonly counters: readonly SavedCounter[];
  /** Port 61h: the gate of counter 2, and the speaker. */
  readonly control: number;
}

const FREQUENCY = 1_193_182;
const CLOCK_FREQUENCY = 10_000_000;
const COUNTERS = 3;

/** Words of each counter. `Start`: input clock at which it would have been loaded, had its gate never closed. */
const Counter = {
  Start: 0,
  Frozen: 2,
  Control: 4,
  Reload: 5,
  Written: 6,
  SecondByte: 7,
  Latch: 8,
  LatchCount: 9,
  Words: 10,
} as const;
const At = { Lock: 0, Control: 1, Counters: 2 } as const;
/** Words of shared state that an interval timer takes. */
export const INTERVAL_WORDS = At.Counters + COUNTERS * Counter.Words;

const Access = { Latch: 0, Low: 1, High: 2, Both: 3 } as const;
const ReadBack = { Channel: 3, NotCount: 0x20, NotStatus: 0x10 } as const;
/** Port 0x61: gate of counter 2, speaker, refresh toggle, output of counter 2. */
const ControlB = { Gate: 1, Kept: 0x0f, Refresh: 0x10, Output: 0x20 } as const;
const SPEAKER = 2;
/** Clock time of one refresh, in units of 100 ns: 15 µs. */
const REFRESH = 150;

/** One thread's view of the interval timer. */
export class IntervalTimer implements PortDevice {
  readonly name = 'interval-timer';
  readonly ports = [
    [Port.IntervalTimer, 4],
    [Port.SystemControlB, 1],
  ] as const;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #clock: Clock;

  constructor({ words, clock }: IntervalTimerWorld) {
    this.#words = words;
    this.#times = new Float64Array(words.buffer, words.byteOffset, INTERVAL_WORDS / 2);
    this.#clock = clock;
  }

  read(port: number): number {
    lockDevice(this.#words, At.Lock);
    let value = 0xff;
    if (port === Port.SystemControlB) value = this.#readControl();
    else if (port < Port.IntervalTimer + COUNTERS) value = this.#readCounter(port - Port.IntervalTimer);
    unlockDevice(this.#words, At.Lock);
    return value;
  }

  write(port: number, value: number): void {
    lockDevice(this.#words, At.Lock);
    if (port === Port.SystemControlB) this.#writeControl(value);
    else if (port < Port.IntervalTimer + COUNTERS) this.#writeCounter(port - Port.IntervalTimer, value);
    else if (value >>> 6 === ReadBack.Channel) this.#readBack(value);
    else this.#command(value >>> 6, value & 0x3f);
    unlockDevice(this.#words, At.Lock);
  }

  /** All counters stand as after power-up. */
  reset(): void {
    lockDevice(this.#words, At.Lock);
    this.#words.fill(0, At.Control);
    unlockDevice(this.#words, At.Lock);
  }

  save(): SavedIntervalTimer {
    const words = this.#words;
    lockDevice(words, At.Lock);
    const counters = Array.from({ length: COUNTERS }, (_, n) => {
      const at = counterAt(n);
      const latch = words[at + Counter.Latch]!;
      return {
        control: words[at + Counter.Control]!,
        reload: words[at + Counter.Reload]!,
        elapsed: this.#elapsed(n),
        latched: [latch & 0xff, (latch >>> 8) & 0xff, latch >>> 16].slice(0, words[at + Counter.LatchCount]),
        written: words[at + Counter.Written]!,
        secondByte: words[at + Counter.SecondByte] !== 0,
      };
    });
    const saved = { counters, control: words[At.Control]! };
    unlockDevice(words, At.Lock);
    return saved;
  }

  /** Takes a saved state; counters go on from where they stood. */
  restore(saved: SavedIntervalTimer): void {
    const words = this.#words;
    lockDevice(words, At.Lock);
    words.fill(0, At.Control);
    words[At.Control] = saved.control & ControlB.Kept;
    for (const [n, counter] of saved.counters.slice(0, COUNTERS).entries()) {
      const at = counterAt(n);
      words[at + Counter.Control] = counter.control & 0x3f;
      words[at + Counter.Reload] = counter.reload & 0xffff;
      words[at + Counter.Written] = counter.written & 0xff;
      words[at + Counter.SecondByte] = counter.secondByte ? 1 : 0;
      const latched = counter.latched.slice(0, 3);
      words[at + Counter.Latch] = latched.reduce(
        (latch, byte, position) => latch | ((byte & 0xff) << (8 * position)),
        0,
      );
      words[at + Counter.LatchCount] = latched.length;
      this.#startAt(n, Number.isFinite(counter.elapsed) ? Math.max(0, counter.elapsed) : 0);
    }
    unlockDevice(words, At.Lock);
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    const { counters, control } = this.save();
    return {
      speaker: (control & SPEAKER) !== 0,
      counters: counters.map(({ control: bits, reload, elapsed }) => ({ mode: (bits >>> 1) & 7, reload, elapsed })),
    };
  }

  #command(n: number, bits: number): void {
    const words = this.#words;
    const at = counterAt(n);
    if (bits >>> 4 === Access.Latch) return this.#latch(n, false, true);
    words[at + Counter.Control] = bits;
    words[at + Counter.Reload] = 0;
    words[at + Counter.SecondByte] = 0;
    words[at + Counter.LatchCount] = 0;
    this.#startAt(n, 0);
  }

  #readBack(value: number): void {
    for (let n = 0; n < COUNTERS; n++) {
      if ((value & (2 << n)) !== 0) {
        this.#latch(n, (value & ReadBack.NotStatus) === 0, (value & ReadBack.NotCount) === 0);
      }
    }
  }

  /** Keeps status, count or both to be read next. What was kept and not yet read stays instead. */
  #latch(n: number, status: boolean, count: boolean): void {
    const words = this.#words;
    const at = counterAt(n);
    if (words[at + Counter.LatchCount] !== 0) return;
    const control = words[at + Counter.Control]!;
    let bytes = 0;
    let length = 0;
    const push = (byte: number): void => void (bytes |= (byte & 0xff) << (8 * length++));
    if (status) push((this.#output(n) ? 0x80 : 0) | control);
    const value = this.#count(n);
    if (count && control >>> 4 !== Access.High) push(value);
    if (count && control >>> 4 >= Access.High) push(value >>> 8);
    words[at + Counter.Latch] = bytes;
    words[at + Counter.LatchCount] = length;
  }

  #readCounter(n: number): number {
    const words = this.#words;
    const at = counterAt(n);
    if (words[at + Counter.LatchCount] !== 0) {
      const byte = words[at + Counter.Latch]! & 0xff;
      words[at + Counter.Latch] = words[at + Counter.Latch]! >>> 8;
      words[at + Counter.LatchCount] = words[at + Counter.LatchCount]! - 1;
      return byte;
    }
    const access = words[at + Counter.Control]! >>> 4;
    const second = words[at + Counter.SecondByte] !== 0;
    const high = access === Access.High || (access === Access.Both && second);
    if (access === Access.Both) words[at + Counter.SecondByte] = second ? 0 : 1;
    return (this.#count(n) >>> (high ? 8 : 0)) & 0xff;
  }

  #writeCounter(n: number, value: number): void {
    const words = this.#words;
    const at = counterAt(n);
    const access = words[at + Counter.Control]! >>> 4;
    if (access === Access.Both && words[at + Counter.SecondByte] === 0) {
      words[at + Counter.Written] = value;
      words[at + Counter.SecondByte] = 1;
      return;
    }
    words[at + Counter.SecondByte] = 0;
    const low = access === Access.Both ? words[at + Counter.Written]! : access === Access.Low ? value : 0;
    words[at + Counter.Reload] = access === Access.Low ? low : low | (value << 8);
    this.#startAt(n, 0);
  }

  #readControl(): number {
    const refresh = Math.floor(this.#clock.now() / REFRESH) % 2 === 0 ? 0 : ControlB.Refresh;
    return this.#words[At.Control]! | refresh | (this.#output(2) ? ControlB.Output : 0);
  }

  /** The gate of counter 2 holds it in the modes that count once, and starts it anew in the others. */
  #writeControl(value: number): void {
    const elapsed = this.#elapsed(2);
    const rises = (value & ~this.#words[At.Control]! & ControlB.Gate) !== 0;
    const mode = (this.#words[counterAt(2) + Counter.Control]! >>> 1) & 7;
    this.#words[At.Control] = value & ControlB.Kept;
    this.#startAt(2, rises && mode !== 0 && mode !== 4 ? 0 : elapsed);
  }

  #gateOpen(n: number): boolean {
    return n !== 2 || (this.#words[At.Control]! & ControlB.Gate) !== 0;
  }

  /** Input clocks since the counter was loaded. */
  #elapsed(n: number): number {
    const at = counterAt(n) / 2;
    if (!this.#gateOpen(n)) return this.#times[at + Counter.Frozen / 2]!;
    return this.#inputClock() - this.#times[at]!;
  }

  #startAt(n: number, elapsed: number): void {
    const at = counterAt(n) / 2;
    this.#times[at + Counter.Frozen / 2] = elapsed;
    this.#times[at] = this.#inputClock() - elapsed;
  }

  #inputClock(): number {
    return Math.floor((this.#clock.now() * FREQUENCY) / CLOCK_FREQUENCY);
  }

  /** What the counter holds now, 16 bits. */
  #count(n: number): number {
    const at = counterAt(n);
    const reload = this.#words[at + Counter.Reload]! || 0x10000;
    const elapsed = this.#elapsed(n);
    const mode = (this.#words[at + Counter.Control]! >>> 1) & 3;
    if (mode === 2) return (reload - (elapsed % reload)) & 0xffff;
    // A square wave counts by two, twice in a period.
    if (mode === 3) return (reload - ((2 * elapsed) % reload)) & 0xfffe;
    return (reload - (elapsed % 0x10000)) & 0xffff;
  }

  #output(n: number): boolean {
    const at = counterAt(n);
    const reload = this.#words[at + Counter.Reload]! || 0x10000;
    const elapsed = this.#elapsed(n);
    const mode = (this.#words[at + Counter.Control]! >>> 1) & 3;
    if (mode === 2) return elapsed % reload !== reload - 1;
    if (mode === 3) return (2 * elapsed) % (2 * reload) < reload;
    return elapsed >= reload;
  }
}

const counterAt = (n: number): number => At.Counters + n * Counter.Words;
