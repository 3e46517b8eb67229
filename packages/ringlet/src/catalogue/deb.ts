/**
 * Files of a Debian package (deb(5)): an ar archive whose member `data.tar.xz` (or `.gz`) is the tar archive of its files,
 * and `control.tar.xz` that of what the package manager needs to know.
 *
 * Nothing is ever unpacked to the host's file system: wanted files are handed out as bytes, one by one, so that no path,
 * link, owner or mode in an archive has a meaning.
 */
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isAr, readAr } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { extract, type Header } from 'tar-stream';
import { reason } from './cache.ts';
import { unpackXz } from './xz-stream.ts';

/** A file in a package. */
export interface PackagedFile {
  /** Without `./` or a slash in front. */
  readonly path: string;
  readonly data: Uint8Array;
}

/** Anything in a package: what a tar archive says of it. */
export interface PackagedEntry {
  /** Without `./` or a slash in front; empty for the root itself. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link';
  /** Permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly modified: number;
  /** What a symbolic link says; the path, in the form above, of the file that a hard link is another name of. */
  readonly target: string;
  /** Contents of a file; empty otherwise. */
  readonly data: Uint8Array;
}

/** Which of a package's two archives. */
export type PackagePart = 'control' | 'data';

/** Bounds on what a package may make us hold. */
export interface DebLimits {
  /** Bytes of all files together. */
  readonly unpacked: number;
  /** Bytes of a wanted file. */
  readonly file: number;
}

const LIMITS: DebLimits = { unpacked: 1 << 30, file: 128 << 20 };

/**
 * Reads the wanted files of a package.
 *
 * @param name - what to call it in errors
 * @param wanted - says of a path whether its file is wanted
 * @throws UserError `package-damaged`
 */
export async function* readDeb(
  deb: Uint8Array,
  name: string,
  wanted: (path: string) => boolean,
  limits: DebLimits = LIMITS,
): AsyncGenerator<PackagedFile, void> {
  for await (const { path, type, data } of entriesOf(deb, name, 'data', wanted, limits)) {
    if (type === 'directory') continue;
    if (type !== 'file') throw damagedPackage(name, `${path} is no file but a ${type}`);
    yield { path, data };
  }
}

/**
 * Reads everything that is wanted of one part of a package.
 *
 * Paths are relative and lead to nowhere else; what they, modes and owners mean is up to whoever asks.
 *
 * @throws UserError `package-damaged`
 */
export function readDebEntries(
  deb: Uint8Array,
  name: string,
  part: PackagePart,
  wanted: (path: string) => boolean = () => true,
): AsyncGenerator<PackagedEntry, void> {
  return entriesOf(deb, name, part, wanted, LIMITS);
}

async function* entriesOf(
  deb: Uint8Array,
  name: string,
  part: PackagePart,
  wanted: (path: string) => boolean,
  limits: DebLimits,
): AsyncGenerator<PackagedEntry, void> {
  const files = extract();
  const feeding = feed(tarOf(deb, name, part, limits.unpacked), files);
  // Its failure reaches the loop below through the stream.
  feeding.catch(() => undefined);
  try {
    for await (const entry of files) {
      const path = plainPath(entry.header.name, name);
      if (!wanted(path)) {
        entry.resume();
        continue;
      }
      const { size } = entry.header;
      if (size !== undefined && size > limits.file) throw damagedPackage(name, `${path} has ${size} bytes`);
      const parts: Uint8Array[] = [];
      for await (const piece of entry) parts.push(piece as Uint8Array);
      yield entryOf(entry.header, path, Buffer.concat(parts), name);
    }
    await feeding;
  } catch (error) {
    throw error instanceof UserError ? error : damagedPackage(name, reason(error));
  } finally {
    files.destroy();
    // Whoever unpacks is done with when this is: the next package may come.
    await feeding.catch(() => undefined);
  }
}

function entryOf(header: Header, path: string, data: Uint8Array, name: string): PackagedEntry {
  const { type, linkname } = header;
  if (type !== 'file' && type !== 'directory' && type !== 'symlink' && type !== 'link') {
    throw damagedPackage(name, `${path} is no file but a ${type ?? 'thing of an unknown kind'}`);
  }
  const target = type === 'link' ? plainPath(linkname ?? '', name) : (linkname ?? '');
  if (target.includes('\0')) throw damagedPackage(name, `${path} is a link to nowhere`);
  return {
    path,
    type,
    mode: (header.mode ?? 0) & 0o7777,
    uid: header.uid ?? 0,
    gid: header.gid ?? 0,
    modified: Math.floor((header.mtime?.getTime() ?? 0) / 1000),
    target: type === 'symlink' || type === 'link' ? target : '',
    data,
  };
}

/** The error for a package that is not one. */
export function damagedPackage(name: string, what: string): UserError {
  return new UserError('package-damaged', `the package ${name} cannot be used: ${what}`, {
    hint: 'fetch it again with --force, or from another --mirror',
  });
}

/** One of a package's tar archives, as it is unpacked. */
function tarOf(deb: Uint8Array, name: string, part: PackagePart, limit: number): AsyncIterable<Uint8Array> {
  if (!isAr(deb)) throw damagedPackage(name, 'it is no ar archive');
  const tar = `${part}.tar`;
  for (const member of readAr(deb)) {
    if (member.name === `${tar}.xz`) return unpackXz(member.data, limit, `${name}: ${member.name}`);
    if (member.name === `${tar}.gz`) return gunzip(member.data, limit, name);
    if (member.name === tar) return plain(member.data);
    if (member.name.startsWith(tar)) throw damagedPackage(name, `${member.name} is of a kind that is not read`);
  }
  throw damagedPackage(name, part === 'data' ? 'it has no files' : 'it does not say what it is');
}

async function feed(tar: AsyncIterable<Uint8Array>, files: ReturnType<typeof extract>): Promise<void> {
  try {
    for await (const piece of tar) {
      if (files.destroying) return;
      // Whoever unpacks reuses the memory of its pieces.
      if (!files.write(Buffer.from(piece))) {
        await new Promise<void>((done) => {
          const go = (): void => {
            files.off('drain', go);
            files.off('close', go);
            done();
          };
          files.on('drain', go);
          files.on('close', go);
        });
      }
    }
    files.end(undefined);
  } catch (error) {
    files.destroy(error instanceof Error ? error : new Error(reason(error)));
    throw error;
  }
}

async function* gunzip(packed: Uint8Array, limit: number, name: string): AsyncGenerator<Uint8Array, void> {
  let size = 0;
  for await (const piece of Readable.from([packed]).pipe(createGunzip())) {
    if ((size += (piece as Uint8Array).length) > limit) throw damagedPackage(name, `it unpacks to over ${limit} bytes`);
    yield piece as Uint8Array;
  }
}

async function* plain(data: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield data;
}

/** A path in the form that is compared with what is wanted. */
function plainPath(written: string, name: string): string {
  const path = written.replace(/^\.(\/|$)/, '').replace(/\/$/, '');
  if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\0')) {
    throw damagedPackage(name, `it has a file at ${JSON.stringify(written.slice(0, 200))}`);
  }
  return path;
}
