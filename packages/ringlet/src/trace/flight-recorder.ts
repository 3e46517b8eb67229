/**
 * Flight recorder: what a machine's threads traced lately, in the order in which it happened. While nobody looks, that is in
 * the threads' rings, whose writers drive out what is oldest, and nothing is done here. From the first look on, and as long
 * as somebody follows, it empties the rings, puts what they hold in order, and keeps as much of it as it may; who reads it
 * later learns how much is gone.
 */
import { TraceKind, TraceReader } from '@ringlet/microkernel';
import { Observable, Subject } from 'rxjs';
import type { TraceSource } from '../machine/harness.ts';
import { cutRecords, lostRecord, timeOf } from './raw-records.ts';

/** How often rings are emptied while somebody follows. They hold several times what the busiest thread writes meanwhile. */
const EMPTY_EVERY_MS = 20;
/** A record may be written this long after its time was read, by a thread that had to wait for a processor: 50 ms. */
const SETTLE_TICKS = 500_000;
/** Bytes that are kept. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** Who has looked looks again within this time, or nobody follows any more. */
const FOLLOW_MS = 5_000;
/** Forgotten records are cut off the list when there are so many. */
const TRIM = 4096;

/** What came from one ring and waits for the others: records in the order of their times. */
interface Run {
  readonly records: Uint8Array[];
  readonly times: number[];
  /** The first that was not taken. */
  next: number;
  /** How many came from the ring so far; `undefined` before the first. */
  count: number | undefined;
}

/** Some records, and where to go on. */
export interface TracePage {
  /** One behind the other. */
  readonly records: readonly Uint8Array[];
  /** Where the next page begins. */
  readonly next: number;
  /** Records that were asked for and are gone. */
  readonly lost: number;
}

