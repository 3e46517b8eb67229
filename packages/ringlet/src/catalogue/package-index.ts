/** The packages of a list (`Packages`) that are wanted, newest version of each. */
import { damagedIndex, readStanzas, type Stanza } from './control-file.ts';
import { compareVersions } from './debian-version.ts';

/** A package as its list describes it. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** Names of the packages that it depends on; of alternatives the first. */
  readonly depends: readonly string[];
  /** What must be there for it to work (`Pre-Depends` and `Depends`), as its list says it. */
  readonly relations: string;
  /** Other names it goes by (`Provides`), as its list says it. */
  readonly provides: string;
  /** Every system has it: it is essential, or of the priority "required". */
  readonly required: boolean;
  /** Where it is, from the root of its archive. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** The largest package of the archive has more than a gigabyte. */
const LARGEST_PACKAGE = 4 * 1024 ** 3;

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

  /** Every package. */
  all(): IterableIterator<PackageRecord> {
    return this.#records.values();
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
  const relations = [stanza.get('pre-depends'), stanza.get('depends')].filter((text) => text !== undefined);
  return {
    name: field('package', /^[a-z0-9][a-z0-9+.-]{1,200}$/),
    version: field('version', /^[0-9][A-Za-z0-9.+:~-]{0,200}$/),
    depends: dependsOf(stanza.get('depends') ?? ''),
    relations: relations.join(', '),
    provides: stanza.get('provides') ?? '',
    required: stanza.get('essential') === 'yes' || stanza.get('priority') === 'required',
    path,
    size,
    sha256: field('sha256', /^[0-9a-f]{64}$/),
  };
}

function dependsOf(relations: string): string[] {
  const names = relations.split(',').map((relation) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(relation)?.[1]);
  return names.filter((name) => name !== undefined);
}
