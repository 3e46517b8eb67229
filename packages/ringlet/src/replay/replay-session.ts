/**
 * A replay that stands still: at any point of a recorded run, forward or back.
 *
 * ```ts
 * const session = await ReplaySession.open('boot.rec');
 * await session.to({ time: 1.5e7 });
 * console.log(session.registers(0).rip.toString(16), session.console);
 * await session.to({ step: session.position.step - 1 });
 * await session.dispose();
 * ```
 *
 * Forward it runs on. Back it goes to the last checkpoint before, or to the start, and runs to there: everything happens
 * again, so everything is as it was. Checkpoints are where the recording has them, once they have been passed.
 */
import { UserError } from '@ringlet/wire';
import {
  codeAt,
  disassemble,
  formatInstruction,
  notState,
  readLinear,
  readRegisters,
  type RegisterView,
} from '@ringlet/x64';
import type { MachineResult } from '../control/controllable.ts';
import type { Checkpoint, MachineImage, Resumption } from '../lockstep/checkpoint.ts';
import type { Stage, StagedProcessor } from '../lockstep/stage.ts';
import { stateDigest } from '../lockstep/state-digest.ts';
import { Machine } from '../machine/machine.ts';
import type { RecordedInput } from '../recording/format.ts';
import { readRecording, type Recording } from '../recording/recording.ts';
import { recordedOptions } from '../recording/take.ts';
import { History } from './history.ts';
import type { ReplayPoint } from './point.ts';

/** Where a session stands. */
export interface ReplayPosition {
  /** Steps made. */
  readonly step: number;
  /** Time of the guest's, in units of 100 ns. */
  readonly time: number;
  /** Of all x86-64 processors together; 0 for a guest module. */
  readonly instructions: number;
}

/** How a session is opened. */
export interface ReplaySessionOptions {
  /** Bytes that checkpoints may take; 1 GiB when absent, 0 for none. The least useful ones go when there are more. */
  readonly checkpointMemory?: number;
}

/** How a session goes somewhere. */
export interface ReplayTravel {
  /** Stops the way there: it stands where it is by then. */
  readonly signal?: AbortSignal;
  /** Told now and then where it is. */
  readonly progress?: (at: ReplayPosition) => void;
}

/** A run under way, held or not. */
interface Run {
  readonly machine: Machine;
  /** How it ended by itself, if it has. */
  result: MachineResult | undefined;
  stage: Stage | undefined;
  /** Lets it go on. */
  go: (() => void) | undefined;
  console: string;
  /** Something was run that the recording does not have: it can be looked at, and no more. */
  strayed: boolean;
}

/** A checkpoint that can be gone on from. */
interface Kept {
  readonly checkpoint: Checkpoint;
  readonly console: string;
}

/** Whether the run has come to where it is to stand still. */
type Arrived = (at: ReplayPosition) => boolean;

/** One recording, at one point of it. */
export class ReplaySession {
  readonly #recording: Recording;
  #run: Run;
  #arrived: Arrived = () => true;
  #told: (() => void) | undefined;
  #before: ReplayPosition = START;
  readonly #history: History;
  /** By step, of those that the history has. */
  readonly #kept = new Map<number, Kept>();
  /** How much had been printed before a step; as far as any run has come. */
  readonly #printed: { readonly step: number; readonly length: number }[] = [];
  #travel: ReplayTravel = {};
  /** When progress was told last, of the host's clock. */
  #progressed = 0;
  #begunAt: ReplayPosition = START;

  /** Opens a recording, and stands at its start. @throws UserError as a replay does */
  static async open(path: string, options: ReplaySessionOptions = {}): Promise<ReplaySession> {
    const session = new ReplaySession(path, readRecording(path), options);
    await session.#begin();
    return session;
  }

  private constructor(path: string, recording: Recording, { checkpointMemory = USUAL_MEMORY }: ReplaySessionOptions) {
    this.#recording = { ...recording, path };
    this.#history = new History(checkpointMemory);
    this.#run = this.#make();
  }

  /** Where it stands. */
  get position(): ReplayPosition {
    const { step, time, instructions } = this.#stage;
    return { step, time, instructions };
  }

