/** Where packages come from: apt of the host, or a mirror. */
import { AGENT_PACKAGES } from './agent-files.ts';
import type { PackageRecord } from './package-index.ts';

/** Who vouches for the package lists, and so for the packages. */
export type Signatures = 'checked' | 'not-checked';

/** A place with packages of one suite. Lists have been fetched and checked when there is one. */
export interface PackageSource {
  /** For people: `apt`, or the mirror's URL. */
  readonly name: string;
  readonly signatures: Signatures;
  find(name: string): PackageRecord | undefined;
  /** Every package of the lists that was wanted. */
  all(): Iterable<PackageRecord>;
  /** Told which packages will be fetched, where asking for them together is cheaper. */
  expect?(records: readonly PackageRecord[], signal: AbortSignal | undefined): Promise<void>;
  /**
   * Fetches a package to `file`, which may hold its beginning. Whoever calls checks size and sum.
   *
   * @param progress - told how many bytes there are
   */
  fetch(
    record: PackageRecord,
    file: string,
    progress: (received: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void>;
}

/** Which packages of a list are of interest to an image without a disk: a list has 60,000. */
export function isWanted(name: string): boolean {
  const agent: readonly string[] = AGENT_PACKAGES;
  return name === 'busybox-static' || name.startsWith('linux-image-') || agent.includes(name);
}
