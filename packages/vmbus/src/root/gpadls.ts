/**
 * GPADLs of one child: assembled from messages, held by reference counts, torn down when the last holder lets go.
 *
 *     header ─▶ in-progress ─(last body)─▶ accepted ─(teardown)─▶ tearing-down ─(references 0)─▶ gone, child is told
 *                                             └──(relid released, disconnect)──▶ orphan ─(references 0)─▶ gone, silently
 *
 * A GPADL belongs to the channel it was created on, open or not. Header and bodies are joined by the GPADL's id alone,
 * because a body names no channel: unfinished ids are unique in the whole connection, finished ones in their channel.
 */
import { invariant } from '@ringlet/wire';
import type { GpadlView } from '../device.ts';
import type { BodyOf } from '../messages/catalogue.ts';
import { decodeRanges, type GpadlRange } from '../messages/gpadl-ranges.ts';
import type { RootBusLimits } from './limits.ts';
import { copyPages, type SavedGpadl } from './saved-state.ts';

type GpadlState = 'in-progress' | 'accepted' | 'tearing-down' | 'orphan';

interface Gpadl {
  readonly relid: number;
  readonly id: number;
  state: GpadlState;
  references: number;
  readonly rangeCount: number;
  /** Private copy of the range buffer; empty once it was decoded. */
  buffer: Uint8Array;
  filled: number;
  ranges: readonly GpadlRange[];
  /** Page numbers counted against the limit. */
  readonly units: number;
}

/** What came of a header or a body: answered, or wanting more; `unknown` cannot be answered. */
export type Assembled =
  | { readonly is: 'created'; readonly relid: number; readonly gpadl: number }
  | { readonly is: 'refused'; readonly relid: number; readonly gpadl: number; readonly why: string }
  | { readonly is: 'incomplete' }
  | { readonly is: 'unknown' };

/** What came of a teardown. */
export type TornDown = 'now' | 'later' | 'invalid';

/** All GPADLs of one child. */
export class GpadlTable {
  readonly #limits: RootBusLimits;
  /** Tells the child that a GPADL is torn down. */
  readonly #tornDown: (gpadl: number) => void;
  /** An orphan is gone: a disconnect may be waiting for it. */
  readonly #orphanGone: () => void;
  readonly #byRelid = new Map<number, Map<number, Gpadl>>();
  readonly #inProgress = new Map<number, Gpadl>();
  readonly #orphans = new Set<Gpadl>();
  #count = 0;
  #pages = 0;

  constructor(limits: RootBusLimits, tornDown: (gpadl: number) => void, orphanGone: () => void) {
    this.#limits = limits;
    this.#tornDown = tornDown;
    this.#orphanGone = orphanGone;
  }

  /** GPADLs of all states. */
  get count(): number {
    return this.#count;
  }

  /** Page numbers kept for them. */
  get pages(): number {
    return this.#pages;
  }

  /** GPADLs whose channel is gone but that a device still holds. */
  get orphans(): number {
    return this.#orphans.size;
  }

