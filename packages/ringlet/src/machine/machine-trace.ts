/** The trace of one machine: switched on by whoever looks first, and kept for those who look later. */
import { type DeviceLayouts } from '@ringlet/vmbus';
import type { LayoutTable } from '@ringlet/wire';
import { Observable } from 'rxjs';
import { parseFilter } from '../trace/filter.ts';
import { FlightRecorder, type TracePage } from '../trace/flight-recorder.ts';
import { traceTable } from '../trace/trace-layouts.ts';
import { RecordReader, type TraceRecord } from '../trace/trace-record.ts';
import type { TraceSource } from './harness.ts';

/** Bytes of records that are handed on at a time. */
const PAGE_BYTES = 1024 * 1024;

/** What is traced of a machine. */
export class MachineTrace {
  /** Switches it on and off, and holds what was recorded. */
  readonly recorder: FlightRecorder;
  /** The time at which the clock of its records was 0, in milliseconds since 1970. */
  readonly epochMs: number;
  #protocols: readonly DeviceLayouts[] = [];
  #table: LayoutTable | undefined;

  constructor(source: TraceSource) {
    this.recorder = new FlightRecorder(source);
    this.epochMs = source.epochMs;
  }

  /** What its own devices declare of their packets. */
  get protocols(): readonly DeviceLayouts[] {
    return this.#protocols;
  }

  /** A device has come that declares its packets. */
  learn(protocol: DeviceLayouts): void {
    this.#protocols = [...this.#protocols.filter(({ root }) => root !== protocol.root), protocol];
    this.#table = undefined;
  }

  /** The layouts of its records. */
  get table(): LayoutTable {
    return (this.#table ??= traceTable(this.#protocols));
  }

  /** Records as they were written, from byte `from` on, of at most `mostBytes`: for whoever decodes them elsewhere. */
  page(from: number, mostBytes: number): TracePage {
    return this.recorder.page(from, mostBytes);
  }

  /**
   * Records: those that are kept, then those that come. Recording begins with the first subscriber, and goes on.
   *
   * @param filter - in the language of `ringlet trace --filter`
   * @throws UserError `trace-filter-invalid`
   */
  records(filter?: string): Observable<TraceRecord> {
    const wanted = filter === undefined ? undefined : parseFilter(filter);
    return new Observable((subscriber) => {
      const reader = new RecordReader(() => this.table);
      let next = -1;
      const handOn = (): void => {
        if (next < 0) return;
        for (;;) {
          const page = this.recorder.page(next, PAGE_BYTES);
          next = page.next;
          if (page.records.length === 0) return;
          for (const raw of page.records) {
            const record = reader.read(raw);
            if (wanted === undefined || wanted(record)) subscriber.next(record);
          }
        }
      };
      const begin = (): void => {
        if (next >= 0) return;
        for (const channel of this.recorder.channels) reader.learn(channel);
        next = this.recorder.begin;
        handOn();
      };
      const following = this.recorder.batches$.subscribe({
        next: handOn,
        complete: () => {
          begin();
          subscriber.complete();
        },
      });
      this.recorder.look().then(begin, (error: unknown) => subscriber.error(error));
      return following;
    });
  }
}
