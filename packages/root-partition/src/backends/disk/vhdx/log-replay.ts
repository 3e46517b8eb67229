/**
 * Log replay (MS-VHDX 2.3.3): finds the newest whole sequence of entries and works out what it writes. Nothing is
 * written here: the pages are laid over the image while it is read, and go to the file only when it is opened to be kept.
 */
import { type ImageSource, PATCH_PAGE, plain } from '../image-source.ts';
import { decodeLogEntry, entryHeaderAt, type LogEntry } from './log-entry.ts';
import { type Header, PAGE, REGION_TABLE_AT } from './layout.ts';

/** Pages that one replay may set: what log entries of the largest log can, and zero descriptors no more. */
const MOST_PAGES = 65536;

/** What a log still has to write. */
export interface Replay {
  /** New contents of pages of 4 KiB, by page number. */
  pages: Map<number, Uint8Array>;
  /** Bytes that the file must have at least. */
  size: number;
}

const ZERO_PAGE = new Uint8Array(PATCH_PAGE);

/** Works out the replay of a log that is not empty. @throws UserError when there is no valid sequence. */
export function replayLog(source: ImageSource, header: Header): Replay {
  const log = source.read(plain(header.logOffset), header.logLength);
  const sequence = activeSequence(source, log, header.logId);
  const head = sequence.at(-1);
  if (head === undefined) throw source.damaged('its log is not empty, yet no entry of it is valid');
  if (plain(head.header.flushedFileOffset) > source.size) {
    throw source.damaged('it is shorter than its log says it was');
  }
  const pages = new Map<number, Uint8Array>();
  let size = Math.max(source.size, plain(head.header.lastFileOffset));
  const logStart = plain(header.logOffset);
  for (const { updates } of sequence) {
    for (const update of updates) {
      const offset = plain(update.offset);
      const length = plain(update.length);
      const end = offset + length;
      if (offset < REGION_TABLE_AT[0] || (offset < logStart + header.logLength && end > logStart)) {
        throw source.damaged('its log writes where no log may');
      }
      if (length / PAGE > MOST_PAGES - pages.size) throw source.unsupported('its log writes too many pages');
      size = Math.max(size, end);
      for (let page = offset / PAGE; page < end / PAGE; page++) pages.set(page, update.data ?? ZERO_PAGE);
    }
  }
  if (!Number.isSafeInteger(size)) throw source.damaged('its log gives it an impossible size');
  return { pages, size };
}

/** The entries to replay, oldest first; empty when there is no valid sequence. */
function activeSequence(source: ImageSource, log: Uint8Array, logId: string): LogEntry[] {
  const entries = new EntryReader(source, log, logId);
  let best: LogEntry[] = [];
  let tail = 0;
  for (;;) {
    const sequence: LogEntry[] = [];
    const starts: number[] = [];
    let head = tail;
    let length = 0;
    for (;;) {
      const entry = entries.at(head);
      if (entry === undefined || length + entry.header.length > log.length) break;
      const before = sequence.at(-1);
      if (before !== undefined && entry.header.sequence !== before.header.sequence + 1n) break;
      sequence.push(entry);
      starts.push(head);
      length += entry.header.length;
      head = (head + entry.header.length) % log.length;
    }
    const newest = sequence.at(-1);
    const from = newest === undefined ? -1 : starts.indexOf(newest.header.tail);
    let next = tail + PAGE;
    if (newest !== undefined && from >= 0) {
      if (best.length === 0 || newest.header.sequence > best.at(-1)!.header.sequence) best = sequence.slice(from);
      next = tail + length;
    }
    if (next >= log.length) return best;
    tail = next;
  }
}

/** Reads entries of a log, each once, however often it is asked for, and no more than a log can really hold. */
class EntryReader {
  readonly #source: ImageSource;
  readonly #log: Uint8Array;
  readonly #logId: string;
  readonly #read = new Map<number, LogEntry | undefined>();
  /** Work left: entries that overlap each other, as no writer makes them, could otherwise cost the square of the log. */
  #bytesLeft: number;
  #stepsLeft = 1_000_000;

  constructor(source: ImageSource, log: Uint8Array, logId: string) {
    this.#source = source;
    this.#log = log;
    this.#logId = logId;
    this.#bytesLeft = log.length * 4;
  }

  at(position: number): LogEntry | undefined {
    if (--this.#stepsLeft < 0) throw this.#source.damaged('its log is a maze');
    if (this.#read.has(position)) return this.#read.get(position);
    const entry = this.#decode(position);
    this.#read.set(position, entry);
    return entry;
  }

  #decode(position: number): LogEntry | undefined {
    const log = this.#log;
    const header = entryHeaderAt(log, position, this.#logId);
    if (header === undefined) return undefined;
    this.#bytesLeft -= header.length;
    if (this.#bytesLeft < 0) throw this.#source.damaged('its log is a maze');
    const end = position + header.length;
    if (end <= log.length) return decodeLogEntry(header, log.subarray(position, end));
    const encoded = new Uint8Array(header.length);
    encoded.set(log.subarray(position));
    encoded.set(log.subarray(0, end - log.length), log.length - position);
    return decodeLogEntry(header, encoded);
  }
}
