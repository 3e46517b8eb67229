/** Makes an image of the catalogue out of a distribution's own packages, in the cache. */
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Environment } from '../control/directory.ts';
import { hasApt, openApt } from './apt-source.ts';
import { addedPackages, makeAddedArchive } from './add-packages.ts';
import { AGENT_PACKAGES } from './agent-files.ts';
import { buildImage } from './build-image.ts';
import { Cache, cacheDirectory, reason } from './cache.ts';
import { lockCache } from './cache-lock.ts';
import { ROOT_LABEL } from './disk/disk-files.ts';
import type { CreateMachine } from './disk/install-disk.ts';
import { diskRecipe, makeDisk } from './disk/make-disk.ts';
import { fetchPackage } from './fetch-package.ts';
import {
  describeImage,
  diskFacts,
  fileFacts,
  type ImageDescription,
  ImageFile,
  isDiskWhole,
  isWhole,
  readImage,
} from './image.ts';
import { type ImageName, parseImageName } from './image-name.ts';
import { DEFAULT_MIRROR, openMirror } from './mirror-source.ts';
import type { PackageRecord } from './package-index.ts';
import { isWanted, type PackageSource } from './package-source.ts';
import type { PullEvent } from './pull-event.ts';
import { recipe } from './recipe.ts';
import { type CatalogueImage, imageOf } from './resolve.ts';

