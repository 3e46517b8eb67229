/** What `ringlet run debian` boots. */
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Environment } from '../control/directory.ts';
import { Cache, cacheDirectory } from './cache.ts';
import { type ImageDescription, ImageFile, isWhole, readImage } from './image.ts';
import { recipe } from './recipe.ts';
import { looksLikeImage, parseImageName, shortName } from './image-name.ts';

/** An image that is there. */
export interface CatalogueImage {
  /** The full name, such as `debian-bookworm-cloud`. */
  readonly name: string;
  /** The shortest name that it can be asked for by. */
  readonly shortName: string;
  /** Path of the kernel. */
  readonly kernel: string;
  /** Path of the initial root file system. */
  readonly initrd: string;
  /** Path of the root disk, where it has one. */
  readonly disk?: string;
  readonly commandLine: string;
  readonly kernelVersion: string;
  /** Whether pulling it again makes another one: it was made by another version of ringlet. */
  readonly outdated: boolean;
  readonly description: ImageDescription;
}

/**
 * Finds an image by its name.
 *
 * @returns `undefined` when `name` is not of the catalogue's form, or its image was not pulled
 * @throws UserError `image-damaged` when its files are no longer what was pulled
 */
export function resolveCatalogue(
  name: string,
  options: { readonly environment?: Environment; readonly cache?: string | undefined } = {},
): CatalogueImage | undefined {
  if (!looksLikeImage(name)) return undefined;
  const { full } = parseImageName(name);
  const cache = new Cache(cacheDirectory(options.environment ?? process.env, options.cache));
  const description = readImage(cache, full);
  if (description === undefined) return undefined;
  if (!isWhole(cache, full, description)) {
    throw new UserError('image-damaged', `the image ${full} in ${cache.directory} is damaged`, {
      hint: `make it anew: ringlet pull ${shortName(parseImageName(full))}`,
    });
  }
  return imageOf(cache, full, description);
}

/** An image as others see it. */
export function imageOf(cache: Cache, full: string, description: ImageDescription): CatalogueImage {
  const directory = cache.image(full);
  return {
    name: full,
    shortName: shortName(parseImageName(full)),
    kernel: join(directory, ImageFile.Kernel),
    initrd: join(directory, ImageFile.Initrd),
    ...(description.disk === undefined ? {} : { disk: join(directory, ImageFile.Disk) }),
    commandLine: description.commandLine,
    kernelVersion: description.kernelVersion,
    outdated: description.recipe !== recipe(parseImageName(full).packages),
    description,
  };
}
