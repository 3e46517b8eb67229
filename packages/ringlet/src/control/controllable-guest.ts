/** What may be asked of the inside of a running guest, by its integration components. */

/** Pools of keys that a guest has: what the host gave it, what its programs wrote, what its operating system says. */
export type KeyPool = 'host' | 'guest' | 'system';

/** A guest, as far as its integration components go. */
export interface ControllableGuest {
  /** Makes it set its clock to the host's time. */
  syncTime(): Promise<void>;
  /** Its keys. @throws UserError `key-value-not-ready` while nobody in the guest answers */
  keyValues(pool: KeyPool): Promise<Readonly<Record<string, string>>>;
  /** Gives it a key, or takes it away when `value` is absent. */
  setKeyValue(key: string, value: string | undefined): Promise<void>;
}