/** How to pull. */
export interface PullOptions {
  /** The cache's directory; by the environment otherwise. */
  readonly cache?: string | undefined;
  readonly environment?: Environment;
  /** Codename of the suite, such as `bookworm`. */
  readonly suite?: string | undefined;
  /** `cloud` or `generic`. */
  readonly kernel?: string | undefined;
  /** With a root disk: a whole system rather than a shell. */
  readonly disk?: boolean | undefined;
  /** Packages to have beside the usual ones; what they need comes with them. */
  readonly with?: readonly string[] | undefined;
  /** Whether a guest sets up a root disk's packages, though the host could. */
  readonly inGuest?: boolean | undefined;
  /** Makes the machine that a root disk is made in; a real one otherwise. */
  readonly createMachine?: CreateMachine | undefined;
  /** URL of an archive, to be used instead of apt. */
  readonly mirror?: string | undefined;
  /** File of keys that a mirror's release must be signed with. */
  readonly keyring?: string | undefined;
  /** Whether a mirror's signature is looked at; yes otherwise. */
  readonly signatures?: boolean | undefined;
  /** Make it anew, though it is there. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: PullEvent) => void) | undefined;
}

/** What a pull has done. */
export interface PullResult extends CatalogueImage {
  /** False when the image was there already, and nothing was done. */
  readonly made: boolean;
}

/** The modules' self-tests of the kernel's ciphers are most of a boot, and find nothing here. */
const COMMAND_LINE = 'console=ttyS0 cryptomgr.notests';
const DISK_COMMAND_LINE = `${COMMAND_LINE} root=LABEL=${ROOT_LABEL} rw`;

/**
 * Pulls an image. It is there whole, or not at all; what was downloaded before an end is kept for the next try.
 *
 * @param name - such as `debian`
 * @throws UserError; whatever `signal` gives as its reason
 */
export async function pull(name: string, options: PullOptions = {}): Promise<PullResult> {
  const image = parseImageName(name, {
    ...(options.suite === undefined ? {} : { suite: options.suite }),
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
    ...(options.disk === undefined ? {} : { disk: options.disk }),
    ...(options.with === undefined ? {} : { packages: options.with }),
  });
  const cache = new Cache(cacheDirectory(options.environment ?? process.env, options.cache));
  const current = (): PullResult | undefined => {
    const there = options.force === true ? undefined : readImage(cache, image.full);
    if (there?.recipe !== recipe(image.packages) || !isWhole(cache, image.full, there)) return undefined;
    if (image.disk && there.disk?.recipe !== diskRecipe()) return undefined;
    return { ...imageOf(cache, image.full, there), made: false };
  };
  // An image appears whole: to find it there, nobody has to wait for whoever makes another.
  const found = current();
  if (found !== undefined) return found;
  cache.create();
  const unlock = lockCache(cache.lock);
  try {
    const made = current();
    if (made !== undefined) return made;
    cache.removeLeftovers();
    return { ...(await make(image, cache, options)), made: true };
  } catch (error) {
    if (error instanceof UserError || options.signal?.aborted === true) throw error;
    throw fromHost(error);
  } finally {
    unlock();
  }
}

async function make(image: ImageName, cache: Cache, options: PullOptions): Promise<CatalogueImage> {
  const { signal } = options;
  const tell = options.onEvent ?? (() => undefined);
  const source = await openSource(image, cache, options);
  tell({ type: 'source', source: source.name, suite: image.suite });

  const chosen = choosePackages(image, source);
  // On a disk they are installed as all others are.
  const added = image.disk ? [] : addedPackages(image.packages, source);
  await source.expect?.(
    added.filter((record) => !cache.hasPackage(record.sha256)),
    signal,
  );
  const kernelDeb = await fetchPackage(chosen.kernel, source, cache, tell, signal);
  const busyboxDeb = await fetchPackage(chosen.busybox, source, cache, tell, signal);
  const agent = new Map<string, Uint8Array>();
  for (const record of chosen.agent) agent.set(record.name, await fetchPackage(record, source, cache, tell, signal));
  if (agent.size === 0) tell({ type: 'notice', text: 'the archive has no Perl: ringlet exec will not work' });

  tell({ type: 'building', image: image.full });
  const { kernelVersion } = chosen;
  const built = await buildImage({ kernel: kernelDeb, kernelVersion, busybox: busyboxDeb, agent });
  const { kernel } = built;
  signal?.throwIfAborted();

  const fresh = join(cache.images, `.new-${image.full}`);
  const at = (name: string): string => join(fresh, name);
  try {
    mkdirSync(fresh);
    writeFileSync(at(ImageFile.Kernel), kernel);
    let { initrd } = built;
    if (added.length > 0) {
      const fetch = (record: PackageRecord): Promise<Uint8Array> => fetchPackage(record, source, cache, tell, signal);
      const archive = await makeAddedArchive({
        records: added,
        fetch,
        commands: built.commands,
        scratch: at('scratch'),
      });
      initrd = Buffer.concat([initrd, archive]);
      rmSync(at('scratch'));
    }
    writeFileSync(at(ImageFile.Initrd), initrd);
    const packages: PackageFacts[] = [chosen.kernel, chosen.busybox, ...chosen.agent];
    packages.push(...added.filter((record) => !packages.some(({ name }) => name === record.name)));
    const root = image.disk ? await rootDisk(image, chosen, fresh, source, cache, options) : undefined;
    for (const record of root?.packages ?? []) {
      if (!packages.some(({ name }) => name === record.name)) packages.push(record);
    }
    const text = describeImage({
      name: image.full,
      kernelVersion,
      commandLine: image.disk ? DISK_COMMAND_LINE : COMMAND_LINE,
      source: source.name,
      signatures: source.signatures,
      recipe: recipe(image.packages),
      pulled: new Date().toISOString(),
      packages: packages.map(({ name, version, size, sha256 }) => ({ name, version, size, sha256 })),
      kernel: fileFacts(kernel),
      initrd: fileFacts(initrd),
      ...(root === undefined ? {} : { disk: root.facts }),
    });
    writeFileSync(at(ImageFile.Description), text);
    cache.replaceImage(fresh, image.full);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return imageOf(cache, image.full, readImage(cache, image.full)!);
}

type PackageFacts = ImageDescription['packages'][number];

/**
 * Puts a root disk into the directory of a new image. That of the image it replaces is taken where it is what would be
 * made: it takes minutes, and what starts it changes more often than what is on it.
 */
async function rootDisk(
  image: ImageName,
  chosen: ChosenPackages,
  fresh: string,
  source: PackageSource,
  cache: Cache,
  options: PullOptions,
): Promise<{ facts: NonNullable<ImageDescription['disk']>; packages: readonly PackageFacts[] }> {
  const disk = join(fresh, ImageFile.Disk);
  const old = options.force === true ? undefined : readImage(cache, image.full);
  const same = old?.disk?.recipe === diskRecipe() && old.packages.some(({ sha256 }) => sha256 === chosen.kernel.sha256);
  if (old?.disk !== undefined && same && isDiskWhole(cache, image.full, old) && linked(cache, image, disk)) {
    return { facts: old.disk, packages: old.packages };
  }
  const scratch = join(fresh, 'scratch');
  mkdirSync(scratch);
  const packages = await makeDisk({
    suite: image.suite,
    morePackages: [chosen.newest.name, ...image.packages],
    kernel: join(fresh, ImageFile.Kernel),
    initrd: join(fresh, ImageFile.Initrd),
    commandLine: COMMAND_LINE,
    source,
    cache,
    disk,
    scratch,
    createMachine: options.createMachine ?? realMachine,
    inGuest: options.inGuest === true,
    tell: options.onEvent ?? (() => undefined),
    signal: options.signal,
  });
  rmSync(scratch, { recursive: true });
  return { facts: { ...(await diskFacts(disk)), recipe: diskRecipe() }, packages };
}

/** Gives the disk of an image another name. @returns whether the file system can do that */
function linked(cache: Cache, image: ImageName, to: string): boolean {
  try {
    linkSync(join(cache.image(image.full), ImageFile.Disk), to);
    return true;
  } catch {
    return false;
  }
}

/** Loaded when it is needed: most pulls run nothing. */
const realMachine: CreateMachine = async (options) => {
  const { Machine } = await import('../machine/machine.ts');
  return new Machine(options);
};

/** apt where the host has it and its sources have the suite; a mirror otherwise, or where one is named. */
async function openSource(image: ImageName, cache: Cache, options: PullOptions): Promise<PackageSource> {
  const { signal } = options;
  const environment = options.environment ?? process.env;
  const tell = options.onEvent ?? (() => undefined);
  const lists = (received: number, size: number): void => tell({ type: 'lists', received, size });
  const notice = (text: string): void => tell({ type: 'notice', text });

  const wanted = image.disk || image.packages.length > 0 ? () => true : isWanted;
  const aboutMirror = options.keyring !== undefined || options.signatures === false;
  if (options.mirror === undefined && !aboutMirror && hasApt(environment)) {
    const progress = (percent: number): void => lists(percent, 100);
    const apt = await openApt({ suite: image.suite, wanted, directory: cache.apt, environment, signal, progress });
    if (apt !== undefined) return apt;
    notice(`the sources of apt do not have ${image.suite}; fetching from ${DEFAULT_MIRROR}`);
  }
  return await openMirror({
    mirror: options.mirror ?? DEFAULT_MIRROR,
    suite: image.suite,
    wanted,
    partial: cache.partial,
    keyring: options.keyring,
    unsigned: options.signatures === false,
    signal,
    notice,
    progress: lists,
  });
}

interface ChosenPackages {
  /** The package that depends on the newest kernel. */
  readonly newest: PackageRecord;
  readonly kernel: PackageRecord;
  readonly kernelVersion: string;
  readonly busybox: PackageRecord;
  /** Empty when not all of them are there: an image is of use without. */
  readonly agent: readonly PackageRecord[];
}

/** The package `linux-image-cloud-amd64` has nothing in it but the name of the newest kernel's package. */
function choosePackages(image: ImageName, source: PackageSource): ChosenPackages {
  const find = (name: string): PackageRecord => {
    const record = source.find(name);
    if (record !== undefined) return record;
    throw new UserError('package-not-found', `${image.suite} at ${source.name} has no package ${name}`, {
      hint: 'check --suite and --mirror',
    });
  };
  const newest = find(image.kernel === 'cloud' ? 'linux-image-cloud-amd64' : 'linux-image-amd64');
  const kernelName = newest.depends.find((name) => /^linux-image-\d/.test(name));
  if (kernelName === undefined) {
    throw new UserError('package-not-found', `${newest.name} ${newest.version} names no kernel`, {
      hint: 'try another --mirror',
    });
  }
  const kernel = find(kernelName);
  const agent = AGENT_PACKAGES.map((name) => source.find(name)).filter((record) => record !== undefined);
  return {
    newest,
    kernel,
    kernelVersion: kernelName.slice('linux-image-'.length),
    busybox: find('busybox-static'),
    agent: agent.length === AGENT_PACKAGES.length ? agent : [],
  };
}

/** What the host's file system refuses is told in the user's terms. */
function fromHost(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new UserError('cache-unusable', `the cache cannot be written: ${reason(error)}`, {
    hint: 'look for a full disk, or choose another directory with --cache DIR',
    cause: error,
  });
}
