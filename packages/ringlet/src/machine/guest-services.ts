/** The integration components of a machine's guest, for whoever has the machine. */
import { resolve } from 'node:path';
import { KvpPool } from '@ringlet/protocols';
import type { BackupOptions, ControllableGuest, CopyTarget, KeyPool } from '../control/controllable-guest.ts';
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

  copyFile(file: string, target: CopyTarget): Promise<{ readonly bytes: number }> {
    const { overwrite = false, createPath = false, ...where } = target;
    return this.#ask('copyFile', { file: resolve(file), overwrite, createPath, ...where });
  }

  backup(path: string, options: BackupOptions = {}): Promise<{ readonly bytes: number }> {
    const { live = false, format = formatOf(path), ...place } = options;
    return this.#ask('backupDisk', { path: resolve(path), format, freeze: !live, ...place });
  }

  setKeyValue(key: string, value: string | undefined): Promise<void> {
    if (value === undefined) return this.#ask('deleteKeyValue', { pool: KvpPool.External, key });
    return this.#ask('setKeyValue', { pool: KvpPool.External, key, value });
  }
}

/** The format that an image's name says. */
function formatOf(path: string): 'raw' | 'vhd' | 'vhdx' {
  const extension = /\.(vhdx?)$/i.exec(path)?.[1]?.toLowerCase();
  return extension === 'vhd' || extension === 'vhdx' ? extension : 'raw';
}
