/** From what a device file exports to a device. */
import type { DeviceWorld, Vsp, VspClass } from '@ringlet/vmbus';
import { isGuid, UserError } from '@ringlet/wire';

/** A device file, imported. */
export interface LoadedDevice {
  /** Absolute path, for messages. */
  readonly file: string;
  /** Its default export: should be a VSP's class. */
  readonly Device: unknown;
  /** What its constructor is given beside its world: checked, with defaults. */
  readonly options?: unknown;
}

/** Makes the device that a file exports. @throws UserError `device-invalid` when what it exports is none */
export function constructDevice({ file, Device, options }: LoadedDevice, world: DeviceWorld): Vsp {
  const wrong = (why: string) =>
    new UserError('device-invalid', `${file} holds no device: ${why}`, {
      hint: 'export default class Mine implements Vsp { … }; see docs/guide/write-a-device.md',
    });
  if (typeof Device !== 'function') throw wrong('its default export is not a class');
  let vsp: Partial<Vsp>;
  try {
    vsp = new (Device as VspClass)(world, options as never);
  } catch (cause) {
    throw wrong(`its constructor threw ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const { offer } = vsp;
  if (typeof vsp.packet !== 'function') throw wrong('it has no method packet(packet, channel)');
  if (!offer || !isGuid(offer.interfaceId) || !isGuid(offer.instanceId)) {
    throw wrong('its offer has no interfaceId and instanceId that are GUIDs in lower case');
  }
  return vsp as Vsp;
}

/** What the log calls the device of a file. */
export const deviceNameOf = (file: string): string => file.replace(/^.*\//, '');
