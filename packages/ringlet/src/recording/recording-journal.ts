/** The journal of a run that is recorded: what comes in is written down before the machine has it. */
import { UserError } from '@ringlet/wire';
import { type Arrival, LiveJournal, type RunEnd, type StepOutcome } from '../lockstep/journal.ts';
import { filesOfDisk, recordedFile } from './recorded-files.ts';
import type { RecordedFile } from './format.ts';
import { whyUnrecordable } from './recorded-requests.ts';
import type { RecordingWriter } from './recording-writer.ts';
import type { TakeEvent } from './take.ts';

/** Bytes of console input that are one input. */
const MOST_WRITTEN = 1024 * 1024;

/** Writes down what comes in. */
export class RecordingJournal extends LiveJournal {
  readonly #writer: RecordingWriter;
  readonly #tell: (event: TakeEvent) => void;
  /** Nothing more is written. */
  #over = false;

  constructor(writer: RecordingWriter, tell: (event: TakeEvent) => void) {
    super();
    this.#writer = writer;
    this.#tell = tell;
  }

  override bring(arrival: Arrival): void {
    const { name, parameters } = arrival;
    const why = whyUnrecordable(name, parameters);
    if (why !== undefined) throw unrecordable(name, why);
    if (name === 'write' && (parameters as { base64: string }).base64.length > (MOST_WRITTEN * 4) / 3) {
      throw unrecordable(name, 'it is more than a console takes at once');
    }
    super.bring(arrival);
  }

  override arrivals(step: number, time: number): readonly Arrival[] {
    const arrived = super.arrivals(step, time);
    for (const { name, parameters } of arrived) {
      this.#guard(() => {
        const files = filesOf(name, parameters);
        const plain = JSON.parse(JSON.stringify(parameters)) as Record<string, never>;
        this.#writer.input({ step, time, name, parameters: plain, ...(files.length > 0 && { files }) });
      });
    }
    return arrived;
  }

  override stepped({ step, time, digest }: StepOutcome): void {
    this.#guard(() => this.#writer.stepped(step, time, digest));
  }

  override ended({ state, step, time, digest }: RunEnd): void {
    this.#guard(() => {
      const whole = { step, time, digest, state: state() };
      this.#writer.end(whole);
      this.#tell({ type: 'recorded', path: this.#writer.path, ...whole });
    });
    this.#over = true;
  }

  override dispose(): void {
    super.dispose();
    this.#writer.close();
  }

  override inspect(): Record<string, unknown> {
    return { recording: this.#writer.inspect() };
  }

  /** A recording that cannot go on breaks off there; the machine matters more. */
  #guard(write: () => void): void {
    if (this.#over) return;
    try {
      write();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#over = true;
      this.#writer.close();
      this.#tell({ type: 'recording-failed', code: error.code, message: error.message });
    }
  }
}

/** Files of the host that a request makes the machine read. */
function filesOf(name: Arrival['name'], parameters: object): RecordedFile[] {
  if (name === 'attachDisk') return filesOfDisk((parameters as { path: string }).path);
  if (name === 'copyFile') return [recordedFile('input', (parameters as { file: string }).file)];
  return [];
}

const unrecordable = (what: string, why: string): UserError =>
  new UserError('recording-impossible', `${what} cannot be recorded: ${why}`, { hint: 'run without --record' });
