/** KeyValueStore: the guest's pools of keys, in memory, bounded: the host writes into some of them. */
import { fitsKvp, KvpPool, type KvpValue } from '@ringlet/protocols';
import type { KeyValues } from '../../runtime/guest.ts';

const POOLS = 5;
const MAX_KEYS = 1024;

/** Five pools of keys. Pool 2 starts with what hosts expect an operating system to say of itself. */
export class KeyValueStore implements KeyValues {
  readonly #pools = Array.from({ length: POOLS }, () => new Map<string, KvpValue>());

  constructor() {
    this.set(KvpPool.Auto, 'OSName', 'Ringlet TypeScript guest');
    this.set(KvpPool.Auto, 'OSVersion', '0.1');
    this.set(KvpPool.Auto, 'ProcessorArchitecture', 'paravirtual');
    this.set(KvpPool.Auto, 'IntegrationServicesVersion', '3.0');
  }

  /** Whether there is a pool of that number. */
  has(pool: number): boolean {
    return pool < POOLS;
  }

  /** The value of a key; `undefined` when the pool has no such key, or there is no such pool. */
  get(pool: number, key: string): KvpValue | undefined {
    return this.#pools[pool]?.get(key);
  }

  set(pool: number, key: string, value: KvpValue): void {
    if (!this.trySet(pool, key, value)) throw new RangeError(`no room for key ${JSON.stringify(key)} in pool ${pool}`);
  }

  /** As {@link set}, for what comes from the host. @returns whether it fits */
  trySet(pool: number, key: string, value: KvpValue): boolean {
    const entries = this.#pools[pool];
    if (!entries || !fitsKvp(key, value)) return false;
    if (!entries.has(key) && entries.size >= MAX_KEYS) return false;
    entries.set(key, value);
    return true;
  }

  /** Takes a key away. @returns whether it was there */
  delete(pool: number, key: string): boolean {
    return this.#pools[pool]?.delete(key) ?? false;
  }

  /** Every key of a pool with its value, in the order in which the keys came. */
  entries(pool: number): [key: string, value: KvpValue][] {
    return [...(this.#pools[pool] ?? [])];
  }
}
