/**
 * Names of catalogue images: `debian`, `debian-generic`, `debian-trixie`, `debian-trixie-generic`, and each of them with
 * a root disk: `debian-disk`, `debian-trixie-generic-disk`.
 *
 * A name says distribution, suite, kernel, and whether there is a disk; what it leaves out is the default, so that several names mean one image.
 * Behind a plus sign stand packages that are in it beside the usual ones: `debian+perl,openssl`.
 * The full name, such as `debian-bookworm-cloud`, is what it is kept under.
 */
import { UserError } from '@ringlet/wire';
import { nearMiss } from '../configuration/near-miss.ts';

/** The kernels of a distribution. `cloud` has what virtual machines need, `generic` has everything. */
const KERNELS = ['cloud', 'generic'] as const;

/** One of {@link KERNELS}. */
type KernelFlavour = (typeof KERNELS)[number];

/** What a name means. */
export interface ImageName {
  /** The full name. */
  readonly full: string;
  readonly distribution: 'debian';
  /** The suite's codename, such as `bookworm`. */
  readonly suite: string;
  readonly kernel: KernelFlavour;
  /** Whether it has a root disk. */
  readonly disk: boolean;
  /** Packages that were asked for by name, in the order of the alphabet. */
  readonly packages: readonly string[];
}

/** Choices that a name leaves open. */
export interface ImageChoices {
  readonly suite?: string;
  readonly kernel?: string;
  readonly disk?: boolean;
  readonly packages?: readonly string[];
}

const DISTRIBUTION = 'debian';
const DISK = 'disk';
const DEFAULT_SUITE = 'bookworm';
/** Codenames are single words; it is part of paths and URLs. */
const SUITE_FORM = /^[a-z][a-z0-9]{1,31}$/;

/** Debian's form of package names. */
const PACKAGE_FORM = /^[a-z0-9][a-z0-9+.-]+$/;
/** What a file system takes as a name, less what is put around it. */
const LONGEST_NAME = 200;

/** Whether `word` is, or starts, the name of a catalogue image; a path never is. */
export function looksLikeImage(word: string): boolean {
  return /^debian(-[a-z0-9-]+)?(\+[a-z0-9+.,-]+)?$/.test(word);
}

/**
 * Reads a name.
 *
 * @param choices - take precedence over what the name leaves out; a contradiction is refused
 * @throws UserError `image-unknown`, `flag-invalid` or `flag-conflict`
 */
export function parseImageName(name: string, choices: ImageChoices = {}): ImageName {
  const plus = name.indexOf('+');
  const [distribution = '', ...words] = (plus < 0 ? name : name.slice(0, plus)).split('-');
  const disk = words.at(-1) === DISK;
  if (disk) words.pop();
  if (distribution !== DISTRIBUTION || words.length > 2) throw unknown(name);
  const kernelWord = KERNELS.find((kernel) => kernel === words.at(-1));
  const suiteWord = kernelWord === undefined ? words[0] : words.at(-2);
  if (words.length > (kernelWord === undefined ? 0 : 1) + (suiteWord === undefined ? 0 : 1)) throw unknown(name);
  if (suiteWord !== undefined && !SUITE_FORM.test(suiteWord)) throw unknown(name);

  const suite = agreed('--suite', suiteWord, choices.suite) ?? DEFAULT_SUITE;
  if (!SUITE_FORM.test(suite)) {
    throw new UserError('flag-invalid', `--suite: "${suite}" is not the codename of a suite`, {
      hint: 'a codename in lower case, such as bookworm',
    });
  }
  const wanted = agreed('--kernel', kernelWord, choices.kernel) ?? KERNELS[0];
  const kernel = KERNELS.find((candidate) => candidate === wanted);
  if (kernel === undefined) {
    throw new UserError('flag-invalid', `--kernel: there is no kernel "${wanted}"`, {
      hint: `one of ${KERNELS.join(', ')}`,
    });
  }
  const named = plus < 0 ? [] : name.slice(plus + 1).split(',');
  const packages = [...new Set([...named, ...(choices.packages ?? [])])].toSorted();
  const wrong = packages.find((one) => !PACKAGE_FORM.test(one));
  if (wrong !== undefined) {
    throw new UserError('flag-invalid', `--with: "${wrong}" is not the name of a package`, {
      hint: 'names of packages, with commas between them: --with perl,openssl',
    });
  }
  const withDisk = disk || choices.disk === true;
  const full = [DISTRIBUTION, suite, kernel, ...(withDisk ? [DISK] : [])].join('-') + plusPackages(packages);
  if (full.length > LONGEST_NAME) {
    throw new UserError('flag-invalid', `--with: an image of ${packages.length} packages has too long a name`, {
      hint: 'name fewer packages; what they need comes with them',
    });
  }
  return { full, distribution: DISTRIBUTION, suite, kernel, disk: withDisk, packages };
}

/** The shortest name that means the same image. */
export function shortName({ distribution, suite, kernel, disk, packages }: ImageName): string {
  const words = [distribution, ...(suite === DEFAULT_SUITE ? [] : [suite]), ...(kernel === KERNELS[0] ? [] : [kernel])];
  return [...words, ...(disk ? [DISK] : [])].join('-') + plusPackages(packages);
}

const plusPackages = (packages: readonly string[]): string => (packages.length === 0 ? '' : `+${packages.join(',')}`);

function agreed(flag: string, inName: string | undefined, inFlag: string | undefined): string | undefined {
  if (inName !== undefined && inFlag !== undefined && inName !== inFlag) {
    throw new UserError('flag-conflict', `the name says ${inName}, ${flag} says ${inFlag}`, {
      hint: 'leave one of them out',
    });
  }
  return inName ?? inFlag;
}

function unknown(name: string): UserError {
  const near = nearMiss(name, [
    DISTRIBUTION,
    `${DISTRIBUTION}-${DISK}`,
    ...KERNELS.map((kernel) => `${DISTRIBUTION}-${kernel}`),
  ]);
  return new UserError('image-unknown', `the catalogue has no "${name}"`, {
    hint: near === undefined ? `it has ${DISTRIBUTION}: ringlet pull ${DISTRIBUTION}` : `did you mean ${near}?`,
  });
}
