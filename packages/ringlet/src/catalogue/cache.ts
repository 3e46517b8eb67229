/**
 * Where the catalogue keeps what it has: a directory that can be removed at any time.
 *
 *     $XDG_CACHE_HOME/ringlet        or ~/.cache/ringlet, or --cache DIR
 *       ├── images/<full name>/      kernel, initrd, image.json; appears whole, by a rename
 *       ├── packages/<sha256>.deb    packages whose sums were right
 *       ├── partial/                 downloads that were interrupted; the next pull goes on with them
 *       ├── apt/                     apt's lists, when apt fetches
 *       └── lock                     who is changing all this
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Environment } from '../control/directory.ts';

/** The cache directory, which need not exist. `chosen` is what `--cache` says. */
export function cacheDirectory(environment: Environment, chosen?: string): string {
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  const base = environment['XDG_CACHE_HOME'];
  // The XDG base directory specification: a relative path is to be ignored.
  const cache = base !== undefined && isAbsolute(base) ? base : join(environment['HOME'] || homedir(), '.cache');
  return join(cache, 'ringlet');
}

/** The parts of a cache. */
export class Cache {
  readonly directory: string;
  readonly images: string;
  readonly packages: string;
  readonly partial: string;
  readonly apt: string;
  readonly lock: string;

  constructor(directory: string) {
    this.directory = directory;
    this.images = join(directory, 'images');
    this.packages = join(directory, 'packages');
    this.partial = join(directory, 'partial');
    this.apt = join(directory, 'apt');
    this.lock = join(directory, 'lock');
  }

  /** Makes the directories. @throws UserError `cache-unusable` */
  create(): void {
    try {
      for (const path of [this.images, this.packages, this.partial]) mkdirSync(path, { recursive: true });
    } catch (cause) {
      throw new UserError('cache-unusable', `${this.directory} cannot be used as cache: ${reason(cause)}`, {
        hint: 'choose another with --cache DIR or XDG_CACHE_HOME',
        cause,
      });
    }
  }

  /** The directory of an image. */
  image(name: string): string {
    return join(this.images, name);
  }

  /** The file of a package, known by its SHA-256. */
  package(sha256: string): string {
    return join(this.packages, `${sha256}.deb`);
  }

  /** Whether there is a file for a package; its sum is looked at when it is used. */
  hasPackage(sha256: string): boolean {
    return existsSync(this.package(sha256));
  }

  /** Full names of the images that are there. */
  imageNames(): string[] {
    return entriesOf(this.images)
      .filter((name) => !name.startsWith('.'))
      .toSorted();
  }

  /** Puts a finished directory in the place of an image, whole. The cache's lock is held. */
  replaceImage(finished: string, name: string): void {
    const old = join(this.images, `.old-${name}`);
    rmSync(old, { recursive: true, force: true });
    try {
      renameSync(this.image(name), old);
    } catch {
      // There was none.
    }
    renameSync(finished, this.image(name));
    rmSync(old, { recursive: true, force: true });
  }

  /** Removes what an interrupted process left between two renames, or before the first. The cache's lock is held. */
  removeLeftovers(): void {
    for (const name of entriesOf(this.images)) {
      if (name.startsWith('.')) rmSync(join(this.images, name), { recursive: true, force: true });
    }
  }
}

/** Entries of a directory; none when it is not there. */
export function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The message of whatever was thrown. */
export function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
