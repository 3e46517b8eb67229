/** Finds the parent of a differencing VHDX and makes sure that it is the one (MS-VHDX 2.6.2.6.3). */
import { existsSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Disk } from '../disk.ts';
import type { Metadata } from './metadata.ts';
import type { ParentLocator } from './parent-locator.ts';
import { VhdxDisk } from './vhdx-disk.ts';

/** What every absolute Win32 path of a locator begins with. */
const LONG_PATH = '\\\\?\\';

/**
 * Opens the parent of the image at `child` with `open`, trying the relative path first.
 *
 * @throws UserError disk-parent when there is none, or only one that has changed since.
 */
export function openParent(child: string, metadata: Metadata, open: (path: string) => Disk): Disk {
  const locator = metadata.parent!;
  const tried: string[] = [];
  for (const path of pathsOf(child, locator)) {
    if (!existsSync(path)) {
      tried.push(`${path} is not there`);
      continue;
    }
    const disk = open(path);
    if (disk instanceof VhdxDisk && locator.linkage.includes(disk.dataWriteId)) {
      if (disk.sectorSize === metadata.sectorSize) return disk;
      tried.push(`${path} has sectors of ${disk.sectorSize} bytes`);
    } else tried.push(`${path} has changed since, or is another disk`);
    disk.close(() => undefined);
  }
  throw new UserError(
    'disk-parent',
    `${child} builds on a disk that cannot be used: ${tried.join('; ') || 'no path'}`,
    {
      hint: 'put the parent, as it was when this disk was made, back in its place',
    },
  );
}

/** How a new differencing disk at `child` names its parent. */
export function locatorFor(child: string, parent: string, dataWriteId: string): ParentLocator {
  const absolute = resolve(parent);
  return {
    linkage: [dataWriteId],
    relativePath: relative(dirname(resolve(child)), absolute).replaceAll('/', '\\'),
    absolutePath: LONG_PATH + absolute.replaceAll('/', '\\'),
  };
}

/** Where the parent may be on this host. Paths to other machines are not followed: an image must not choose them. */
function pathsOf(child: string, locator: ParentLocator): string[] {
  const paths: string[] = [];
  const { relativePath, absolutePath } = locator;
  if (relativePath !== undefined) {
    const path = relativePath.replaceAll('\\', '/');
    if (!path.startsWith('/') && !/^[a-z]:/i.test(path)) paths.push(resolve(dirname(child), path));
  }
  if (absolutePath?.startsWith(LONG_PATH)) {
    const path = absolutePath.slice(LONG_PATH.length).replaceAll('\\', '/');
    const drive = /^[a-z]:\//i.test(path);
    if (process.platform === 'win32' ? drive : !drive && path.startsWith('/')) paths.push(path);
  }
  return [...new Set(paths)];
}
