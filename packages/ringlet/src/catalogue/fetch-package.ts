/** Gets a package into the cache, and lets none in whose size or SHA-256 is not that of the list. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Cache } from './cache.ts';
import { sha256OfFile } from './download.ts';
import type { PackageRecord } from './package-index.ts';
import type { PackageSource } from './package-source.ts';
import type { PullEvent } from './pull-event.ts';

/**
 * Fetches a package, or takes it from the cache.
 *
 * @returns its bytes
 * @throws UserError `download-damaged`, and what the source throws
 */
export async function fetchPackage(
  record: PackageRecord,
  source: PackageSource,
  cache: Cache,
  tell: (event: PullEvent) => void,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const file = cache.package(record.sha256);
  const { name, version, size } = record;
  const told = { package: name, version, size };
  const found = statSync(file, { throwIfNoEntry: false }) !== undefined;
  if (found && (await isRight(file, record))) {
    tell({ type: 'package', ...told, cached: true });
    return readFileSync(file);
  }
  if (found) {
    tell({ type: 'notice', text: `${name} in the cache is damaged; it is fetched again` });
    rmSync(file, { force: true });
  }
  tell({ type: 'package', ...told, cached: false });
  mkdirSync(cache.partial, { recursive: true });
  const partial = join(cache.partial, `${record.sha256}.deb`);
  await source.fetch(record, partial, (received) => tell({ type: 'progress', package: name, received, size }), signal);
  if (!(await isRight(partial, record))) {
    rmSync(partial, { force: true });
    throw new UserError('download-damaged', `${name} ${version} does not have the SHA-256 that its list gives`, {
      hint: 'try again later, or name another --mirror',
    });
  }
  renameSync(partial, file);
  return readFileSync(file);
}

async function isRight(file: string, record: PackageRecord): Promise<boolean> {
  return (
    statSync(file, { throwIfNoEntry: false })?.size === record.size && (await sha256OfFile(file)) === record.sha256
  );
}
