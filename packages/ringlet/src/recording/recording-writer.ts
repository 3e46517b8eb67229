/**
 * Writes a recording. Each chunk is on its way to the file when the call returns: a recorder that is killed has lost no
 * more than the digests of its last second.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { UserError } from '@ringlet/wire';
import {
  ChunkKind,
  DIGESTS_HEADER_BYTES,
  FILE_HEADER_BYTES,
  FORMAT,
  MAGIC,
  MOST_BYTES,
  MOST_INPUT_BYTES,
  MOST_INPUTS,
  MOST_SAMPLES,
  type RecordedEnd,
  type RecordedInput,
  type RecordingHeader,
  STRIDE,
  writeChunkHeader,
} from './format.ts';

/** Samples that are written together. */
const SAMPLES = 8192;
const FLUSH_MS = 1000;
/** Content below this is not worth deflating. */
const LEAST_DEFLATED = 128;

/** A recording that is being made. */
export class RecordingWriter {
  readonly path: string;
  readonly #fd: number;
  readonly #most: number;
  readonly #samples = new Uint32Array(SAMPLES);
  #count = 0;
  /** Step of the first sample that is not written yet. */
  #first = STRIDE;
  #time = 0;
  #flushed = performance.now();
  #bytes = 0;
  #inputs = 0;
  #inputBytes = 0;
  #closed = false;

  /**
   * Begins a recording. One that is there is replaced; any other file is not.
   *
   * @param most - bytes that it may grow to
   * @throws UserError `recording-unwritable`, `file-exists`
   */
  constructor(path: string, header: RecordingHeader, most: number) {
    this.path = path;
    this.#most = most;
    this.#fd = create(path);
    const start = Buffer.alloc(FILE_HEADER_BYTES);
    start.write(MAGIC, 'latin1');
    start.writeUInt32LE(FORMAT, 8);
    this.#write(start);
    this.#chunk(ChunkKind.Header, json(header));
  }

  /** Bytes and inputs so far. */
  inspect(): Record<string, unknown> {
    return { path: this.path, bytes: this.#bytes, inputs: this.#inputs };
  }

  /** Something came in. */
  input(input: RecordedInput): void {
    if (this.#closed) return;
    // What was before it is in the file before it.
    this.#flush();
    const content = json(input);
    if (content.length > MOST_BYTES[ChunkKind.Input]) {
      throw new UserError('recording-input-too-large', `${input.name} is too much at once for a recording`, {
        hint: 'split it, or run without --record',
      });
    }
    this.#inputBytes += content.length;
    if (++this.#inputs > MOST_INPUTS || this.#inputBytes > MOST_INPUT_BYTES) throw this.#full('what a replay can hold');
    this.#chunk(ChunkKind.Input, content);
  }

  /** `step` steps were made; `digest` is of all of them. */
  stepped(step: number, time: number, digest: number): void {
    if (this.#closed || step % STRIDE !== 0) return;
    this.#samples[this.#count++] = digest;
    this.#time = time;
    const due = this.#count % 64 === 0 && performance.now() - this.#flushed > FLUSH_MS;
    if (this.#count === SAMPLES || due) this.#flush();
  }

  /** The run is over. */
  end(end: RecordedEnd): void {
    if (this.#closed) return;
    this.#flush();
    this.#chunk(ChunkKind.End, json(end));
    this.close();
  }

  /** Gives the file back; what is in it stays as it is. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
  }

  #flush(): void {
    this.#flushed = performance.now();
    if (this.#count === 0) return;
    const content = Buffer.alloc(DIGESTS_HEADER_BYTES + 4 * this.#count);
    content.writeDoubleLE(this.#first, 0);
    content.writeDoubleLE(this.#time, 8);
    content.writeUInt32LE(STRIDE, 16);
    for (let i = 0; i < this.#count; i++) content.writeUInt32LE(this.#samples[i]!, DIGESTS_HEADER_BYTES + 4 * i);
    this.#first += STRIDE * this.#count;
    if (this.#first / STRIDE > MOST_SAMPLES) throw this.#full('what a replay can hold');
    this.#count = 0;
    this.#chunk(ChunkKind.Digests, content);
  }

  #chunk(kind: ChunkKind, content: Buffer): void {
    const deflated = content.length < LEAST_DEFLATED ? content : deflateRawSync(content);
    const stored = deflated.length < content.length ? deflated : content;
    this.#write(Buffer.concat([writeChunkHeader(kind, stored, content.length), stored]));
  }

  #write(bytes: Buffer): void {
    if (this.#bytes + bytes.length > this.#most) throw this.#full(`${this.#most} bytes`);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#bytes + at);
    } catch (cause) {
      this.close();
      throw unwritable(this.path, cause);
    }
    this.#bytes += bytes.length;
  }

  /** Nothing more is written. */
  #full(what: string): UserError {
    this.close();
    return new UserError('recording-full', `${this.path} has reached ${what}`, {
      hint: 'what is in it can be replayed; record a shorter run',
    });
  }
}

const json = (content: unknown): Buffer => Buffer.from(JSON.stringify(content));

const unwritable = (path: string, cause: unknown): UserError =>
  new UserError('recording-unwritable', `${path} cannot be written: ${String(cause)}`, {
    hint: 'name a file in a directory that you can write, with room on its disk',
    cause,
  });

function create(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    throw unwritable(path, cause);
  }
  try {
    if (!replaceable(fd)) {
      throw new UserError('file-exists', `${path} is there, and is no recording`, { hint: 'name another file' });
    }
    ftruncateSync(fd, 0);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error instanceof UserError ? error : unwritable(path, error);
  }
}

/** Whether nothing is lost but another recording. */
function replaceable(fd: number): boolean {
  const stat = fstatSync(fd);
  if (!stat.isFile()) return false;
  const start = Buffer.alloc(MAGIC.length);
  return stat.size === 0 || (readSync(fd, start, 0, start.length, 0) === start.length && start.toString() === MAGIC);
}
