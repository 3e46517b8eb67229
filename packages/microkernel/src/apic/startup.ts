/**
 * Starting processors: INIT and start-up commands meet in one word of the VP's record, whoever sends them and in whatever
 * order the VP's thread gets to see them (Intel SDM volume 3, "Multiple-Processor (MP) Initialization").
 *
 *                 ┌────────────── INIT ──────────────┐
 *                 ▼                                  │
 *     init ──accepted──► wait-for-sipi ──SIPI──► sipi ──accepted──► running
 *      └───────────────── SIPI before INIT was accepted ──►  init, with a vector: sipi follows
 *
 * A start-up command reaches only a processor that waits for one, or will once it accepted its INIT; all others ignore
 * it, so the second of the usual two is harmless. The bootstrap processor goes from `init` to `running`, at the reset
 * vector.
 */
import { VpWord } from '../state/layout.ts';
import { ring } from '../vp/interrupts.ts';
import { ApicAt, Mode } from './layout.ts';

/** Values of the run state, bits 0-1 of the word. */
const Run = { Running: 0, WaitForSipi: 1, Sipi: 2 } as const;
const RUN = 3;
const INIT = 4;
const VECTOR_SHIFT = 8;

/** What a VP's thread has to do before it runs guest code. */
export type StartupState =
  /** Run. */
  | 'running'
  /** Put the processor into its state after INIT, then {@link Startup.acceptInit}. */
  | 'init'
  /** Sleep on the doorbell. */
  | 'wait-for-sipi'
  /** {@link Startup.acceptSipi}, and start in real mode at the page it names. */
  | 'sipi';

/** Word in which a VP starts its life: the bootstrap processor runs, the others wait. */
export const initialStartup = (bootstrap: boolean): number => (bootstrap ? Run.Running : Run.WaitForSipi);

/** Sends INIT to the VP with this record. */
export function postInit(words: Int32Array, vpRecord: number): void {
  const apic = vpRecord + VpWord.Apic;
  const bootstrap = (Atomics.load(words, apic + ApicAt.Mode) & Mode.Bootstrap) !== 0;
  Atomics.store(words, apic + ApicAt.Startup, INIT | initialStartup(bootstrap));
  ring(words, vpRecord);
}

/** Sends a start-up command to the VP with this record. @returns whether it takes it. */
export function postSipi(words: Int32Array, vpRecord: number, vector: number): boolean {
  const at = vpRecord + VpWord.Apic + ApicAt.Startup;
  for (;;) {
    const word = Atomics.load(words, at);
    if ((word & RUN) !== Run.WaitForSipi) return false;
    const next = (word & INIT) | Run.Sipi | (vector << VECTOR_SHIFT);
    if (Atomics.compareExchange(words, at, word, next) === word) break;
  }
  ring(words, vpRecord);
  return true;
}

/** Makes a VP that waits for a start-up command run without one. @returns whether it waited. */
export function startWaiting(words: Int32Array, vpRecord: number): boolean {
  const at = vpRecord + VpWord.Apic + ApicAt.Startup;
  return Atomics.compareExchange(words, at, Run.WaitForSipi, Run.Running) === Run.WaitForSipi;
}

/** A VP's run state that does not change. `vector`: of a start-up command that was not taken yet. */
export interface SavedStartup {
  readonly init: boolean;
  readonly waits: boolean;
  readonly vector?: number;
}

/** Reads the run state of a VP that does not run, and to which nobody sends. */
export function saveStartup(words: Int32Array, vpRecord: number): SavedStartup {
  const word = words[vpRecord + VpWord.Apic + ApicAt.Startup]!;
  const run = word & RUN;
  const vector = run === Run.Sipi ? { vector: word >>> VECTOR_SHIFT } : {};
  return { init: (word & INIT) !== 0, waits: run !== Run.Running, ...vector };
}

/** Sets the run state of a VP that does not run. */
export function restoreStartup(words: Int32Array, vpRecord: number, { init, waits, vector }: SavedStartup): void {
  const run =
    vector !== undefined ? Run.Sipi | ((vector & 0xff) << VECTOR_SHIFT) : waits ? Run.WaitForSipi : Run.Running;
  Atomics.store(words, vpRecord + VpWord.Apic + ApicAt.Startup, run | (init ? INIT : 0));
  Atomics.store(words, vpRecord + VpWord.Started, waits ? 0 : 1);
}

/** A VP's run state, for the thread that runs it. A VP without an APIC is always `running`: see {@link Vp.started}. */
export class Startup {
  readonly #words: Int32Array;
  readonly #record: number;
  readonly #at: number;
  readonly #reset: () => void;

  /** @internal @param reset - puts the APIC into its state after INIT */
  constructor(words: Int32Array, vpRecord: number, reset: () => void) {
    this.#words = words;
    this.#record = vpRecord;
    this.#at = vpRecord + VpWord.Apic + ApicAt.Startup;
    this.#reset = reset;
  }

  /** What is to be done now. One atomic load; cheap enough to ask before every slice. */
  get state(): StartupState {
    const word = Atomics.load(this.#words, this.#at);
    if (word === Run.Running) return 'running';
    if ((word & INIT) !== 0) return 'init';
    return (word & RUN) === Run.Sipi ? 'sipi' : 'wait-for-sipi';
  }

  /** Whether there is something to do other than to run or to wait. */
  get pending(): boolean {
    const word = Atomics.load(this.#words, this.#at);
    return (word & INIT) !== 0 || (word & RUN) === Run.Sipi;
  }

  /** Page at which the VP is to start, while {@link Startup.state} is `sipi`; else -1. */
  get sipiVector(): number {
    const word = Atomics.load(this.#words, this.#at);
    return (word & (RUN | INIT)) === Run.Sipi ? word >>> VECTOR_SHIFT : -1;
  }

  /** Takes a pending INIT: resets the APIC, and moves on to `wait-for-sipi`, `sipi` or, on the bootstrap processor, `running`. */
  acceptInit(): void {
    if ((Atomics.load(this.#words, this.#at) & INIT) === 0) return;
    this.#reset();
    const word = Atomics.and(this.#words, this.#at, ~INIT);
    if ((word & RUN) !== Run.Running) Atomics.store(this.#words, this.#record + VpWord.Started, 0);
  }

  /**
   * Takes a start-up command: the VP runs from now on, in real mode, CS selector `vector << 8`, CS base `vector << 12`, IP 0.
   *
   * @returns the vector, or -1 when there was none
   */
  acceptSipi(): number {
    const word = Atomics.load(this.#words, this.#at);
    if ((word & (RUN | INIT)) !== Run.Sipi) return -1;
    // Only an INIT can have come between: it is seen on the next look, and starts all over.
    if (Atomics.compareExchange(this.#words, this.#at, word, Run.Running) !== word) return -1;
    Atomics.store(this.#words, this.#record + VpWord.Started, 1);
    return word >>> VECTOR_SHIFT;
  }
}
