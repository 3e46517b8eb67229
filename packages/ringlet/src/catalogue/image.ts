/** Images in the cache: what `image.json` says of one, and whether its files are still what it says. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { type Cache, entriesOf } from './cache.ts';
import { sha256OfFile } from './download.ts';

/** Changes when an image of an earlier ringlet can no longer be read. */
const FORMAT = 1;

const sum = z.string().regex(/^[0-9a-f]{64}$/);
const fileDescription = z.object({ size: z.int().nonnegative(), sha256: sum });

const imageDescription = z.object({
  format: z.literal(FORMAT),
  name: z.string(),
  kernelVersion: z.string(),
  commandLine: z.string(),
  /** Where its packages came from, and whether somebody vouched for them. */
  source: z.string(),
  signatures: z.enum(['checked', 'not-checked']),
  /** Which way of making images has made it. */
  recipe: sum,
  /** ISO 8601. */
  pulled: z.string(),
  packages: z.array(z.object({ name: z.string(), version: z.string(), ...fileDescription.shape })),
  kernel: fileDescription,
  initrd: fileDescription,
  /** Its root disk, where it has one. */
  disk: fileDescription.extend({ modified: z.number(), recipe: sum }).optional(),
});

/** What is known of an image. */
export type ImageDescription = z.infer<typeof imageDescription>;

/** The files of an image directory. */
export const ImageFile = { Kernel: 'kernel', Initrd: 'initrd', Disk: 'disk.vhdx', Description: 'image.json' } as const;

/** Makes the text of `image.json`. */
export function describeImage(image: Omit<ImageDescription, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...image }, null, 2)}\n`;
}

/** Size and sum of a file's contents. */
export function fileFacts(data: Uint8Array): z.infer<typeof fileDescription> {
  return { size: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

/** What is known of the image `name`; `undefined` when it is not there, or of another format. */
export function readImage(cache: Cache, name: string): ImageDescription | undefined {
  try {
    const text = readFileSync(join(cache.image(name), ImageFile.Description), 'utf8');
    return imageDescription.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Size and sum of a file that is too large to hold, and when it was last written to. */
export async function diskFacts(path: string): Promise<Omit<NonNullable<ImageDescription['disk']>, 'recipe'>> {
  const { size, mtimeMs } = statSync(path);
  return { size, sha256: await sha256OfFile(path), modified: mtimeMs };
}

/** Whether kernel, initrd and disk are what the description says. Reads all of them, but of a disk that nobody has written to only its size and time. */
export function isWhole(cache: Cache, name: string, image: ImageDescription): boolean {
  try {
    for (const key of ['Kernel', 'Initrd'] as const) {
      const wanted = key === 'Kernel' ? image.kernel : image.initrd;
      const facts = fileFacts(readFileSync(join(cache.image(name), ImageFile[key])));
      if (facts.size !== wanted.size || facts.sha256 !== wanted.sha256) return false;
    }
    return image.disk === undefined || isDiskWhole(cache, name, image);
  } catch {
    return false;
  }
}

/** Whether an image has a disk that nobody has written to. */
export function isDiskWhole(cache: Cache, name: string, { disk }: ImageDescription): boolean {
  const facts = statSync(join(cache.image(name), ImageFile.Disk), { throwIfNoEntry: false });
  return disk !== undefined && facts?.size === disk.size && facts.mtimeMs === disk.modified;
}

/** Bytes of its files. */
export function sizeOfImage({ kernel, initrd, disk }: ImageDescription): number {
  return kernel.size + initrd.size + (disk?.size ?? 0);
}

/** Every image that is there, by name. */
export function listImages(cache: Cache): ImageDescription[] {
  return cache
    .imageNames()
    .map((name) => readImage(cache, name))
    .filter((image) => image !== undefined);
}

/** Removes an image, and packages that no other image was made from. The cache's lock is held. @throws UserError `image-not-there` */
export function removeImage(cache: Cache, name: string): void {
  if (!cache.imageNames().includes(name)) {
    throw new UserError('image-not-there', `there is no image ${name}`, {
      hint: 'ringlet images ls shows what is there',
    });
  }
  rmSync(cache.image(name), { recursive: true });
  const needed = new Set(listImages(cache).flatMap((image) => image.packages.map(({ sha256 }) => `${sha256}.deb`)));
  for (const file of entriesOf(cache.packages)) {
    if (!needed.has(file)) rmSync(join(cache.packages, file), { force: true });
  }
  // Downloads that nobody has come back for, and lists that are fetched anew anyway.
  rmSync(cache.partial, { recursive: true, force: true });
  rmSync(cache.apt, { recursive: true, force: true });
}