  /** Calls `visit` with each guest page that a finished GPADL names, held or not. */
  eachPage(visit: (page: number) => void): void {
    const finished = [...this.#byRelid.values()].flatMap((gpadls) => [...gpadls.values()]);
    for (const { ranges } of [...finished, ...this.#orphans]) {
      for (const { pages } of ranges) for (let i = 0; i < pages.length; i++) visit(pages[i]!);
    }
  }

  /** Starts a GPADL on a channel that exists. */
  header(message: BodyOf<'GpadlHeader'>): Assembled {
    const { relid, gpadl: id } = message;
    // Bodies that follow could belong to either: neither is finished.
    const unfinished = this.#inProgress.get(id);
    if (unfinished !== undefined) this.#forget(unfinished);
    const siblings = this.#byRelid.get(relid);
    const length = message.rangeBufferLength & ~7;
    const units = length / 8;
    const why =
      unfinished !== undefined || siblings?.has(id) === true
        ? 'GPADL id in use'
        : units === 0 || message.rangeCount === 0
          ? 'GPADL without ranges'
          : (siblings?.size ?? 0) >= this.#limits.gpadlsPerChannel || this.#count >= this.#limits.gpadls
            ? 'too many GPADLs'
            : this.#pages + units > this.#limits.gpadlPages
              ? 'too many GPADL pages'
              : undefined;
    if (why !== undefined) return { is: 'refused', relid, gpadl: id, why };
    const gpadl: Gpadl = {
      relid,
      id,
      state: 'in-progress',
      references: 0,
      rangeCount: message.rangeCount,
      buffer: new Uint8Array(length),
      filled: 0,
      ranges: [],
      units,
    };
    this.#add(gpadl);
    return this.#fill(gpadl, message.tail);
  }

  /** Continues a GPADL. */
  body(message: BodyOf<'GpadlBody'>): Assembled {
    const gpadl = this.#inProgress.get(message.gpadl);
    return gpadl === undefined ? { is: 'unknown' } : this.#fill(gpadl, message.tail);
  }

  /** The child wants a GPADL back. `later`: the child is told when the last holder lets go. */
  teardown(relid: number, id: number): TornDown {
    const gpadl = this.#byRelid.get(relid)?.get(id);
    if (gpadl?.state !== 'accepted') return 'invalid';
    if (gpadl.references > 0) {
      gpadl.state = 'tearing-down';
      return 'later';
    }
    this.#forget(gpadl);
    return 'now';
  }

  /** The ranges of a finished GPADL of this channel. */
  ranges(relid: number, id: number): readonly GpadlRange[] | undefined {
    const gpadl = this.#byRelid.get(relid)?.get(id);
    return gpadl?.state === 'accepted' ? gpadl.ranges : undefined;
  }

  /**
   * Holds a finished GPADL.
   *
   * @returns `undefined` when the channel has none of that id, or its ranges do not join to one buffer
   */
  acquire(relid: number, id: number): GpadlView | undefined {
    const gpadl = this.#byRelid.get(relid)?.get(id);
    if (gpadl?.state !== 'accepted') return undefined;
    const joined = joinRanges(gpadl.ranges);
    if (joined === undefined) return undefined;
    gpadl.references++;
    let held = true;
    return {
      byteLength: joined.byteCount,
      pages: joined.pages,
      offset: joined.byteOffset,
      release: () => {
        invariant(held, 'a GPADL view is released once');
        held = false;
        this.#release(gpadl);
      },
    };
  }

  /** The channel id is no longer the child's: its GPADLs go without a word, those still held when they are let go. */
  dropChannel(relid: number): void {
    const gpadls = this.#byRelid.get(relid);
    if (gpadls === undefined) return;
    for (const gpadl of gpadls.values()) {
      if (gpadl.references === 0) {
        this.#forget(gpadl);
      } else {
        gpadl.state = 'orphan';
        this.#orphans.add(gpadl);
      }
    }
    this.#byRelid.delete(relid);
  }

  /** After a restore: what was being torn down is held by nobody any more, unless a device took it again. */
  finishTeardowns(): void {
    for (const gpadls of this.#byRelid.values()) {
      for (const gpadl of gpadls.values()) {
        if (gpadl.state !== 'tearing-down' || gpadl.references > 0) continue;
        this.#forget(gpadl);
        this.#tornDown(gpadl.id);
      }
    }
  }

  /** Plain data. Orphans are not in it: who holds them does not survive either. */
  save(): SavedGpadl[] {
    return [...this.#byRelid.values()].flatMap((gpadls) => [...gpadls.values()].map(saveGpadl));
  }

  restore(saved: readonly SavedGpadl[]): void {
    for (const each of saved) this.#add(restoreGpadl(each));
  }

  inspect(): Record<string, unknown> {
    const states: Record<string, number> = {};
    for (const gpadls of this.#byRelid.values()) {
      for (const { state } of gpadls.values()) states[state] = (states[state] ?? 0) + 1;
    }
    return { count: this.#count, pages: this.#pages, orphans: this.#orphans.size, states };
  }

  #add(gpadl: Gpadl): void {
    const siblings = this.#byRelid.get(gpadl.relid) ?? new Map<number, Gpadl>();
    siblings.set(gpadl.id, gpadl);
    this.#byRelid.set(gpadl.relid, siblings);
    if (gpadl.state === 'in-progress') this.#inProgress.set(gpadl.id, gpadl);
    this.#count++;
    this.#pages += gpadl.units;
  }

  #fill(gpadl: Gpadl, tail: Uint8Array): Assembled {
    const { relid, id } = gpadl;
    // Some firmware always sends the longest message: only what is missing is taken.
    const taken = tail.subarray(0, gpadl.buffer.length - gpadl.filled);
    gpadl.buffer.set(taken, gpadl.filled);
    gpadl.filled += taken.length;
    if (gpadl.filled < gpadl.buffer.length) return { is: 'incomplete' };
    const ranges = decodeRanges(gpadl.buffer, gpadl.rangeCount);
    if (typeof ranges === 'string') {
      this.#forget(gpadl);
      return { is: 'refused', relid, gpadl: id, why: 'GPADL ranges malformed' };
    }
    this.#inProgress.delete(id);
    gpadl.state = 'accepted';
    gpadl.ranges = ranges;
    gpadl.buffer = new Uint8Array(0);
    return { is: 'created', relid, gpadl: id };
  }

  #release(gpadl: Gpadl): void {
    gpadl.references--;
    if (gpadl.references > 0) return;
    if (gpadl.state === 'orphan') {
      this.#orphans.delete(gpadl);
      this.#uncount(gpadl);
      this.#orphanGone();
    } else if (gpadl.state === 'tearing-down') {
      this.#forget(gpadl);
      this.#tornDown(gpadl.id);
    }
  }

  #forget(gpadl: Gpadl): void {
    const siblings = this.#byRelid.get(gpadl.relid);
    siblings?.delete(gpadl.id);
    if (siblings?.size === 0) this.#byRelid.delete(gpadl.relid);
    if (gpadl.state === 'in-progress') this.#inProgress.delete(gpadl.id);
    this.#uncount(gpadl);
  }

