/**
 * What comes into a lockstep run from outside, and when: all that its seed does not decide.
 *
 * Everything that can change what the guest sees passes through a journal. It is handed over between two steps, and the
 * number of the step is all that has to be remembered to hand it over there again.
 */
import type { DeviceHostRequests } from '@ringlet/root-partition';

/** A request of the device host, bytes for the console, or that the machine is to start again. */
export type ArrivalName = keyof DeviceHostRequests | 'write' | 'restart';

/** Something from outside. */
export interface Arrival {
  readonly name: ArrivalName;
  /** Plain data. */
  readonly parameters: object;
  /** Takes the machine's answer, once it has been handed over. */
  readonly answered: (answer: Promise<unknown>) => void;
}

/** Where a run stands after a step. */
export interface StepOutcome {
  /** Steps so far. */
  readonly step: number;
  /** When it was made, in units of 100 ns. */
  readonly time: number;
  /** Of all steps so far. */
  readonly digest: number;
  /** Where the processor that made it is now, for people. */
  readonly where: () => string;
}

/** Where a run stands when it is over. */
export interface RunEnd {
  readonly step: number;
  readonly time: number;
  readonly digest: string;
  /** Whether the guest ended itself. */
  readonly itself: boolean;
  /** Computes the SHA-256 of memory, processors and platform. */
  readonly state: () => string;
}

/** Between the outside and a lockstep run. */
export interface Journal {
  /** Takes something from outside. @throws UserError when nothing may come in */
  bring(arrival: Arrival): void;
  /** What the machine gets before step `step`, in order. */
  arrivals(step: number, time: number): readonly Arrival[];
  /** A step was made. @throws UserError `replay-diverged` when it is another than it should be */
  stepped(outcome: StepOutcome): void;
  /** Whether the machine is turned off from outside before step `step`. */
  over(step: number): boolean;
  /** Whether a machine that has nothing to do waits until something comes. */
  readonly waits: boolean;
  /** Something waits to be handed over. */
  readonly pending: boolean;
  /** When that came in which comes before step `step`: a replay knows. */
  cameAt(step: number): number | undefined;
  /** The run is over. Called once, before the machine's devices close. @throws UserError as {@link stepped} */
  ended(end: RunEnd): void;
  /** Gives files back. What was never handed over is refused. */
  dispose(): void;
  inspect(): Record<string, unknown>;
}

/** The journal of a run that nobody records. */
export class LiveJournal implements Journal {
  readonly waits = true;
  #waiting: Arrival[] = [];

  get pending(): boolean {
    return this.#waiting.length > 0;
  }

  cameAt(_step: number): number | undefined {
    return undefined;
  }

  bring(arrival: Arrival): void {
    this.#waiting.push(arrival);
  }

  arrivals(_step: number, _time: number): readonly Arrival[] {
    if (this.#waiting.length === 0) return NOTHING;
    const arrived = this.#waiting;
    this.#waiting = [];
    return arrived;
  }

  stepped(_outcome: StepOutcome): void {}

  over(_step: number): boolean {
    return false;
  }

  ended(_end: RunEnd): void {}

  dispose(): void {
    const why = new Error('the machine is not running');
    for (const { answered } of this.#waiting.splice(0)) answered(Promise.reject(why));
  }

  inspect(): Record<string, unknown> {
    return {};
  }
}

export const NOTHING: readonly Arrival[] = [];
