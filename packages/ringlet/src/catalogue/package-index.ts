/** The packages of a list (`Packages`) that are wanted, newest version of each. */
import { damagedIndex, readStanzas, type Stanza } from './control-file.ts';
import { compareVersions } from './debian-version.ts';

/** A package as its list describes it. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** Names of the packages that it depends on; of alternatives the first. */
  readonly depends: readonly string[];
  /** Where it is, from the root of its archive. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** Nothing the catalogue wants is nearly as large. */
const LARGEST_PACKAGE = 1 << 30;

/** Wanted packages of one or more lists. */
export class PackageIndex {
  readonly #records = new Map<string, PackageRecord>();

  /**
   * Adds what a list has. Only packages that are `wanted`, for amd64 or for all, are kept and checked.
   *
   * @throws UserError `index-damaged`
   */
  async add(list: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, wanted: (name: string) => boolean): Promise<void> {
    for await (const stanza of readStanzas(list)) {
      const name = stanza.get('package');
      if (name === undefined || !wanted(name)) continue;
      const architecture = stanza.get('architecture');
      if (architecture !== 'amd64' && architecture !== 'all') continue;
      const record = recordOf(name, stanza);
      const known = this.#records.get(name);
      if (known === undefined || compareVersions(record.version, known.version) > 0) this.#records.set(name, record);
    }
  }

  /** The newest version of a package. */
  find(name: string): PackageRecord | undefined {
    return this.#records.get(name);
  }
}

function recordOf(name: string, stanza: Stanza): PackageRecord {
  const field = (key: string, form: RegExp): string => {
    const value = stanza.get(key) ?? '';
    if (!form.test(value)) throw damagedIndex(`${name} has no valid ${key}`);
    return value;
  };
  const path = field('filename', /^[A-Za-z0-9][A-Za-z0-9+._~/:-]{0,1000}$/);
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw damagedIndex(`${name} is said to be at ${JSON.stringify(path)}`);
  }
  const size = Number(field('size', /^\d{1,15}$/));
  if (size < 1 || size > LARGEST_PACKAGE) throw damagedIndex(`${name} is said to have ${size} bytes`);
  return {
    name: field('package', /^[a-z0-9][a-z0-9+.-]{1,200}$/),
    version: field('version', /^[0-9][A-Za-z0-9.+:~-]{0,200}$/),
    depends: dependsOf(stanza.get('depends') ?? ''),
    path,
    size,
    sha256: field('sha256', /^[0-9a-f]{64}$/),
  };
}

function dependsOf(relations: string): string[] {
  const names = relations.split(',').map((relation) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(relation)?.[1]);
  return names.filter((name) => name !== undefined);
}
