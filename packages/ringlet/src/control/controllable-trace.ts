/** The trace of a machine, as far as controlling it goes. */
import type { DeviceLayouts } from '@ringlet/vmbus';
import type { Observable } from 'rxjs';
import type { TracePage } from '../trace/flight-recorder.ts';
import type { TraceRecord } from '../trace/trace-record.ts';

/** What records. */
export interface ControllableRecorder {
  /** Whether it records now. */
  readonly on: boolean;
  /** Number of the first record that is kept, and of the next that comes. */
  readonly begin: number;
  /** Byte at which the next record will begin, counted from the first ever. */
  readonly end: number;
  /** Records that did not fit into rings. */
  readonly dropped: number;
  /** Emits whenever there are more; completes when the machine is gone. */
  readonly batches$: Observable<unknown>;
  /** Begins to record; does nothing while it does. Resolves when every thread writes. */
  start(): Promise<void>;
  /** Records of channels that were opened before the first record that is kept. */
  readonly channels: readonly Uint8Array[];
  /** Takes what there is, recording from now on, and follows for a while. */
  look(): Promise<void>;
  /** Bytes of frames that are kept from now on. */
  snap(bytes: number): void;
  /** Ends recording; what was recorded stays. */
  stop(): Promise<void>;
}

/** What was traced, and how to read it. */
export interface ControllableTrace {
  /** Switches it on and off, and holds what was recorded. */
  readonly recorder: ControllableRecorder;
  /** The time at which the clock of its records was 0, in milliseconds since 1970. */
  readonly epochMs: number;
  /** What its own devices declare of their packets. */
  readonly protocols: readonly DeviceLayouts[];
  /** Records from number `from` on, at most so many bytes of them. */
  page(from: number, mostBytes: number): TracePage;
  /** Records that are kept, then those that come; recording begins with the first subscriber. */
  records(filter?: string): Observable<TraceRecord>;
}