  #uncount(gpadl: Gpadl): void {
    this.#count--;
    this.#pages -= gpadl.units;
  }
}

/** Joins ranges to one buffer: every boundary between two must be a page boundary. */
function joinRanges(ranges: readonly GpadlRange[]): GpadlRange | undefined {
  const first = ranges[0]!;
  if (ranges.length === 1) return first;
  const last = ranges.length - 1;
  const joins = ranges.every(
    (range, i) =>
      (i === 0 || range.byteOffset === 0) && (i === last || (range.byteOffset + range.byteCount) % 4096 === 0),
  );
  if (!joins) return undefined;
  return {
    byteOffset: first.byteOffset,
    byteCount: ranges.reduce((sum, range) => sum + range.byteCount, 0),
    pages: Float64Array.from(ranges.flatMap((range) => copyPages(range.pages))),
  };
}

const saveGpadl = (gpadl: Gpadl): SavedGpadl => ({
  relid: gpadl.relid,
  id: gpadl.id,
  state: gpadl.state,
  rangeCount: gpadl.rangeCount,
  units: gpadl.units,
  buffer: Array.from(gpadl.buffer),
  filled: gpadl.filled,
  ranges: gpadl.ranges.map((range) => ({ ...range, pages: copyPages(range.pages) })),
});

const restoreGpadl = (saved: SavedGpadl): Gpadl => ({
  relid: saved.relid,
  id: saved.id,
  state: saved.state as GpadlState,
  references: 0,
  rangeCount: saved.rangeCount,
  units: saved.units,
  buffer: Uint8Array.from(saved.buffer),
  filled: saved.filled,
  ranges: saved.ranges.map((range) => ({ ...range, pages: Float64Array.from(range.pages) })),
});
