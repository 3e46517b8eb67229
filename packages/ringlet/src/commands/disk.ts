/** `ringlet disk`: makes images, says what an image is, and checks one. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { createDisk, type CreateDiskOptions, openDisk } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { formatSize, parseSize } from '../configuration/size.ts';
import { plain } from '../control/json-rpc.ts';
import { hashOfDisk } from '../tour/hash-of-disk.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

const FORMATS = ['raw', 'vhd', 'vhdx'] as const;

/** The flags of `ringlet disk create`. */
export interface CreateFlags {
  readonly size?: string;
  readonly format?: string;
  readonly fixed?: boolean;
  readonly parent?: string;
  readonly sectorSize?: string;
}

/** Makes an image. The format follows from the file's extension unless it is named. */
export function create(path: string, flags: CreateFlags, host: CommandHost): ExitCode {
  const options: CreateDiskOptions = {
    format: formatOf(path, flags.format),
    ...(flags.size === undefined ? {} : { size: parseSize(flags.size, '--size') }),
    ...(flags.fixed === true ? { fixed: true } : {}),
    ...(flags.parent === undefined ? {} : { parent: flags.parent }),
    ...(flags.sectorSize === undefined ? {} : { sectorSize: parseSize(flags.sectorSize, '--sector-size') }),
  };
  if (options.size === undefined && options.parent === undefined) {
    throw new UserError('disk-size-missing', `${path}: how large shall it be?`, { hint: 'add --size 1G' });
  }
  createDisk(path, options);
  host.out(`${path}: ${describe(path)}\n`);
  return ExitCode.Success;
}

/** Says what an image is. Changes nothing. */
export async function info(path: string, flags: { readonly json?: boolean }, host: CommandHost): Promise<ExitCode> {
  const disk = openDisk(path, { readOnly: true });
  const { kind, sectorSize, physicalSectorSize, sectorCount, optical } = disk;
  const facts = {
    path,
    kind,
    bytes: sectorSize * sectorCount,
    size: formatSize(sectorSize * sectorCount),
    sectorSize,
    physicalSectorSize,
    optical,
    id: disk.id,
    ...disk.inspect(),
  };
  await new Promise((done) => disk.close(done));
  const text = JSON.stringify(facts, plain);
  host.out(flags.json === true ? `${text}\n` : stringify(JSON.parse(text), { lineWidth: 0 }));
  return ExitCode.Success;
}

/** Checks the structures of an image by opening it, and every sector by reading it; prints the hash of its contents. */
export async function check(path: string, host: CommandHost): Promise<ExitCode> {
  const description = describe(path);
  const hash = await hashOfDisk(path, createHash('sha256')).catch((cause: unknown) => {
    if (cause instanceof UserError) throw cause;
    throw new UserError('disk-unreadable', `${path} cannot be read to its end: ${String(cause)}`, { cause });
  });
  host.out(`${path}: ${description}, no damage found\nsha256 ${hash}\n`);
  return ExitCode.Success;
}

/** Kind and size of an image, in words. */
function describe(path: string): string {
  const disk = openDisk(path, { readOnly: true });
  const words = `${disk.kind}, ${formatSize(disk.sectorSize * disk.sectorCount)}`;
  disk.close(() => undefined);
  return words;
}

function formatOf(path: string, named: string | undefined): CreateDiskOptions['format'] {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase();
  const wanted = named ?? (extension === 'vhd' || extension === 'vhdx' ? extension : 'raw');
  const format = FORMATS.find((candidate) => candidate === wanted);
  if (format === undefined) {
    throw new UserError('flag-invalid', `--format: images of the format "${wanted}" cannot be made`, {
      hint: `one of ${FORMATS.join(', ')}`,
    });
  }
  return format;
}
