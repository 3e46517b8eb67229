/**
 * Packages from a mirror of the Debian archive, without apt: release, its signature, package list, packages.
 *
 *     <mirror>/dists/<suite>/InRelease                           sums of the lists, signed
 *     <mirror>/dists/<suite>/main/binary-amd64/Packages.xz       (or .gz) sums of the packages
 *     <mirror>/pool/...                                          packages
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { UserError } from '@ringlet/wire';
import { damagedIndex } from './control-file.ts';
import { download, fetchSmall } from './download.ts';
import { PackageIndex } from './package-index.ts';
import type { PackageSource, Signatures } from './package-source.ts';
import { parseRelease, type Release } from './release-file.ts';
import { verifiedRelease } from './signature.ts';
import { unpackXz } from './xz-stream.ts';

/** The archive's own network of mirrors. */
export const DEFAULT_MIRROR = 'https://deb.debian.org/debian';

/** What a mirror needs to know. */
export interface MirrorOptions {
  readonly mirror: string;
  readonly suite: string;
  /** Which packages of the list are of interest. */
  readonly wanted: (name: string) => boolean;
  /** Directory for the list while it is fetched. */
  readonly partial: string;
  /** Keys to check the release with; those of the host's Debian keyring otherwise. */
  readonly keyring?: string | undefined;
  /** Whether to do without a signature. */
  readonly unsigned: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told of what the user should know. */
  readonly notice: (text: string) => void;
  readonly progress: (received: number, size: number) => void;
}

const LARGEST_RELEASE = 4 << 20;
const LARGEST_LIST = 256 << 20;
const LARGEST_UNPACKED_LIST = 1 << 30;
const LISTS = ['main/binary-amd64/Packages.xz', 'main/binary-amd64/Packages.gz'] as const;

/** Fetches and checks a mirror's lists. @throws UserError */
export async function openMirror(options: MirrorOptions): Promise<PackageSource> {
  const root = mirrorUrl(options.mirror);
  const suite = new URL(`dists/${options.suite}/`, root);
  const { release, signatures } = await fetchRelease(suite, options);
  if (release.codename !== options.suite) {
    throw damagedIndex(`it is for ${JSON.stringify(release.codename)}, not for ${options.suite}`);
  }
  if (release.validUntil !== undefined && release.validUntil < Date.now()) {
    throw damagedIndex(`it was valid until ${new Date(release.validUntil).toISOString()}`);
  }
  const index = await fetchIndex(suite, release, options);
  return {
    name: root.href.replace(/\/$/, ''),
    signatures,
    find: (name) => index.find(name),
    all: () => index.all(),
    fetch: (record, file, progress, signal) =>
      download({
        url: new URL(record.path, root),
        file,
        size: record.size,
        sha256: record.sha256,
        progress,
        signal,
      }),
  };
}

function mirrorUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new UserError('flag-invalid', `--mirror: "${text}" is not the URL of a mirror`, {
      hint: `such as ${DEFAULT_MIRROR}`,
    });
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

async function fetchRelease(suite: URL, options: MirrorOptions): Promise<{ release: Release; signatures: Signatures }> {
  const signed = await fetchSmall(new URL('InRelease', suite), LARGEST_RELEASE, options.signal);
  const text = signed ?? (await fetchSmall(new URL('Release', suite), LARGEST_RELEASE, options.signal));
  if (text === undefined) {
    throw new UserError('suite-not-found', `${suite.href} has no release`, {
      hint: 'check --mirror, and --suite: a codename such as bookworm',
    });
  }
  const checked = await verifiedRelease({ text, url: suite, ...options });
  return { release: await parseRelease(checked.text), signatures: checked.signatures };
}

async function fetchIndex(suite: URL, release: Release, options: MirrorOptions): Promise<PackageIndex> {
  const path = LISTS.find((candidate) => release.files.has(candidate));
  if (path === undefined) throw damagedIndex('the release names no list of packages for amd64');
  const { size, sha256 } = release.files.get(path)!;
  if (size > LARGEST_LIST) throw damagedIndex(`the list is said to have ${size} bytes`);
  const file = join(options.partial, `${sha256}.list`);
  await download({
    url: new URL(path, suite),
    file,
    size,
    sha256,
    signal: options.signal,
    progress: (received) => options.progress(received, size),
  });
  const packed = readFileSync(file);
  rmSync(file, { force: true });
  // The file was checked; this is what is read, should somebody have changed it in between.
  if (createHash('sha256').update(packed).digest('hex') !== sha256) throw damagedIndex('it changed while it was read');
  const index = new PackageIndex();
  await index.add(
    path.endsWith('.xz') ? unpackXz(packed, LARGEST_UNPACKED_LIST, 'the list') : gunzip(packed),
    options.wanted,
  );
  return index;
}

async function* gunzip(packed: Uint8Array): AsyncGenerator<Uint8Array, void> {
  let size = 0;
  const stream = Readable.from([packed]).pipe(createGunzip());
  try {
    for await (const piece of stream) {
      if ((size += (piece as Uint8Array).length) > LARGEST_UNPACKED_LIST) throw damagedIndex('it unpacks without end');
      yield piece as Uint8Array;
    }
  } catch (error) {
    throw error instanceof UserError ? error : damagedIndex('it is not valid gzip');
  }
}
