/** Every channel of one child, found by the root's number, by the child's id, or by what device it is of. */
import type { ChannelRecord } from './channel-record.ts';
import type { RootBusLimits } from './limits.ts';
import { RelidTable } from './relids.ts';

const NONE: ReadonlySet<ChannelRecord> = new Set();

/** The channels of one child, in the order of creation. */
export class ChannelIndex {
  readonly #records = new Map<number, ChannelRecord>();
  readonly #byKey = new Map<string, Set<ChannelRecord>>();
  /** Ids that the child uses. */
  readonly relids: RelidTable;

  constructor(limits: RootBusLimits) {
    this.relids = new RelidTable(limits);
  }

  get size(): number {
    return this.#records.size;
  }

  [Symbol.iterator](): IterableIterator<ChannelRecord> {
    return this.#records.values();
  }

  get(id: number): ChannelRecord | undefined {
    return this.#records.get(id);
  }

  /** Channels of the same interface, instance and subchannel index: one that is, and those before it. */
  withKey(key: string): ReadonlySet<ChannelRecord> {
    return this.#byKey.get(key) ?? NONE;
  }

  add(record: ChannelRecord): void {
    this.#records.set(record.id, record);
    record.primary?.subchannels.add(record);
    const same = this.#byKey.get(record.key) ?? new Set<ChannelRecord>();
    this.#byKey.set(record.key, same.add(record));
  }

  delete(record: ChannelRecord): void {
    this.#records.delete(record.id);
    record.primary?.subchannels.delete(record);
    const same = this.#byKey.get(record.key);
    same?.delete(record);
    if (same?.size === 0) this.#byKey.delete(record.key);
  }
}
