/** Devices: those from files, of a machine that runs. */
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { ControllableDevices } from '../control/controllable.ts';
import { type Bundle, bundled } from '../host/bundle.ts';
import { originalPositions } from '../host/source-positions.ts';
import type { Harness } from './harness.ts';
import type { DevicePart } from './parts.ts';

/** The devices from files of one machine. */
export class Devices implements ControllableDevices {
  readonly #ask: Harness['request'];
  readonly #devices: readonly DevicePart[];
  readonly #fixed: boolean;

  /** @param fixed - the run is recorded, or happens again: its devices stay what they are */
  constructor(ask: Harness['request'], devices: readonly DevicePart[], fixed: boolean) {
    this.#ask = ask;
    this.#fixed = fixed;
    this.#devices = devices;
  }

  /** The device files that the machine was made with, absolute. */
  get files(): readonly string[] {
    return [...new Set(this.#devices.map(({ file }) => file))];
  }

  /**
   * Loads a device's file again and puts its new version in the place of the one that runs: the guest sees the device go
   * and come back, `save` and `restore` carry its state over. Resolves when the new version is offered, which waits until
   * the guest has let go of the old one.
   *
   * @throws UserError `guest-not-compiled`, `device-invalid`, `device-options-invalid`, `device-state-refused`,
   * `device-not-found`: the device that runs stays, and nothing has happened to it
   */
  async reload(file: string): Promise<void> {
    const path = resolve(file);
    const places = this.#devices.flatMap((device, index) => (device.file === path ? [index] : []));
    if (places.length === 0) {
      throw new UserError('device-not-found', `the machine has no device from ${path}`, {
        hint: `its devices: ${this.files.join(', ') || 'none'}`,
      });
    }
    if (this.#fixed) {
      throw new UserError('recording-impossible', 'a run that is recorded, or happens again, keeps its devices', {
        hint: 'leave out record and replay to change a device while the guest runs',
      });
    }
    const { url } = await bundleOf(path);
    for (const index of places) {
      try {
        await this.#ask('replaceDevice', { index, url: url.href });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const hint = error.hint === undefined ? {} : { hint: error.hint };
        throw new UserError(error.code, originalPositions(error.message), { ...hint, cause: error });
      }
    }
  }

  /** The files that a device's file is made of, itself included, without those of packages. @throws UserError */
  async sources(file: string): Promise<readonly string[]> {
    const path = resolve(file);
    const { inputs } = await bundleOf(path);
    return [...inputs.keys()].filter((input) => !/[\\/]node_modules[\\/]/.test(input));
  }
}

const bundleOf = (file: string): Promise<Bundle> =>
  bundled('device', `export { default } from ${JSON.stringify(file)};`);
