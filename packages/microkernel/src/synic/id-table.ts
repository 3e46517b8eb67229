/**
 * IdTable: records found by (partition, id), in shared state, for any number of threads at once.
 *
 * Open addressing without a lock, so that a thread that is ended half-way leaves at most one record unusable. A record
 * is eight words:
 *
 *     0 state: generation << 2 | { free, claimed, live }     1 partition     2 id     3-7 the owner's
 *
 * A record is written while it is claimed, and read only while it is live; a reader looks at the state again
 * afterwards. The generation changes when a record is freed, so `state` names one life of one record: whoever keeps
 * (record, state) notices when it is gone. State 0, never used, ends a search.
 *
 * After the records stand 4096 counters, one for every partition whose id leaves the same remainder.
 */

/** Words of a record. */
const RECORD_WORDS = 8;
/** First word of a record that is its owner's. */
export const RECORD_BODY = 3;

const PARTITION = 1;
const ID = 2;
const FREE = 0;
const CLAIMED = 1;
const LIVE = 2;
const PHASE = 3;
const GENERATION = 4;
/** Records that a search looks at. At half load, a run this long is beyond any odds. */
const REACH = 64;
const COUNTERS = 4096;

/** One thread's view of a table. */
export class IdTable {
  readonly #words: Int32Array;
  readonly #base: number;
  readonly #mask: number;

  /** Words that a table of `capacity` records takes. */
  static words(capacity: number): number {
    return capacity * RECORD_WORDS + COUNTERS;
  }

  /** @param capacity - number of records, a power of two */
  constructor(words: Int32Array, base: number, capacity: number) {
    this.#words = words;
    this.#base = base;
    this.#mask = capacity - 1;
  }

  /** First word of the live record of (partition, id), or -1. Allocates nothing. */
  find(partition: number, id: number): number {
    for (let i = 0, slot = hash(partition, id); i < REACH; i++, slot++) {
      const record = this.#base + (slot & this.#mask) * RECORD_WORDS;
      if (Atomics.load(this.#words, record) === 0) return -1;
      if (this.holds(record, partition, id)) return record;
    }
    return -1;
  }

  /** Whether the record at `record` is live and of (partition, id), now. */
  holds(record: number, partition: number, id: number): boolean {
    const words = this.#words;
    const state = Atomics.load(words, record);
    return (
      (state & PHASE) === LIVE &&
      Atomics.load(words, record + PARTITION) === partition &&
      Atomics.load(words, record + ID) === id &&
      Atomics.load(words, record) === state
    );
  }

  /**
   * Claims a record for (partition, id). The caller fills the body, then calls {@link publish}.
   *
   * @returns the record's first word, or -1 when the table is full.
   */
  claim(partition: number, id: number): number {
    const words = this.#words;
    for (let i = 0, slot = hash(partition, id); i < REACH; i++, slot++) {
      const record = this.#base + (slot & this.#mask) * RECORD_WORDS;
      const state = Atomics.load(words, record);
      if ((state & PHASE) !== FREE) continue;
      if (Atomics.compareExchange(words, record, state, state | CLAIMED) !== state) continue;
      Atomics.add(words, this.#counter(partition), 1);
      Atomics.store(words, record + PARTITION, partition);
      Atomics.store(words, record + ID, id);
      return record;
    }
    return -1;
  }

  /**
   * Makes a claimed record live.
   *
   * @returns `false`, with the record freed, when another of the same (partition, id) is live. Of two threads that race
   * for one id, at most one succeeds: both publish before they look.
   */
  publish(record: number, partition: number, id: number): boolean {
    const words = this.#words;
    const state = (Atomics.load(words, record) & ~PHASE) | LIVE;
    Atomics.store(words, record, state);
    for (let i = 0, slot = hash(partition, id); i < REACH; i++, slot++) {
      const other = this.#base + (slot & this.#mask) * RECORD_WORDS;
      if (other !== record && this.holds(other, partition, id)) {
        this.remove(record, state);
        return false;
      }
    }
    return true;
  }

  /** Frees the record if it is still in the given life. @returns whether it was. */
  remove(record: number, state: number): boolean {
    // Never back to 0: a search must go on past what was once used.
    const freed = ((state & ~PHASE) + GENERATION) | 0 || GENERATION;
    const counter = this.#counter(this.partition(record));
    if ((state & PHASE) !== LIVE || Atomics.compareExchange(this.#words, record, state, freed) !== state) return false;
    Atomics.sub(this.#words, counter, 1);
    return true;
  }

  /** First words of all live records of a partition, or of every partition when it is absent. */
  records(partition?: number): number[] {
    const found: number[] = [];
    for (let slot = 0; slot <= this.#mask; slot++) {
      const record = this.#base + slot * RECORD_WORDS;
      if ((Atomics.load(this.#words, record) & PHASE) !== LIVE) continue;
      if (partition === undefined || Atomics.load(this.#words, record + PARTITION) === partition) found.push(record);
    }
    return found;
  }

  /** Claimed and live records of a partition, together with those whose ids are equal modulo 4096. */
  count(partition: number): number {
    return Atomics.load(this.#words, this.#counter(partition));
  }

  /** State of a record: names its present life. */
  state(record: number): number {
    return Atomics.load(this.#words, record);
  }

  /** Id of a live record. */
  id(record: number): number {
    return Atomics.load(this.#words, record + ID) >>> 0;
  }

  /** Partition of a live record. */
  partition(record: number): number {
    return Atomics.load(this.#words, record + PARTITION);
  }

  #counter(partition: number): number {
    return this.#base + (this.#mask + 1) * RECORD_WORDS + (partition & (COUNTERS - 1));
  }
}

/** Ids of one partition often follow one another, and so do partitions: both are spread. */
function hash(partition: number, id: number): number {
  const mixed = Math.imul(id ^ Math.imul(partition, 0x9e37_79b1), 0x85eb_ca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
