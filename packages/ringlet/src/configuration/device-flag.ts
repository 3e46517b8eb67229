/** `--device FILE[,NAME[=VALUE]]…`. A comma in a file name or a value is written twice. */
import { UserError } from '@ringlet/wire';
import type { DeviceOption } from './options.ts';

/** Reads one `--device` value. A name without a value is true; one that is given twice has a list. @throws UserError */
export function parseDeviceFlag(text: string): DeviceOption {
  const [path = '', ...words] = text
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','));
  const refuse = (why: string): never => {
    throw new UserError('device-flag-invalid', `--device ${text}: ${why}`, {
      hint: 'write --device FILE, then any of its options: ,name=value. ringlet device FILE lists them',
    });
  };
  if (path === '') refuse('names no file');
  const values = new Map<string, string | string[]>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (name === '') refuse(`"${word}" names no option`);
    const value = equals < 0 ? 'true' : word.slice(equals + 1);
    const before = values.get(name);
    values.set(name, before === undefined ? value : [before, value].flat());
  }
  return values.size === 0 ? { path } : { path, options: Object.fromEntries(values), asText: true };
}
