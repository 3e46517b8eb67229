/** Device files, on the thread that serves them: imported, and told what they were given. */
import type { LoadedDevice } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { checkedOptions } from '../configuration/device-options.ts';
import type { DevicePart } from './parts.ts';

/** A device file's default export and its checked options. @throws UserError */
export const loadedDevice = ({ file, ...given }: DevicePart, Device: unknown): LoadedDevice => ({
  file,
  Device,
  options: checkedOptions(file, Device, given),
});

/** Imports a bundle of a device file. Rejects with a UserError `device-invalid`, `device-options-invalid`. */
export async function importDevice(part: DevicePart, url: string): Promise<LoadedDevice> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as typeof module;
  } catch (cause) {
    const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    throw new UserError('device-invalid', `${part.file} could not be loaded: ${stack}`, { cause });
  }
  return loadedDevice(part, module.default);
}
