/**
 * A machine's devices that come from files of the user, each of which can be replaced while the guest runs.
 *
 *     old ── save ──▶ new on trial: made, restored       nothing has happened yet: what throws, throws here
 *     old ── rescind ──▶ guest lets go ── save ──▶ new made, restored, offered
 */
import type { AttachOptions, Vsp } from '@ringlet/vmbus';
import { invariant, UserError } from '@ringlet/wire';
import { constructDevice, deviceNameOf, type LoadedDevice } from './construct-device.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';

/** What may be asked of a machine's devices from files. */
export interface DeviceFileRequests {
  /**
   * Puts a device's new version in the place of the one that runs, with its state. Answered when it is offered.
   *
   * @throws UserError when there is none, it cannot be loaded or made, or it refuses the state; the old one runs on then
   */
  replaceDevice(parameters: DeviceReplacement): void;
}

/** A device's new version. */
export interface DeviceReplacement {
  /** Which device: its place among those that the machine was made with. */
  readonly index: number;
  /** URL of the module. */
  readonly url: string;
}

/** What devices from files are made with. */
export interface MachineDevicesOptions {
  readonly world: WorldOf;
  readonly attach: (vsp: Vsp, options?: AttachOptions) => void;
  readonly detach: (vsp: Vsp, done: () => void) => void;
  /** Imports a new version of a device. Rejects with a UserError. */
  load(parameters: DeviceReplacement): Promise<LoadedDevice>;
  /** A device was replaced. */
  replaced(device: string, file: string): void;
}

/** The devices from files of one machine. */
export class MachineDevices implements MachinePart<DeviceFileRequests> {
  /** None: they are put on the bus, taken off and disposed of here. */
  readonly vsps: readonly Vsp[] = [];
  readonly #options: MachineDevicesOptions;
  readonly #devices: { readonly file: string; vsp: Vsp; replacements: number }[] = [];
  /** One replacement at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(options: MachineDevicesOptions) {
    this.#options = options;
  }

  /** Makes them and puts them on the bus. @throws UserError; those before it stay, until {@link dispose} */
  attach(devices: readonly LoadedDevice[]): void {
    for (const loaded of devices) {
      const vsp = constructDevice(loaded, this.#options.world(deviceNameOf(loaded.file)));
      this.#devices.push({ file: loaded.file, vsp, replacements: 0 });
      this.#options.attach(vsp);
    }
  }

  readonly answers: Answers<DeviceFileRequests> = {
    replaceDevice: (replacement) => {
      const done = this.#last.then(() => this.#replace(replacement));
      this.#last = done.catch(() => {});
      return done;
    },
  };

  inspect(): Record<string, unknown> {
    if (this.#devices.length === 0) return {};
    return { devices: this.#devices.map(({ file, vsp, replacements }) => ({ file, ...named(vsp), replacements })) };
  }

  dispose(done: () => void): void {
    this.#disposed = true;
    let waiting = this.#devices.length;
    if (waiting === 0) return done();
    const one = (): void => void (--waiting === 0 && done());
    for (const { vsp } of this.#devices) disposeOf(vsp, one);
  }

  async #replace(replacement: DeviceReplacement): Promise<void> {
    const { world, attach, detach } = this.#options;
    const device = this.#devices[replacement.index];
    invariant(device !== undefined, 'only devices that the machine was made with are replaced');
    const loaded = await this.#options.load(replacement);
    if (this.#disposed) throw new UserError('machine-not-running', 'the machine has ended');
    const old = device.vsp;
    const own = world(deviceNameOf(loaded.file));
    // Its timers never run: it only shows whether the real one can be made.
    const trial = constructDevice(loaded, { ...own, after: () => () => {} });
    try {
      carryOver(old, trial, loaded.file);
    } finally {
      disposeOf(trial, () => {});
    }
    await new Promise<void>((gone) => detach(old, gone));
    if (this.#disposed) return;
    let next: Vsp | undefined;
    try {
      next = constructDevice(loaded, own);
      carryOver(old, next, loaded.file);
      attach(next);
    } catch (thrown) {
      if (next) disposeOf(next, () => {});
      attach(old);
      throw thrown;
    }
    device.vsp = next;
    device.replacements++;
    disposeOf(old, () => {});
    this.#options.replaced(next.offer.name, loaded.file);
  }
}

/** Gives a device's state to its new version, as a file would: through JSON. @throws UserError when that fails */
function carryOver(old: Vsp, next: Vsp, file: string): void {
  if (!old.save || !next.restore) return;
  let step = 'the save() of the device that runs';
  try {
    const text = JSON.stringify(old.save());
    step = 'its restore()';
    next.restore(JSON.parse(text) as never);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UserError('device-state-refused', `${file}: ${step} threw: ${why}`, {
      hint: 'let restore() take the state of the version before it, or start the machine anew',
      cause,
    });
  }
}

/** A device's own code: what it throws must not keep others from being disposed of. */
function disposeOf(vsp: Vsp, done: () => void): void {
  if (!vsp.dispose) return done();
  let over = false;
  const once = (): void => {
    if (over) return;
    over = true;
    done();
  };
  try {
    vsp.dispose(once);
  } catch {
    once();
  }
}

const named = ({ offer: { name, interfaceId, instanceId } }: Vsp): Record<string, string> => ({
  name,
  interfaceId,
  instanceId,
});
