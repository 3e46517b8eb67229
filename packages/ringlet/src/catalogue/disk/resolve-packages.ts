/**
 * From packages that are wanted to all that must be there with them.
 *
 * Of alternatives the first that is already chosen counts, then the first that there is: what `apt` does on an empty
 * system without recommended packages, as long as nothing conflicts. Nothing is ever taken back.
 */
import { UserError } from '@ringlet/wire';
import type { PackageRecord } from '../package-index.ts';
import { type Alternative, parseRelations, satisfies } from './relations.ts';

/** Packages to choose from. */
export interface Choice {
  find(name: string): PackageRecord | undefined;
  all(): Iterable<PackageRecord>;
}

interface Provider {
  readonly record: PackageRecord;
  /** The version it claims to provide; empty when it claims none, and then no condition on a version is met. */
  readonly version: string;
}

/**
 * Chooses packages.
 *
 * @param by - for whom they are wanted, for people
 * @returns them in an order in which each comes after what it needs, where that is possible
 * @throws UserError `package-not-found` when something that is needed is not there
 */
export function resolvePackages(wanted: readonly string[], choice: Choice, by = 'a disk'): PackageRecord[] {
  const providers = providersOf(choice.all());
  const chosen = new Map<string, PackageRecord>();
  const meets = (want: Alternative): PackageRecord | undefined => {
    const record = choice.find(want.name);
    if (record !== undefined && satisfies(want, record.version)) return record;
    return providers
      .get(want.name)
      ?.find(({ version }) => (version === '' ? want.operator === '' : satisfies(want, version)))?.record;
  };
  const isChosen = (want: Alternative): boolean => {
    const record = chosen.get(want.name);
    if (record !== undefined && satisfies(want, record.version)) return true;
    return (providers.get(want.name) ?? []).some(
      ({ record: { name }, version }) =>
        chosen.has(name) && (version === '' ? want.operator === '' : satisfies(want, version)),
    );
  };

  // Breadth first: what was asked for by name is there before anybody's first alternative is taken.
  const waiting = wanted.map((name) => {
    const record = choice.find(name);
    if (record === undefined) throw notFound(name, by);
    return record;
  });
  for (const record of waiting) chosen.set(record.name, record);
  for (let record = waiting.shift(); record !== undefined; record = waiting.shift()) {
    for (const alternatives of parseRelations(record.relations)) {
      if (alternatives.some(isChosen)) continue;
      const found = alternatives.map(meets).find((one) => one !== undefined);
      if (found === undefined) throw notFound(alternatives.map(({ name }) => name).join(' or '), record.name);
      chosen.set(found.name, found);
      waiting.push(found);
    }
  }
  return inOrder(chosen, providers);
}

function providersOf(records: Iterable<PackageRecord>): Map<string, Provider[]> {
  const providers = new Map<string, Provider[]>();
  for (const record of records) {
    for (const { name, version } of parseRelations(record.provides).flat()) {
      const known = providers.get(name);
      if (known === undefined) providers.set(name, [{ record, version }]);
      else known.push({ record, version });
    }
  }
  return providers;
}

/** Depth first; where packages need each other, the one that was met first comes last. */
function inOrder(
  chosen: ReadonlyMap<string, PackageRecord>,
  providers: ReadonlyMap<string, Provider[]>,
): PackageRecord[] {
  const done = new Set<string>();
  const order: PackageRecord[] = [];
  const visit = (record: PackageRecord): void => {
    if (done.has(record.name)) return;
    done.add(record.name);
    for (const { name } of parseRelations(record.relations).flat()) {
      const needed = chosen.get(name) ?? providers.get(name)?.find((one) => chosen.has(one.record.name))?.record;
      if (needed !== undefined) visit(needed);
    }
    order.push(record);
  };
  for (const record of chosen.values()) visit(record);
  return order;
}

function notFound(what: string, by: string): UserError {
  return new UserError('package-not-found', `there is no package ${what}, which ${by} needs`, {
    hint: 'check --suite and --mirror',
  });
}
