/**
 * Journal: brings a VHDX's changed structures to the file so that a crash at any moment leaves it whole.
 *
 *   begin     once, before the first change: both headers, with new write ids (then what an older log left to write)
 *   commit    sync (data, size) ─▶ log entry ─▶ sync ─▶ pages in place
 *   end       sync ─▶ both headers, with an empty log
 *
 * The order within a commit is what counts. Data is durable before the log names it; the log is durable before pages
 * are overwritten; and the sync that starts the next commit makes those pages durable before their entry is given up.
 * So one entry is active at a time. Entries alternate between the halves of the log: the one before is never
 * overwritten by the one after it, and a torn entry leaves that one to be replayed, which changes nothing.
 */
import { invariant, NIL_GUID } from '@ringlet/wire';
import { DiskStatus } from '../disk.ts';
import type { BlockFile } from '../executor/block-file.ts';
import { plain } from '../image-source.ts';
import { inOrder, type Step } from '../in-order.ts';
import { singleRun } from '../runs.ts';
import { type CurrentHeader, encodeHeader } from './header.ts';
import { type Header, HEADER_AT, MIB, PAGE } from './layout.ts';
import { encodeLogEntry, type LoggedPage, PAGES_PER_ENTRY } from './log-entry.ts';
import type { Replay } from './log-replay.ts';

type Done = (status: number) => void;

/** The log and the headers of one file. Commits and the end come one at a time. */
export class Journal {
  readonly #file: BlockFile;
  readonly #newId: () => string;
  readonly #replay: Replay | undefined;
  #header: Header;
  #slot: 0 | 1;
  #sequence = 0n;
  #half = 0;
  #begun = false;
  /** Who waits for {@link begin}; empty when it does not run. */
  #beginning: Done[] = [];

  /** `replay` is what the log had left to write when the file was opened; `newId` makes random GUIDs. */
  constructor(file: BlockFile, current: CurrentHeader, replay: Replay | undefined, newId: () => string) {
    this.#file = file;
    this.#header = current.header;
    this.#slot = current.slot;
    this.#replay = replay;
    this.#newId = newId;
  }

  /** Whether {@link begin} has succeeded. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Identity of the disk's contents, which a differencing disk names its parent by. */
  get dataWriteId(): string {
    return this.#header.dataWriteId;
  }

  /** Announces that the file and the disk in it are about to change, once; whoever asks meanwhile waits too. */
  begin(done: Done): void {
    if (this.#begun) return done(DiskStatus.Ok);
    this.#beginning.push(done);
    if (this.#beginning.length > 1) return;
    const ids = { fileWriteId: this.#newId(), dataWriteId: this.#newId() };
    const steps: Step[] = [(next) => this.#writeHeaders(ids, next)];
    if (this.#replay !== undefined) {
      const { pages, size } = this.#replay;
      for (const [page, data] of pages) steps.push((next) => this.#write(data, page * PAGE, next));
      steps.push(
        (next) => this.#file.setSize(Math.ceil(size / MIB) * MIB, { complete: next }),
        (next) => this.#sync(next),
        (next) => this.#writeHeaders({ logId: NIL_GUID }, next),
      );
    }
    inOrder(steps, (status) => {
      if (status === DiskStatus.Ok) this.#begun = true;
      const waiting = this.#beginning;
      this.#beginning = [];
      for (const waiter of waiting) waiter(status);
    });
  }

  /**
   * Makes completed writes durable, and `pages` after them, in their order. The file has `size` bytes at least, a
   * multiple of 1 MiB, and all structures lie within them.
   */
  commit(pages: readonly LoggedPage[], size: number, done: Done): void {
    const steps: Step[] = [(next) => this.#sync(next)];
    for (let from = 0; from < pages.length; from += PAGES_PER_ENTRY) {
      const batch = pages.slice(from, from + PAGES_PER_ENTRY);
      // The batch before is in place, but only a sync lets its entry be given up.
      if (from > 0) steps.push((next) => this.#sync(next));
      steps.push((next) => this.#log(batch, size, next));
      for (const page of batch) steps.push((next) => this.#write(page.data, page.position, next));
    }
    inOrder(steps, done);
  }

  /** Brings the file to rest: its log is empty afterwards, so `size` may be less than it was. */
  end(size: number, done: Done): void {
    if (!this.#begun) return done(DiskStatus.Ok);
    inOrder(
      [
        (next) => this.#sync(next),
        (next) =>
          this.#header.logId === NIL_GUID ? next(DiskStatus.Ok) : this.#writeHeaders({ logId: NIL_GUID }, next),
        (next) => this.#file.setSize(size, { complete: next }),
        (next) => this.#sync(next),
      ],
      done,
    );
  }

  #log(pages: readonly LoggedPage[], size: number, done: Done): void {
    const { logLength } = this.#header;
    const first = this.#header.logId === NIL_GUID;
    const logId = first ? this.#newId() : this.#header.logId;
    const sequence = this.#sequence + 1n;
    const tail = this.#half * (logLength / 2);
    const entry = encodeLogEntry({ logId, sequence, tail, flushed: size, last: size }, pages);
    invariant(entry.length <= logLength / 2 && tail % PAGE === 0, 'a log entry fits into half of the log');
    inOrder(
      [
        (next) => this.#write(entry, plain(this.#header.logOffset) + tail, next),
        (next) => this.#sync(next),
        (next) => {
          // From here on the entry may be the one that a replay needs, whatever fails later.
          this.#sequence = sequence;
          this.#half ^= 1;
          // A log with an id must hold a valid entry, so the header takes the id once the first entry is there.
          if (first) this.#writeHeaders({ logId }, next);
          else next(DiskStatus.Ok);
        },
      ],
      done,
    );
  }

  /** Writes the older header, then the other: at each moment one of them is whole. */
  #writeHeaders(change: Partial<Header>, done: Done): void {
    const first = { ...this.#header, ...change, sequence: this.#header.sequence + 1n };
    const second = { ...first, sequence: first.sequence + 1n };
    const older = this.#slot ^ 1;
    inOrder(
      [
        (next) => this.#write(encodeHeader(first), HEADER_AT[older]!, next),
        (next) => this.#sync(next),
        (next) => {
          this.#header = first;
          this.#slot = older as 0 | 1;
          this.#write(encodeHeader(second), HEADER_AT[older ^ 1]!, next);
        },
        (next) => this.#sync(next),
      ],
      (status) => {
        if (status === DiskStatus.Ok) {
          this.#header = second;
          this.#slot = (older ^ 1) as 0 | 1;
        }
        done(status);
      },
    );
  }

  #write(data: Uint8Array, position: number, done: Done): void {
    this.#file.write(singleRun(data), 0, data.length, position, { complete: done });
  }

  #sync(done: Done): void {
    this.#file.sync({ complete: done });
  }
}
