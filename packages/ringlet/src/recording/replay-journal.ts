/** The journal of a replay: everything comes from the recording, at its step, and every step is compared with it. */
import { UserError } from '@ringlet/wire';
import {
  type Arrival,
  type ArrivalName,
  type Journal,
  NOTHING,
  type RunEnd,
  type StepOutcome,
} from '../lockstep/journal.ts';
import { STRIDE } from './format.ts';
import type { Recording } from './recording.ts';
import type { TakeEvent } from './take.ts';

/** Hands over what was recorded. */
export class ReplayJournal implements Journal {
  readonly waits = false;
  readonly pending = false;
  readonly #recording: Recording;
  #next = 0;
  /** The last step that was as recorded, and when it was made. */
  #good = { step: 0, time: 0 };
  #verdict: 'running' | 'same' | 'cut short' | 'other' = 'running';

  readonly #tell: (event: TakeEvent) => void;

  constructor(recording: Recording, tell: (event: TakeEvent) => void) {
    this.#recording = recording;
    this.#tell = tell;
  }

  bring({ name }: Arrival): void {
    throw new UserError('replay-input', `${name} cannot come into a replay: all that came in is in the recording`, {
      hint: 'what only looks works: inspect, screenshot, console',
    });
  }

  cameAt(step: number): number | undefined {
    const { inputs } = this.#recording;
    while (inputs[this.#next] !== undefined && inputs[this.#next]!.step < step) this.#next++;
    const next = inputs[this.#next];
    return next?.step === step ? next.time : undefined;
  }

  arrivals(step: number, _time: number): readonly Arrival[] {
    const { inputs } = this.#recording;
    // A replay that goes on from a checkpoint has had those before it.
    while (inputs[this.#next] !== undefined && inputs[this.#next]!.step < step) this.#next++;
    if (inputs[this.#next]?.step !== step) return NOTHING;
    const arrived: Arrival[] = [];
    for (; inputs[this.#next]?.step === step; this.#next++) {
      const { name, parameters } = inputs[this.#next]!;
      // Whoever asked then has had the answer; what was refused then is refused again.
      arrived.push({
        name: name as ArrivalName,
        parameters,
        answered: (answer) => void answer.catch(() => undefined),
      });
    }
    return arrived;
  }

  stepped({ step, time, digest, where }: StepOutcome): void {
    if (step % STRIDE !== 0) return;
    const expected = this.#recording.samples[step / STRIDE - 1];
    if (expected !== undefined && expected !== digest >>> 0) throw this.#diverged(step, time, where());
    if (expected !== undefined) this.#good = { step, time };
  }

  over(step: number): boolean {
    return step >= this.#recording.lastStep;
  }

  ended({ step, time, digest, itself, state }: RunEnd): void {
    if (this.#verdict !== 'running') return;
    const { path, end, lastStep } = this.#recording;
    // Whoever turns a replay off before its end does not want to know; a guest that ended too early has not.
    if (step < lastStep && !itself) return;
    if (end === undefined) {
      this.#verdict = 'cut short';
      return this.#tell({ type: 'replayed', path, step, time });
    }
    if (step !== end.step || digest !== end.digest) throw this.#diverged(step, time, 'the end');
    if (state() !== end.state) {
      throw this.#diverged(step, time, 'the end, where memory or a processor is not as it was');
    }
    this.#verdict = 'same';
    this.#tell({ type: 'replayed', path, step, time, state: end.state });
  }

  dispose(): void {}

  inspect(): Record<string, unknown> {
    const { path, inputs, lastStep, lastTime, end } = this.#recording;
    return {
      replay: {
        path,
        verdict: this.#verdict,
        inputs: { handedOver: this.#next, inAll: inputs.length },
        ends: { step: lastStep, time: lastTime / 10_000, whole: end !== undefined },
      },
    };
  }

  #diverged(step: number, time: number, where: string): UserError {
    this.#verdict = 'other';
    const good = this.#good;
    const [from, to] = [good.time, time].map((ticks) => `${(ticks / 1e7).toFixed(6)} s`);
    return new UserError(
      'replay-diverged',
      `the replay is not what was recorded, first between step ${good.step} (${from}) and ${step} (${to}): ${where}`,
      { hint: 'something came in that no recording holds: a guest module or device that looks at the host, or a bug' },
    );
  }
}
