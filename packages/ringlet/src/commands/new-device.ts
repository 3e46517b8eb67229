/** `ringlet new device NAME`: writes a device that works, to be changed into the one that is wanted. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { deviceFiles } from './device-templates.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

const NAME = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;

/** Runs the command. Overwrites nothing. */
export function newDevice(name: string, flags: { readonly directory: string }, host: CommandHost): ExitCode {
  if (!NAME.test(name) || name.length > 40) {
    throw new UserError('device-name-invalid', `"${name}" cannot be a device's name`, {
      hint: 'use lower-case words joined by hyphens, such as frame-buffer',
    });
  }
  const files = deviceFiles({ name, interfaceId: randomUUID(), instanceId: randomUUID() });
  const paths = [...files.keys()].map((file) => join(flags.directory, file));
  const taken = paths.find((path) => existsSync(path));
  if (taken !== undefined) {
    throw new UserError('file-exists', `${taken} is there already, and nothing was written`, {
      hint: 'choose another name, or another place with --directory',
    });
  }
  mkdirSync(flags.directory, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(flags.directory, file), text, { flag: 'wx' });
  const at = (file: string): string => join(flags.directory, file);
  host.out(
    [
      `${at(`${name}.ts`)}        the device: change packet()`,
      `${at(`${name}.vsc.ts`)}    the guest's driver`,
      `${at(`${name}.guest.ts`)}  a guest that uses it`,
      `${at(`${name}.test.ts`)}   the rules every device keeps`,
      '',
      'Try it:',
      `  ringlet run ${at(`${name}.guest.ts`)} --device ${at(`${name}.ts`)}`,
      `  node --conditions=@ringlet/source --import tsx --test ${at(`${name}.test.ts`)}`,
      '',
    ].join('\n'),
  );
  return ExitCode.Success;
}
