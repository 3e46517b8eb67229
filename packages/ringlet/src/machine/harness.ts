/** A harness: one of the two ways in which a machine's parts are made to run. */
import type { Exit } from '@ringlet/microkernel';
import type { DebuggedPartition } from '@ringlet/x64';
import type { DeviceHostEvent, DeviceHostRequests } from '@ringlet/root-partition';
import type { UserError } from '@ringlet/wire';
import type { SavedResets } from './resets.ts';

/** What a harness reports while its machine runs. */
export interface HarnessListener {
  /** Bytes that the guest printed. */
  console(bytes: Uint8Array): void;
  /** The guest's virtual processor stopped for good, or a thread of the machine failed. */
  exit(exit: Exit): void;
  /** The run ended because it was turned off when it was recorded. */
  turnedOff(): void;
  /** The run cannot go on, and not because of the guest: a replay that is another than its recording. */
  failed(why: UserError): void;
  /**
   * The machine was reset: by its guest, or because {@link Harness.wantRestart} said so.
   *
   * @param now - milliseconds on the machine's clock
   * @returns whether it starts again in place: `restarted` follows; otherwise `exit`
   */
  reset(now: number): boolean;
  /** The guest's first instruction may run again. */
  restarted(): void;
  /** The guest's next reset is, or is not, what {@link Harness.wantRestart} wanted. A replay says it as the recorded run did. */
  wanted(is: boolean): void;
  /** What is known of resets so far, which a checkpoint keeps. */
  readonly resets: { save(): SavedResets; restore(saved: SavedResets): void };
  event(event: DeviceHostEvent): void;
}

/** Where the trace of a machine comes from. */
export interface TraceSource {
  /** The time at which its clock was 0, in milliseconds since 1970. */
  readonly epochMs: number;
  /** The machine's clock, in units of 100 ns. */
  now(): number;
  /**
   * Switches tracing on, or off, on every thread; before the start, from the first instruction on.
   *
   * @returns the rings, the same each time; all that there will be
   */
  switch(on: boolean): Promise<readonly SharedArrayBuffer[]>;
  /** Called after each turn of a lockstep machine, so that its rings are emptied in time that does not count. */
  emptied?: (() => void) | undefined;
}

/** When a machine is to start again. */
export type RestartTime = 'now' | 'next' | 'never';

/** A running machine's innards. */
export interface Harness {
  /** Resolves when devices are on the bus and the guest's first instruction may run. @throws UserError */
  start(): Promise<void>;
  /** Asks the device host. */
  request<Name extends keyof DeviceHostRequests>(
    name: Name,
    parameters: Parameters<DeviceHostRequests[Name]>[0],
  ): Promise<Awaited<ReturnType<DeviceHostRequests[Name]>>>;
  readonly trace: TraceSource;
  /** Takes bytes for the guest's console. */
  write(bytes: Uint8Array): void;
  /** Bytes that were typed and the guest has not taken. */
  readonly typedAhead: number;
  /** The guest's processors for a debugger, once it is started; `undefined` when they can have none. */
  debug(): DebuggedPartition | undefined;
  /** What the microkernel knows of this machine's partition. */
  inspect(): Record<string, unknown>;
  /**
   * Somebody outside wants the machine to start again: it is reset at once, or its guest was asked and resets it next, or
   * after all it will not. A reset stops processors where they are, makes devices let go of the guest's memory, clears all
   * that a reset clears, and the guest starts again.
   */
  wantRestart(when: RestartTime): void;
  /** Stops the guest where it is, lets devices finish and close their files, gives everything back. */
  stop(): Promise<void>;
}