/** The trace of one machine. */
export class FlightRecorder {
  /** Records in the order of their times, a batch at a time. */
  readonly batches$: Observable<readonly Uint8Array[]>;
  readonly #batches = new Subject<readonly Uint8Array[]>();
  readonly #source: TraceSource;
  #rings: readonly TraceReader[] = [];
  #timer: NodeJS.Timeout | undefined;
  #on = false;
  /** Whether rings are emptied; those who subscribed, and until when those who looked are thought to follow. */
  #following = false;
  #subscribers = 0;
  #followedUntil = 0;
  /** Whose each channel is, before the first record that is kept: by relid. */
  readonly #channels = new Map<number, Uint8Array>();
  #snapBytes: number | undefined;
  /** Taken from rings, but too young to be put in order. */
  readonly #young: Run[] = [];
  #kept: Uint8Array[] = [];
  /** Those of {@link #kept} that are forgotten, and how many were before the first of it. */
  #gone = 0;
  #before = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(source: TraceSource) {
    this.#source = source;
    this.batches$ = new Observable((subscriber) => {
      this.#subscribers++;
      this.#follow();
      const subscription = this.#batches.subscribe(subscriber);
      return () => {
        subscription.unsubscribe();
        this.#subscribers--;
        this.#followSome();
      };
    });
  }

  /** Whether it records. */
  get on(): boolean {
    return this.#on;
  }

  /** Records that did not fit into rings. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Number of the next record. */
  get end(): number {
    return this.#before + this.#kept.length;
  }

  /** Number of the first that is kept. */
  get begin(): number {
    return this.#before + this.#gone;
  }

  /** Records of channels that were opened before the first record that is kept, for who reads it. */
  get channels(): readonly Uint8Array[] {
    return [...this.#channels.values()];
  }

  /** Bytes of frames that are kept from now on. */
  snap(bytes: number): void {
    this.#snapBytes = bytes;
    for (const ring of this.#rings) ring.snap(bytes);
  }

  /** Records from now on. */
  async start(): Promise<void> {
    if (this.#on) return;
    this.#on = true;
    const rings = await this.#source.switch(true);
    if (this.#rings.length > 0) return;
    this.#rings = rings.map((ring) => new TraceReader(ring));
    if (this.#snapBytes !== undefined) this.snap(this.#snapBytes);
    if (this.#subscribers > 0) this.#follow();
  }

  /** Takes what there is, and follows for a while. */
  async look(): Promise<void> {
    const began = !this.#on;
    await this.start();
    // Where nobody followed, the records of channels may have been driven out: threads tell once more whose theirs are.
    if (!this.#following && !began) await this.#source.switch(true);
    this.#followSome();
    this.#follow();
    this.#empty(this.#settled());
  }

  /** Stops recording; what is kept stays. */
  async stop(): Promise<void> {
    if (!this.#on) return;
    this.#on = false;
    await this.#source.switch(false);
    this.#finish();
  }

  /** The machine is gone: takes what is left in the rings. */
  close(): void {
    this.#on = false;
    this.#finish();
    this.#batches.complete();
  }

  /** Records from number `from` on, at most so many bytes of them, but one at least when there is one. */
  page(from: number, mostBytes: number): TracePage {
    const first = Math.min(Math.max(from, this.begin), this.end);
    let last = first - this.#before;
    for (let bytes = 0; last < this.#kept.length; last++) {
      bytes += this.#kept[last]!.length;
      if (bytes > mostBytes && last > first - this.#before) break;
    }
    const records = this.#kept.slice(first - this.#before, last);
    return { records, next: this.#before + last, lost: Math.max(0, this.begin - Math.max(from, 0)) };
  }

  #finish(): void {
    this.#empty(Infinity);
    this.#rest();
  }

  /** Empties the rings from now on: again and again, or after each turn when there is one ring for all. */
  #follow(): void {
    if (this.#following || this.#rings.length === 0) return;
    this.#following = true;
    for (const ring of this.#rings) ring.follow(true);
    if (this.#rings.length === 1) this.#source.emptied = () => this.#empty(Infinity);
    else this.#timer = setInterval(() => this.#turn(), EMPTY_EVERY_MS).unref();
  }

  /** As long as one who looked can be expected to look again. */
  #followSome(): void {
    this.#followedUntil = performance.now() + FOLLOW_MS;
    if (this.#rings.length === 1) setTimeout(() => this.#restUnlessFollowed(), FOLLOW_MS + 1).unref();
  }

  #turn(): void {
    this.#empty(this.#settled());
    this.#restUnlessFollowed();
  }

  #restUnlessFollowed(): void {
    if (this.#subscribers === 0 && performance.now() > this.#followedUntil) this.#rest();
  }

  /** Leaves the rings to their writers. */
  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#source.emptied = undefined;
    this.#following = false;
    for (const ring of this.#rings) ring.follow(false);
  }

  /** Up to when all records have come. */
  #settled(): number {
    return this.#rings.length === 1 ? Infinity : this.#source.now() - SETTLE_TICKS;
  }

  /** Takes what the rings hold. What is younger than `until` waits for the next time. */
  #empty(until: number): void {
    for (const [i, ring] of this.#rings.entries()) {
      const run = (this.#young[i] ??= { records: [], times: [], next: 0, count: undefined });
      const chunk = ring.take();
      if (chunk.length > 0) {
        const records = cutRecords(chunk);
        const { before = run.count ?? 0 } = ring;
        const lost = (before - (run.count ?? before)) | 0;
        if (lost > 0 && records.length > 0) addTo(run, [lostRecord(lost, timeOf(records[0]!))]);
        run.count = (before + records.length) | 0;
        addTo(run, records);
      }
      const dropped = ring.takeDropped();
      if (dropped === 0) continue;
      this.#dropped += dropped;
      const time = run.times.at(-1) ?? this.#source.now();
      run.records.push(lostRecord(dropped, time));
      run.times.push(time);
    }
    this.#keep(merged(this.#young, until));
  }

  #keep(records: readonly Uint8Array[]): void {
    if (records.length === 0) return;
    for (const record of records) {
      this.#kept.push(record);
      this.#bytes += record.length;
      // Told when its earlier packets were here already: better late than never.
      if (isChannel(record) && !this.#channels.has(relidOf(record))) this.#channels.set(relidOf(record), record);
    }
    while (this.#bytes > KEPT_BYTES) {
      const record = this.#kept[this.#gone++]!;
      this.#bytes -= record.length;
      if (isChannel(record)) this.#channels.set(relidOf(record), record);
    }
    if (this.#gone > TRIM) {
      this.#kept = this.#kept.slice(this.#gone);
      this.#before += this.#gone;
      this.#gone = 0;
    }
    this.#batches.next(records);
  }
}

const isChannel = (record: Uint8Array): boolean => record[4] === TraceKind.Channel;
const relidOf = (record: Uint8Array): number => record[20]! | (record[21]! << 8);

/** Adds records behind those of a run, which stays in order: few records are older than one before them. */
function addTo(run: Run, records: readonly Uint8Array[]): void {
  for (const record of records) {
    const time = timeOf(record);
    let at = run.records.length;
    while (at > run.next && run.times[at - 1]! > time) at--;
    if (at === run.records.length) {
      run.records.push(record);
      run.times.push(time);
    } else {
      run.records.splice(at, 0, record);
      run.times.splice(at, 0, time);
    }
  }
}

/** Takes the records up to a time from runs, the oldest first. */
function merged(runs: readonly Run[], until: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (;;) {
    let oldest: Run | undefined;
    let time = until;
    for (const run of runs) {
      const own = run.times[run.next];
      if (own === undefined || own > time || (oldest !== undefined && own === time)) continue;
      oldest = run;
      time = own;
    }
    if (oldest === undefined) break;
    records.push(oldest.records[oldest.next++]!);
  }
  for (const run of runs) {
    run.records.splice(0, run.next);
    run.times.splice(0, run.next);
    run.next = 0;
  }
  return records;
}
