/** `ringlet copy` and `ringlet backup`: files into a running guest, and copies of its disks out of it. */
import { basename, posix, resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { formatSize } from '../configuration/size.ts';
import { controlDirectory } from '../control/directory.ts';
import { openMachine } from '../control/running.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** The flags of `ringlet copy`. */
export interface CopyFlags {
  readonly force?: boolean;
  readonly parents?: boolean;
}

/** The flags of `ringlet backup`. */
export interface BackupFlags {
  readonly disk?: string;
  readonly live?: boolean;
}

/** Copies a file to `NAME:/path`; a path that ends with a slash is a directory. */
export async function copy(file: string, target: string, flags: CopyFlags, host: CommandHost): Promise<ExitCode> {
  const [, machine, path] = /^([^:/]+):(\/.*)$/s.exec(target) ?? [];
  if (machine === undefined || path === undefined) {
    throw new UserError('flag-invalid', `"${target}" is not of the form NAME:/path`, {
      hint: 'the path is that in the guest, from its root',
    });
  }
  const whole = path.endsWith('/') ? posix.join(path, basename(file)) : posix.normalize(path);
  const client = await openMachine(controlDirectory(host.environment), machine);
  try {
    const { bytes } = (await client.call('copyFile', {
      file: resolve(file),
      directory: posix.dirname(whole),
      name: posix.basename(whole),
      overwrite: flags.force === true,
      createPath: flags.parents === true,
    })) as { bytes: number };
    host.err(`${machine}:${whole}: ${formatSize(bytes)}\n`);
    return ExitCode.Success;
  } finally {
    client.close();
  }
}

/** Copies a disk of a running machine into a new image. */
export async function backup(name: string, file: string, flags: BackupFlags, host: CommandHost): Promise<ExitCode> {
  const [, controller, target, lun] = /^(\d{1,2}):(\d{1,2}):(\d{1,2})$/.exec(flags.disk ?? '0:0:0') ?? [];
  if (controller === undefined) {
    throw new UserError('flag-invalid', `--disk: "${flags.disk}" is not of the form CONTROLLER:TARGET:LUN`, {
      hint: `ringlet inspect ${name} disks shows them`,
    });
  }
  const client = await openMachine(controlDirectory(host.environment), name);
  try {
    const { bytes } = (await client.call('backup', {
      path: resolve(file),
      live: flags.live === true,
      controller: Number(controller),
      target: Number(target),
      lun: Number(lun),
    })) as { bytes: number };
    host.err(`${file}: ${formatSize(bytes)} that are not zero\n`);
    return ExitCode.Success;
  } finally {
    client.close();
  }
}
