/**
 * Files of a Debian package (deb(5)): an ar archive whose member `data.tar.xz` (or `.gz`) is the tar archive of its files.
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
  const files = extract();
  const feeding = feed(tarOf(deb, name, limits.unpacked), files);
  // Its failure reaches the loop below through the stream.
  feeding.catch(() => undefined);
  try {
    for await (const entry of files) {
      const path = plainPath(entry.header, name);
      if (entry.header.type === 'directory' || !wanted(path)) {
        entry.resume();
        continue;
      }
      if (entry.header.type !== 'file') throw damagedPackage(name, `${path} is no file but a ${entry.header.type}`);
      if (entry.header.size > limits.file) throw damagedPackage(name, `${path} has ${entry.header.size} bytes`);
      const parts: Uint8Array[] = [];
      for await (const part of entry) parts.push(part as Uint8Array);
      yield { path, data: Buffer.concat(parts) };
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

/** The error for a package that is not one. */
export function damagedPackage(name: string, what: string): UserError {
  return new UserError('package-damaged', `the package ${name} cannot be used: ${what}`, {
    hint: 'fetch it again with --force, or from another --mirror',
  });
}

/** The tar archive of a package's files, as it is unpacked. */
function tarOf(deb: Uint8Array, name: string, limit: number): AsyncIterable<Uint8Array> {
  if (!isAr(deb)) throw damagedPackage(name, 'it is no ar archive');
  for (const member of readAr(deb)) {
    if (member.name === 'data.tar.xz') return unpackXz(member.data, limit, `${name}: ${member.name}`);
    if (member.name === 'data.tar.gz') return gunzip(member.data, limit, name);
    if (member.name === 'data.tar') return plain(member.data);
    if (member.name.startsWith('data.tar')) throw damagedPackage(name, `${member.name} is of a kind that is not read`);
  }
  throw damagedPackage(name, 'it has no files');
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
function plainPath(header: Header, name: string): string {
  const path = header.name.replace(/^\.\//, '').replace(/\/$/, '');
  if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\0')) {
    throw damagedPackage(name, `it has a file at ${JSON.stringify(header.name.slice(0, 200))}`);
  }
  return path;
}
