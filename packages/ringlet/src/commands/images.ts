/** `ringlet images`: what the catalogue has made, and removing it. */
import { Cache, cacheDirectory } from '../catalogue/cache.ts';
import { lockCache } from '../catalogue/cache-lock.ts';
import { listImages, removeImage, sizeOfImage } from '../catalogue/image.ts';
import { parseImageName, shortName } from '../catalogue/image-name.ts';
import { formatSize } from '../configuration/size.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** Lists the images that are there. */
export function listPulled(flags: { readonly json?: boolean; readonly cache?: string }, host: CommandHost): ExitCode {
  const images = listImages(new Cache(cacheDirectory(host.environment, flags.cache)));
  if (flags.json === true) {
    for (const image of images) host.out(`${JSON.stringify(image)}\n`);
    return ExitCode.Success;
  }
  if (images.length === 0) {
    host.err('there are no images; make one with: ringlet pull debian\n');
    return ExitCode.Success;
  }
  const rows = images.map((image) => [
    shortName(parseImageName(image.name)),
    image.kernelVersion,
    formatSize(sizeOfImage(image)),
    image.pulled.slice(0, 10),
    `${image.source}${image.signatures === 'checked' ? '' : ' (signatures not checked)'}`,
  ]);
  const all = [['NAME', 'KERNEL', 'SIZE', 'PULLED', 'FROM'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  for (const row of all)
    host.out(
      `${row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()}\n`,
    );
  return ExitCode.Success;
}

/** Removes images, and the packages that only they were made from. */
export function removePulled(
  names: readonly string[],
  flags: { readonly cache?: string },
  host: CommandHost,
): ExitCode {
  const wanted = names.map((name) => parseImageName(name).full);
  const cache = new Cache(cacheDirectory(host.environment, flags.cache));
  cache.create();
  const unlock = lockCache(cache.lock);
  try {
    for (const name of wanted) removeImage(cache, name);
  } finally {
    unlock();
  }
  return ExitCode.Success;
}
