/**
 * A VP under a debugger, as the thread that runs it sees it: told to stand still or to step, and telling that it has.
 *
 * All of it is words in the VP's state block and in the partition's debug table, so that the debugger can be on another
 * thread. See `debug-access.ts` for the other side.
 */
import * as S from '../state.ts';

/** Of EXIT_REQUEST: leave the block, there is something to look at. */
const LOOK = 1;

/** The running side of one VP. */
export class DebuggedVp {
  readonly #buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #view: DataView;

  /** @param area - address of the VP's area in the node */
  constructor(buffer: SharedArrayBuffer, area: number) {
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer, area, S.STATE_SIZE / 4);
    this.#view = new DataView(buffer, area, S.STATE_SIZE);
  }

  /** At an instruction boundary, with a command of the debugger's. @returns whether the VP must not run */
  holds(): boolean {
    if (this.#word(S.DEBUG_HELD) !== 0) return true;
    const single = this.#word(S.SINGLE);
    if (this.#word(S.DEBUG_COMMAND) === S.COMMAND_STEP) {
      if ((single & S.SINGLE_STEP) === 0) {
        const wakes = this.#word(S.HALTED) !== 0 || this.#exact ? S.SINGLE_WAKE : 0;
        this.#set(S.SINGLE, single | S.SINGLE_STEP | wakes);
      }
      return false;
    }
    // An instruction whose device access was answered is finished first, unless time would go on with it.
    if ((single & 1) !== 0 && !this.#exact) return false;
    this.#set(S.SINGLE, single & 1);
    this.#set(S.DEBUG_CAUSE, S.CAUSE_HELD);
    this.#hold();
    return true;
  }

  /** Whether the debugger waits for the hypercall that is next. A step goes over it. */
  stopsAtHypercall(): boolean {
    const table = this.#word(S.DEBUG_TABLE);
    if (table === 0 || this.#word(S.SINGLE) !== 0) return false;
    const codes = new Uint32Array(this.#buffer, table, S.DEBUG_TABLE_BYTES / 4);
    const code = this.#view.getUint16(S.RCX, true);
    for (let i = 0; i < codes[S.DEBUG_HYPERCALL_COUNT / 4]!; i++) {
      if (codes[S.DEBUG_HYPERCALLS / 4 + i] !== code) continue;
      this.#set(S.DEBUG_CAUSE, S.CAUSE_HYPERCALL);
      this.#view.setBigUint64(S.DEBUG_ADDRESS, BigInt(code), true);
      // It has not been made yet.
      this.#view.setBigUint64(S.INSTRUCTIONS, this.#view.getBigUint64(S.INSTRUCTIONS, true) - 1n, true);
      return true;
    }
    return false;
  }

  /** The core left with EXIT_DEBUG. @returns false when the debugger wants the VP to go on */
  stopped(): boolean {
    const stepped = this.#word(S.DEBUG_CAUSE) === S.CAUSE_STEP;
    if (stepped && Atomics.load(this.#words, S.DEBUG_COMMAND / 4) === S.COMMAND_RUN) {
      this.#set(S.DEBUG_CAUSE, 0);
      return false;
    }
    this.#holdOthers();
    this.#hold();
    return true;
  }

  #hold(): void {
    Atomics.store(this.#words, S.DEBUG_COMMAND / 4, S.COMMAND_HOLD);
    Atomics.store(this.#words, S.DEBUG_HELD / 4, 1);
    const table = this.#word(S.DEBUG_TABLE);
    if (table === 0) return;
    const stops = new Int32Array(this.#buffer, table + S.DEBUG_STOPS, 1);
    Atomics.add(stops, 0, 1);
    Atomics.notify(stops, 0);
  }

  /** All of them stop when one does. */
  #holdOthers(): void {
    const count = this.#word(S.VP_COUNT);
    const areas = new Uint32Array(this.#buffer, this.#word(S.VP_TABLE), count);
    for (const area of areas) {
      const words = new Int32Array(this.#buffer, area, S.STATE_SIZE / 4);
      if (words[S.VP_INDEX / 4] === this.#word(S.VP_INDEX)) continue;
      Atomics.store(words, S.DEBUG_COMMAND / 4, S.COMMAND_HOLD);
      if (!this.#exact) Atomics.or(words, S.EXIT_REQUEST / 4, LOOK);
    }
  }

  /** See DEBUG_EXACT. */
  get #exact(): boolean {
    return this.#word(S.DEBUG_EXACT) !== 0;
  }

  #word(offset: number): number {
    return this.#words[offset / 4]!;
  }

  #set(offset: number, value: number): void {
    this.#words[offset / 4] = value;
  }
}
