/** Disks: images that come to a running machine, go, and change their size. */
import { resolve } from 'node:path';
import type { DiskOption } from '../configuration/options.ts';
import type { ControllableDisks, DiskPlace } from '../control/controllable.ts';
import type { Harness } from './harness.ts';

/** The disks of one running machine; those it starts with are in its options. */
export class Disks implements ControllableDisks {
  readonly #ask: Harness['request'];

  constructor(ask: Harness['request']) {
    this.#ask = ask;
  }

  /**
   * Adds a disk. The guest is told, and finds it by itself.
   *
   * @returns where it hangs
   * @throws UserError `disk-not-found`, `disk-place-taken`… when it cannot be done
   */
  async attach(disk: DiskOption): Promise<DiskPlace> {
    return this.#ask('attachDisk', { ...disk, path: resolve(disk.path) });
  }

  /** Takes a disk away, whether or not the guest uses it. Resolves when its image is closed. @throws UserError `no-such-disk` */
  async detach(place: DiskPlace): Promise<void> {
    await this.#ask('detachDisk', place);
  }

  /** Gives a disk another size. The guest is told. @throws UserError `no-such-disk`, `disk-not-resizable`, `size-invalid` */
  async resize(place: DiskPlace, bytes: number): Promise<void> {
    await this.#ask('resizeDisk', { ...place, bytes });
  }
}
