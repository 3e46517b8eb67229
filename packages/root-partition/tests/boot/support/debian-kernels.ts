/**
 * Debian's kernels, fetched as a Debian host fetches them and kept for the next run. The cloud kernel is compressed
 * with LZ4, the generic one with XZ.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { capture } from './tools.ts';

/** The packages that depend on the newest kernel of each flavour. */
export const FLAVOURS = ['cloud-amd64', 'amd64'] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** A kernel package and the kernel in it. */
export interface DebianKernel {
  /** Path of the package. */
  readonly package: string;
  /** The bzImage. */
  readonly image: Uint8Array;
}

const folder = join(tmpdir(), 'ringlet-debian-kernels');

/** Gets a kernel. @returns `undefined` when there is no archive to get it from */
export function debianKernel(flavour: Flavour): DebianKernel | undefined {
  const place = join(folder, flavour);
  try {
    mkdirSync(place, { recursive: true });
    if (find(place, '.deb') === undefined) fetch(flavour, place);
    const file = find(place, '.deb')!;
    const boot = join(place, 'content', 'boot');
    if (!existsSync(boot)) capture('dpkg-deb', '--extract', file, join(place, 'content'));
    return { package: file, image: readFileSync(find(boot, '', 'vmlinuz-')!) };
  } catch (error) {
    process.stderr.write(`no Debian kernel ${flavour}: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

/** Downloads the package that the flavour's own package depends on. */
function fetch(flavour: Flavour, place: string): void {
  const depends = capture('apt-cache', 'depends', `linux-image-${flavour}`).toString();
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error('the package lists do not name one');
  capture('sh', '-c', 'cd "$1" && exec apt-get download "$2"', 'sh', place, name);
}

function find(place: string, end: string, start = ''): string | undefined {
  const name = readdirSync(place).find((one) => one.startsWith(start) && one.endsWith(end));
  return name === undefined ? undefined : join(place, name);
}
