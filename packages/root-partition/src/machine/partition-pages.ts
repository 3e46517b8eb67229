/**
 * Partition pages: what a balloon takes from a running partition goes back to its node, and what it gives comes from there.
 *
 *     take ──▶ unmapped at once ──a moment, for more to come──▶ a generation of mappings, an era of uses
 *                                                                   │ every VP has forgotten; every disk read has ended
 *          free for any partition of the node ◀──but for overlays──┘
 *
 * A page that the bus remembers (rings, GPADLs, monitor pages), or that lies under an overlay, is not taken: a guest that
 * gives it away is out of line, and keeps it. All of this runs on the thread of the machine's devices.
 */
import { Access, type Microkernel, type WithdrawnRun } from '@ringlet/microkernel';
import type { PageRange } from '@ringlet/protocols';
import type { DeviceWorld } from '@ringlet/vmbus';
import type { PageSupply } from '../vsps/memory/page-supply.ts';

/** In units of 100 ns: how long more pages are waited for, and how often the processors are looked at. */
const GATHER = 100_000;
const LOOK = 10_000;
const LAST_LOOK = 160_000;

/** What a partition's pages are managed with. */
export interface PartitionPagesOptions {
  readonly kernel: Microkernel;
  readonly partition: number;
  /** The node that it lives on. */
  readonly node: number;
  readonly world: DeviceWorld;
  /** Guest pages that the bus keeps to. */
  readonly held: () => ReadonlySet<number>;
}

/** The pages of one partition. */
export class PartitionPages implements PageSupply {
  readonly #options: PartitionPagesOptions;
  /** Unmapped, waiting for the next generation. */
  #waiting: WithdrawnRun[] = [];
  /** Unmapped before the present generation began. */
  #settling: readonly WithdrawnRun[] = [];
  #generation = 0;
  #cancel: (() => void) | undefined;
  #rounds = 0;
  #freed = 0;

  constructor(options: PartitionPagesOptions) {
    this.#options = options;
  }

  take(ranges: readonly PageRange[]): void {
    const held = this.#options.held();
    for (const range of ranges) for (const part of without(range, held)) this.#withdraw(part);
    if (this.#waiting.length > 0) this.#cancel ??= this.#options.world.after(GATHER, () => this.#begin());
  }

  give({ first, count }: PageRange): number {
    const { kernel, partition, world } = this.#options;
    let given = 0;
    while (given < count) {
      const backed = kernel.backGpaPages(partition, first + given, count - given);
      // One that was not taken, because it was in use, has been memory all the time.
      const kept = backed === 0 && world.memory.locate((first + given) * PAGE, 1, Access.ReadWrite) >= 0 ? 1 : 0;
      if (backed + kept === 0) break;
      given += backed + kept;
    }
    return given;
  }

  /** Pages of the node that nobody owns. */
  get free(): number {
    return this.#options.kernel.freePageCount(this.#options.node);
  }

  inspect(): Record<string, unknown> {
    const pages = (runs: readonly WithdrawnRun[]): number => runs.reduce((sum, { count }) => sum + count, 0);
    return {
      node: this.#options.node,
      freePages: this.free,
      settlingPages: pages(this.#waiting) + pages(this.#settling),
      freedPages: this.#freed,
      generations: this.#rounds,
    };
  }

  /** Frees what is on its way. The partition's processors have stopped, and its devices are idle. */
  dispose(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const run of [...this.#settling, ...this.#waiting.splice(0)]) this.#free(run);
    this.#settling = [];
  }

  #withdraw({ first, count }: PageRange): void {
    const { kernel, partition, world } = this.#options;
    const runs = kernel.withdrawGpaPages(partition, first, count);
    this.#waiting.push(...runs);
    const taken = runs.reduce((sum, run) => sum + run.count, 0);
    if (taken < count) world.log.guestError('a page given away that a processor needs');
  }

  #begin(): void {
    const { kernel, partition, world } = this.#options;
    this.#cancel = undefined;
    this.#settling = this.#waiting;
    this.#waiting = [];
    this.#rounds++;
    world.memory.uses.nextEra();
    this.#generation = kernel.changeMappings(partition);
    this.#lookLater(LOOK);
  }

  #lookLater(ticks: number): void {
    this.#cancel = this.#options.world.after(ticks, () => this.#look(ticks));
  }

  #look(ticks: number): void {
    const { kernel, partition, world } = this.#options;
    if (!kernel.mappingsSettled(partition, this.#generation) || !world.memory.uses.settled) {
      return this.#lookLater(Math.min(2 * ticks, LAST_LOOK));
    }
    this.#cancel = undefined;
    // A processor may have been laying an overlay over one of them just when they were taken.
    const overlaid = new Set(kernel.overlaidPages(partition));
    for (const run of this.#settling) {
      for (const part of overlaid.size === 0 ? [run] : split(run, overlaid)) {
        if (!overlaid.has(part.guestPage) || !this.#putBack(part)) this.#free(part);
      }
    }
    this.#settling = [];
    if (this.#waiting.length > 0) this.#begin();
  }

  #putBack({ guestPage, systemPage, count }: WithdrawnRun): boolean {
    const { kernel, partition, world } = this.#options;
    // Something else may lie there by now.
    if (world.memory.locate(guestPage * PAGE, 1, Access.Read) >= 0) return false;
    world.log.guestError('a page given away that a processor needs');
    return kernel.mapGpaPages(partition, guestPage, systemPage, count, Access.All) === 0;
  }

  #free({ systemPage, count }: WithdrawnRun): void {
    this.#options.kernel.freePages(this.#options.node, systemPage, count);
    this.#freed += count;
  }
}

const PAGE = 4096;

/** The parts of a range between pages that are held. */
function without({ first, count }: PageRange, held: ReadonlySet<number>): PageRange[] {
  const parts: PageRange[] = [];
  let from = first;
  for (let page = first; page <= first + count; page++) {
    if (page < first + count && !held.has(page)) continue;
    if (page > from) parts.push({ first: from, count: page - from });
    from = page + 1;
  }
  return parts;
}

/** A run with each of some pages in a run of its own. */
function split({ guestPage, systemPage, count }: WithdrawnRun, apart: ReadonlySet<number>): WithdrawnRun[] {
  const parts: WithdrawnRun[] = [];
  let from = 0;
  const add = (end: number): void => {
    if (end > from) parts.push({ guestPage: guestPage + from, systemPage: systemPage + from, count: end - from });
    from = end;
  };
  for (let i = 0; i < count; i++) {
    if (!apart.has(guestPage + i)) continue;
    add(i);
    add(i + 1);
  }
  add(count);
  return parts;
}
