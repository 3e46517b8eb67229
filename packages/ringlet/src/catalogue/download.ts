/**
 * Downloads over HTTP: to a file that a later try goes on with (RFC 9110 section 14, range requests), or small and whole.
 *
 * A server is trusted with nothing: what it sends is cut at the expected size, and counts only when its SHA-256 is right.
 */
import { createHash } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '@ringlet/wire';
import { reason } from './cache.ts';

/** A file whose size and sum are known before it is fetched. */
export interface Download {
  readonly url: URL;
  /** Where it goes. What is there already is taken for its beginning. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes there are, now and then. */
  readonly progress?: ((received: number) => void) | undefined;
}

/** After this long without a byte a connection is given up. */
const SILENCE_MS = 60_000;
/** Connections that may break without having brought anything, in a row. */
const MOST_IDLE_TRIES = 3;

/** Fetches a file. @throws UserError `download-failed` or `download-damaged`; what has arrived stays for the next try in the first case, and is removed in the second */
export async function download(wanted: Download): Promise<void> {
  // What an earlier process left may be damaged: then once more, from the start.
  const resumed = sizeOf(wanted.file) > 0;
  await complete(wanted);
  if ((await sha256OfFile(wanted.file)) === wanted.sha256) return;
  rmSync(wanted.file, { force: true });
  if (resumed) {
    await complete(wanted);
    if ((await sha256OfFile(wanted.file)) === wanted.sha256) return;
    rmSync(wanted.file, { force: true });
  }
  throw new UserError('download-damaged', `${wanted.url.href} does not have the SHA-256 that its list gives`, {
    hint: 'try again later, or another --mirror: lists and packages of this one may just be changing',
  });
}

/** Fetches something small. @returns `undefined` when it is not there. @throws UserError `download-failed` */
export async function fetchSmall(url: URL, limit: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  const connection = new Connection(signal);
  try {
    const response = await connection.get(url);
    if (response.status === 404) return undefined;
    if (response.status !== 200) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of connection.body(response)) {
      if ((size += piece.length) > limit) throw new Error(`it is larger than ${limit} bytes`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } catch (error) {
    throw failed(url, error, signal);
  } finally {
    connection.end();
  }
}

/** The SHA-256 of a file, in hexadecimal digits; empty when there is no such file. */
export async function sha256OfFile(path: string): Promise<string> {
  if (sizeOf(path) === 0) return '';
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}

/** Makes the file as long as it should be, by as many connections as it takes. */
async function complete(wanted: Download): Promise<void> {
  if (sizeOf(wanted.file) > wanted.size) rmSync(wanted.file, { force: true });
  let idle = 0;
  for (let have = sizeOf(wanted.file); have < wanted.size;) {
    try {
      await receive(wanted, have);
    } catch (error) {
      const before = have;
      have = sizeOf(wanted.file);
      idle = have > before ? 0 : idle + 1;
      if (wanted.signal?.aborted === true || error instanceof Refused || idle >= MOST_IDLE_TRIES) {
        throw failed(wanted.url, error, wanted.signal);
      }
      continue;
    }
    have = sizeOf(wanted.file);
    if (have < wanted.size) throw failed(wanted.url, new Error(`it ends after ${have} bytes`), wanted.signal);
  }
}

/** One connection: appends to the file from byte `start`, or starts anew when the server knows no ranges. */
async function receive(wanted: Download, start: number): Promise<void> {
  const connection = new Connection(wanted.signal);
  let file: FileHandle | undefined;
  try {
    const response = await connection.get(wanted.url, start > 0 ? { range: `bytes=${start}-` } : {});
    const continues = response.status === 206 && rangeStart(response) === start;
    if (!continues && response.status !== 200) {
      // A range that cannot be had: the beginning is of another file.
      if (start > 0 && (response.status === 416 || response.status === 206)) {
        rmSync(wanted.file, { force: true });
        return await receive(wanted, 0);
      }
      const problem = `the server answers ${response.status} ${response.statusText}`.trimEnd();
      throw response.status >= 500 ? new Error(problem) : new Refused(problem);
    }
    file = await open(wanted.file, continues ? 'a' : 'w');
    let have = continues ? start : 0;
    for await (const piece of connection.body(response)) {
      if (have + piece.length > wanted.size) throw new Refused(`it has more than ${wanted.size} bytes`);
      await file.writeFile(piece);
      have += piece.length;
      wanted.progress?.(have);
    }
  } finally {
    await file?.close();
    connection.end();
  }
}

/** What trying again does not help against. */
class Refused extends Error {}

/** A request that ends with the signal, or after too long a silence. */
class Connection {
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal === undefined ? this.#abort.signal : AbortSignal.any([this.#abort.signal, signal]);
    this.#heard();
  }

  async get(url: URL, headers: Record<string, string> = {}): Promise<Response> {
    // Ranges and sums are of the file itself, not of a form it is sent in.
    const response = await fetch(url, { headers: { 'accept-encoding': 'identity', ...headers }, signal: this.#signal });
    this.#heard();
    if (url.protocol === 'https:' && !response.url.startsWith('https:')) {
      throw new Refused('the server leads to a place without encryption');
    }
    return response;
  }

  async *body(response: Response): AsyncGenerator<Uint8Array, void> {
    if (response.body === null) return;
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      this.#heard();
      yield piece;
    }
  }

  /** Lets go of the connection, whatever is still to come. */
  end(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#abort.abort(new Error(`silence for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
  }
}

function rangeStart(response: Response): number {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? -1 : Number(match[1]);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function failed(url: URL, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  // fetch says "fetch failed", and why in the cause.
  const why = error instanceof Error && error.cause !== undefined ? reason(error.cause) : reason(error);
  return new UserError('download-failed', `${url.href} cannot be fetched: ${why}`, {
    hint: 'check the network, or name another --mirror URL; what has arrived is kept',
    cause: error,
  });
}
