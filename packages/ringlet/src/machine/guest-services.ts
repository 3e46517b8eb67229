/** The integration components of a machine's guest, for whoever has the machine. */
import { KvpPool } from '@ringlet/protocols';
import type { ControllableGuest, KeyPool } from '../control/controllable-guest.ts';
import type { Harness } from './harness.ts';

const POOLS = { host: KvpPool.External, guest: KvpPool.Guest, system: KvpPool.Auto } as const;

/** What may be asked of one guest. */
export class GuestServices implements ControllableGuest {
  readonly #ask: Harness['request'];

  constructor(ask: Harness['request']) {
    this.#ask = ask;
  }

  syncTime(): Promise<void> {
    return this.#ask('syncTime', {});
  }

  keyValues(pool: KeyPool): Promise<Readonly<Record<string, string>>> {
    return this.#ask('keyValues', { pool: POOLS[pool] });
  }

  setKeyValue(key: string, value: string | undefined): Promise<void> {
    if (value === undefined) return this.#ask('deleteKeyValue', { pool: KvpPool.External, key });
    return this.#ask('setKeyValue', { pool: KvpPool.External, key, value });
  }
}