  /** Where the recording ends. */
  get end(): { readonly step: number; readonly time: number } {
    return { step: this.#recording.lastStep, time: this.#recording.lastTime };
  }

  /** Points that it has passed and can go back to without starting over, in order. */
  get checkpoints(): readonly ReplayPosition[] {
    return this.#history.points.map((point) => {
      const { step, time, instructions } = this.#kept.get(point)!.checkpoint;
      return { step, time, instructions };
    });
  }

  /** Where the run began that it stands in: at a checkpoint, or at the start. */
  get begunAt(): ReplayPosition {
    return this.#begunAt;
  }

  /** Why it has no checkpoints at all, and goes back from the start, for people; `undefined` when it has some, or gets them. */
  get withoutCheckpoints(): string | undefined {
    const { guest, devices = [], disks = [], checkpointEvery } = recordedOptions(this.#recording);
    if (guest !== undefined) return 'the state of a guest module is that of a program of the host’s';
    if (devices.length > 0) return 'devices from files need not be able to be saved';
    if (disks.some(({ iops, bandwidth }) => iops !== undefined || bandwidth !== undefined)) return 'a disk has limits';
    if (checkpointEvery === undefined) return 'it was recorded without --checkpoint-every';
    return undefined;
  }

  /** Bytes that checkpoints take. */
  get checkpointBytes(): number {
    return this.#history.bytes;
  }

  /** What came in, in order. */
  get inputs(): readonly RecordedInput[] {
    return this.#recording.inputs;
  }

  /** All that the guest has printed. */
  get console(): string {
    return this.#run.console;
  }

  /** Number of the processor that takes the next turn; `undefined` when it is the devices'. */
  get next(): number | undefined {
    const { next, processors } = this.#stage;
    return next === undefined ? undefined : processors.indexOf(next);
  }

  /** x86-64 processors; none of a guest module. */
  get processors(): number {
    return this.#stage.processors.length;
  }

  /**
   * Goes to a point, forward or back.
   *
   * @throws UserError `replay-diverged`; `point-invalid` when there is none such; `replay-interrupted`
   */
  async to(point: ReplayPoint, travel: ReplayTravel = {}): Promise<ReplayPosition> {
    this.#travel = travel;
    if (point === 'start') return this.#toStep(0);
    if (point === 'end') return this.#toStep(this.end.step);
    if ('step' in point) return this.#toStep(point.step);
    if ('input' in point) {
      const input = this.inputs[point.input - 1];
      if (input === undefined) throw noPoint(`input ${point.input}`, `it has ${this.inputs.length}`);
      return this.#toStep(input.step);
    }
    if ('time' in point) return this.#toFirst((at) => at.time >= point.time, this.position.time >= point.time);
    return this.#toInstruction(point.instruction);
  }

  /**
   * Goes on until the guest has printed a text, after here.
   *
   * @throws UserError `text-not-printed` at the end, or as {@link to}
   */
  async until(text: string, travel: ReplayTravel = {}): Promise<ReplayPosition> {
    this.#travel = travel;
    if (this.#run.strayed) await this.#toStep(this.#before.step);
    let searched = this.console.length;
    let found = false;
    const at = await this.#runUntil(() => {
      const { length } = this.console;
      if (length > searched) found = this.console.includes(text, Math.max(0, searched - text.length + 1));
      searched = length;
      return found;
    });
    if (!found) throw new UserError('text-not-printed', `"${text}" is not printed after there`, { hint: NOT_PRINTED });
    return at;
  }

  /**
   * Goes back to where the guest had just printed a text for the last time before here.
   *
   * @throws UserError `text-not-printed`, or as {@link to}
   */
  async last(text: string, travel: ReplayTravel = {}): Promise<ReplayPosition> {
    this.#travel = travel;
    const here = this.position.step;
    const before = this.#printed.findLast(({ step }) => step < here)?.length ?? 0;
    const found = this.console.lastIndexOf(text, before - text.length);
    if (before < text.length || found < 0) {
      throw new UserError('text-not-printed', `"${text}" is not printed before here`, { hint: NOT_PRINTED });
    }
    return this.#toStep(this.#printed.find(({ length }) => length >= found + text.length)!.step);
  }

  /** Registers of a processor. @throws UserError `no-such-processor` */
  registers(processor = this.next ?? 0): RegisterView {
    return readRegisters(this.#stage.buffer, this.#processor(processor).area);
  }

  /**
   * Bytes of memory, at a linear address of a processor or, without one, at a guest-physical address.
   *
   * @throws UserError `address-not-mapped`
   */
  readMemory(address: bigint, length: number, processor?: number): Uint8Array {
    const { memory } = this.#stage;
    const bytes = new Uint8Array(length);
    const registers = processor === undefined ? undefined : this.registers(processor);
    const done = readLinear(registers, address, bytes, (gpa, target) => memory.read(gpa, target));
    if (done === length) return bytes;
    const missing = BigInt.asUintN(64, address + BigInt(done));
    throw new UserError('address-not-mapped', `nothing can be read at 0x${missing.toString(16)}`, {
      hint: registers === undefined ? 'it is no memory of the guest’s' : 'the processor has it not mapped now',
    });
  }

  /** The instruction that a processor is about to run, as text; `undefined` when its code is not there. */
  instruction(processor = this.next ?? 0): string | undefined {
    const registers = this.registers(processor);
    const code = codeAt(registers, (gpa, target) => this.#stage.memory.read(gpa, target));
    if (code.length === 0) return undefined;
    return formatInstruction(disassemble(code, registers.bits, registers.rip));
  }

  /** What the machine tells of itself; a part of it. @throws UserError `no-such-path` */
  inspect(path = ''): Promise<unknown> {
    return this.#run.machine.inspect(path);
  }

  /** SHA-256 of memory and processors: two visits of one point have the same. */
  digest(): string {
    const { buffer, processors } = this.#stage;
    const areas = processors.map(({ area }) => area);
    return stateDigest([{ buffer, without: notState(buffer, areas) }]);
  }

  /** Ends the machine and gives back its threads and files. The recording stays. */
  async dispose(): Promise<void> {
    await this.#drop();
  }

  get #stage(): Stage {
    const { stage } = this.#run;
    if (stage !== undefined) return stage;
    throw new UserError('replay-over', 'the replay is over', { hint: 'open it again' });
  }

  #processor(index: number): StagedProcessor {
    const processor = this.#stage.processors[index];
    if (processor !== undefined) return processor;
    const { length } = this.#stage.processors;
    throw new UserError('no-such-processor', `there is no processor ${index} to look at`, {
      hint: length === 0 ? 'guest modules have none' : `processors: 0 to ${length - 1}`,
    });
  }

  async #toStep(step: number): Promise<ReplayPosition> {
    if (step > this.end.step) throw noPoint(`step ${step}`, `it has ${this.end.step}`);
    const past = ({ step: at }: ReplayPosition): boolean => at > step;
    if (step < this.position.step || this.#run.strayed || this.#isShortCut(past)) await this.#restart(past);
    return this.#runUntil((at) => at.step >= step);
  }

  /** @param passed - it may be before where we stand */
  async #toFirst(arrived: Arrived, passed: boolean): Promise<ReplayPosition> {
    if (passed || this.#run.strayed || this.#isShortCut(arrived)) await this.#restart(arrived);
    return this.#runUntil(arrived);
  }

  async #toInstruction(count: number): Promise<ReplayPosition> {
    const at = await this.#toFirst(({ instructions }) => instructions >= count, this.position.instructions >= count);
    if (at.instructions < count) throw noPoint(`instruction ${count}`, `it has ${at.instructions}`);
    if (at.instructions === count) return at;
    const { step, instructions } = this.#before;
    await this.#toStep(step);
    this.#run.strayed = true;
    const { next } = this.#stage;
    // What comes in before the step has to be there; nothing but a processor has instructions.
    next?.runFor(count - instructions);
    const total = this.#stage.processors.reduce((sum, each) => sum + each.instructions(), 0);
    this.#run.stage = { ...this.#stage, instructions: total };
    return this.position;
  }

  /** Whether to begin at a checkpoint is less work than to go on. */
  #isShortCut(past: Arrived): boolean {
    const nearest = this.checkpoints.findLast((each) => !past(each));
    return nearest !== undefined && nearest.instructions > this.position.instructions + SHORT_CUT;
  }

  /** Starts over, from the last checkpoint that is before where to go. */
  async #restart(before: Arrived): Promise<void> {
    await this.#drop();
    const from = this.checkpoints.findLast((each) => !before(each));
    if (from === undefined) this.#history.restarted();
    this.#begunAt = from ?? START;
    this.#run = this.#make(from && this.#kept.get(from.step));
    await this.#begin();
  }

  /** Keeps what it comes by, as far as there is room. */
  #keep(run: Run, checkpoint: Checkpoint, image: MachineImage): void {
    const { step } = checkpoint;
    if (this.#kept.has(step)) return;
    const { length } = JSON.stringify(checkpoint);
    if (!this.#history.take(step, image, BYTES_A_CHARACTER * length)) return;
    this.#kept.set(step, { checkpoint, console: run.console });
    const points = new Set(this.#history.points);
    for (const point of this.#kept.keys()) if (!points.has(point)) this.#kept.delete(point);
  }

  async #begin(): Promise<void> {
    this.#arrived = () => true;
    const standing = this.#standing();
    await this.#run.machine.start();
    await standing;
  }

  async #runUntil(arrived: Arrived): Promise<ReplayPosition> {
    if (arrived(this.position) || this.position.step >= this.end.step) return this.position;
    this.#arrived = arrived;
    this.#before = this.position;
    const standing = this.#standing();
    const { go } = this.#run;
    this.#run.go = undefined;
    go?.();
    await standing;
    const { signal } = this.#travel;
    if (signal?.aborted === true && !arrived(this.position) && this.position.step < this.end.step) {
      throw new UserError('replay-interrupted', `it stands at step ${this.position.step}, on its way`, {
        hint: 'it goes on from there: to POINT, step, back',
      });
    }
    return this.position;
  }

  /** Settles when the run stands still again. @throws UserError when it diverged */
  async #standing(): Promise<void> {
    await new Promise<void>((told) => (this.#told = told));
    const { result } = this.#run;
    if (result?.reason === 'diverged') throw new UserError('replay-diverged', result.message);
  }

  #make(from?: Kept): Run {
    const machine = new Machine(
      { replay: this.#recording.path },
      {
        gate: (stage) => this.#gate(run, stage),
        checkpoint: (checkpoint, image) => this.#keep(run, checkpoint, image),
        ...(from && { resume: this.#resumption(from.checkpoint) }),
      },
    );
    const console = from?.console ?? '';
    const run: Run = { machine, result: undefined, stage: undefined, go: undefined, console, strayed: false };
    machine.console$.subscribe((text) => (run.console += text));
    void machine.finished.then((result) => {
      run.result = result;
      if (this.#run === run) this.#told?.();
    });
    return run;
  }

  #resumption(checkpoint: Checkpoint): Resumption {
    return {
      checkpoint,
      loadMemory: (buffers) => this.#history.loadMemory(checkpoint.step, buffers),
      loadDisks: (overlays) => this.#history.loadDisks(checkpoint.step, overlays),
    };
  }

  #gate(run: Run, stage: Stage): Promise<void> | undefined {
    const { signal, progress } = this.#travel;
    const { length } = run.console;
    if (length > (this.#printed.at(-1)?.length ?? 0)) this.#printed.push({ step: stage.step, length });
    if (progress !== undefined && stage.step % STEPS_A_LOOK === 0) {
      const now = performance.now();
      if (now - this.#progressed > PROGRESS_MS) {
        this.#progressed = now;
        const { step, time, instructions } = stage;
        progress({ step, time, instructions });
      }
    }
    // The last step is where it ends: there it stands, rather than be turned off.
    if (!this.#arrived(stage) && stage.step < this.end.step && signal?.aborted !== true) {
      const { step, time, instructions } = stage;
      this.#before = { step, time, instructions };
      return undefined;
    }
    run.stage = stage;
    return new Promise<void>((go) => {
      run.go = go;
      this.#told?.();
    });
  }

  async #drop(): Promise<void> {
    const { machine, go } = this.#run;
    const disposed = machine.dispose();
    go?.();
    await disposed;
  }
}

/** Bytes that checkpoints may take, when nobody says otherwise. */
const USUAL_MEMORY = 1024 ** 3;
/** Instructions that take longer than to begin at a checkpoint. */
const SHORT_CUT = 200e6;
const PROGRESS_MS = 250;
/** Steps from one look at the host's clock to the next. */
const STEPS_A_LOOK = 64;
const NOT_PRINTED = 'case counts; console shows what is printed';
/** What plain data take in memory, for each character of their JSON. */
const BYTES_A_CHARACTER = 4;

const START: ReplayPosition = { step: 0, time: 0, instructions: 0 };

const noPoint = (what: string, why: string): UserError =>
  new UserError('point-invalid', `the recording has no ${what}: ${why}`, { hint: 'ringlet replay FILE, then: to end' });
