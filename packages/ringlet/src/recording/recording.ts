/** Reads a recording: everything in it is checked before anything is made of it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32, inflateRawSync } from 'node:zlib';
import { UserError } from '@ringlet/wire';
import type { z } from 'zod';
import {
  CHUNK_HEADER_BYTES,
  ChunkKind,
  DIGESTS_HEADER_BYTES,
  FILE_HEADER_BYTES,
  FORMAT,
  MAGIC,
  MOST_INPUT_BYTES,
  MOST_INPUTS,
  MOST_SAMPLES,
  readChunkHeader,
  RecordedEnd,
  RecordedInput,
  RecordingHeader,
  STRIDE,
} from './format.ts';

/** A recording, read. */
export interface Recording {
  readonly path: string;
  readonly header: RecordingHeader;
  /** In the order of their steps. */
  readonly inputs: readonly RecordedInput[];
  /** Digest after step 16, 32, … */
  readonly samples: Uint32Array;
  /** Absent when it breaks off: its recorder was killed. */
  readonly end?: RecordedEnd;
  /** Steps that are known to have been made, and the time then. */
  readonly lastStep: number;
  readonly lastTime: number;
}

/** @throws UserError `recording-not-found`, `recording-damaged`, `recording-format` */
export function readRecording(path: string): Recording {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new UserError('recording-not-found', `no recording at ${path}`, { hint: 'check the path', cause });
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw damaged(path, 'it is not a regular file');
    return new Reader(path, fd, stat.size).read();
  } finally {
    closeSync(fd);
  }
}

const damaged = (path: string, why: string): UserError =>
  new UserError('recording-damaged', `${path} is no good recording: ${why}`, {
    hint: 'use another copy of it, or record again with --record',
  });

class Reader {
  readonly #path: string;
  readonly #fd: number;
  readonly #size: number;
  #header: RecordingHeader | undefined;
  readonly #inputs: RecordedInput[] = [];
  #inputBytes = 0;
  readonly #samples: Uint32Array[] = [];
  #sampleCount = 0;
  #end: RecordedEnd | undefined;
  #lastStep = 0;
  #lastTime = 0;

  constructor(path: string, fd: number, size: number) {
    this.#path = path;
    this.#fd = fd;
    this.#size = size;
  }

  read(): Recording {
    this.#checkStart();
    let at = FILE_HEADER_BYTES;
    while (at + CHUNK_HEADER_BYTES <= this.#size) {
      const header = readChunkHeader(this.#bytes(at, CHUNK_HEADER_BYTES));
      if (header === undefined) throw this.#damaged(`no chunk begins at byte ${at}`);
      const next = at + CHUNK_HEADER_BYTES + header.stored;
      if (next > this.#size) break;
      if (this.#end !== undefined) throw this.#damaged('it goes on after its end');
      const stored = this.#bytes(at + CHUNK_HEADER_BYTES, header.stored);
      if (crc32(stored) !== header.crc) throw this.#damaged(`the chunk at byte ${at} has another checksum`);
      this.#take(header.kind, header.deflated ? this.#inflated(stored, header.bytes) : stored);
      at = next;
    }
    if (this.#end !== undefined && at !== this.#size) throw this.#damaged('it goes on after its end');
    if (this.#header === undefined) throw this.#damaged('it breaks off before it says what was recorded');
    const samples = new Uint32Array(this.#sampleCount);
    let filled = 0;
    for (const each of this.#samples) {
      samples.set(each, filled);
      filled += each.length;
    }
    return {
      path: this.#path,
      header: this.#header,
      inputs: this.#inputs,
      samples,
      ...(this.#end === undefined ? {} : { end: this.#end }),
      lastStep: this.#lastStep,
      lastTime: this.#lastTime,
    };
  }

  #checkStart(): void {
    if (this.#size < FILE_HEADER_BYTES) throw this.#damaged('it is too short');
    const start = this.#bytes(0, FILE_HEADER_BYTES);
    if (start.toString('latin1', 0, MAGIC.length) !== MAGIC) throw this.#damaged('it does not begin as one does');
    const format = start.readUInt32LE(8);
    if (format !== FORMAT) {
      throw new UserError('recording-format', `${this.#path} has format ${format}; this Ringlet reads ${FORMAT}`, {
        hint: 'replay it with the version of Ringlet that recorded it',
      });
    }
    if (start.readUInt32LE(12) !== 0) throw this.#damaged('it does not begin as one does');
  }

  #take(kind: ChunkKind, content: Buffer): void {
    if ((this.#header === undefined) !== (kind === ChunkKind.Header)) {
      throw this.#damaged('what was recorded does not stand first, and once');
    }
    switch (kind) {
      case ChunkKind.Header:
        this.#header = this.#parse(RecordingHeader, content);
        return;
      case ChunkKind.Input:
        this.#inputBytes += content.length;
        if (this.#inputs.length >= MOST_INPUTS || this.#inputBytes > MOST_INPUT_BYTES) {
          throw this.#damaged('more came in than a replay can hold');
        }
        this.#addInput(this.#parse(RecordedInput, content));
        return;
      case ChunkKind.Digests:
        return this.#addSamples(content);
      case ChunkKind.End:
        this.#end = this.#parse(RecordedEnd, content);
        this.#reach(this.#end.step, this.#end.time);
    }
  }

  #addInput(input: RecordedInput): void {
    this.#reach(input.step, input.time);
    this.#inputs.push(input);
  }

  #addSamples(content: Buffer): void {
    const count = (content.length - DIGESTS_HEADER_BYTES) / 4;
    const first = STRIDE * (this.#sampleCount + 1);
    const good =
      Number.isInteger(count) &&
      count > 0 &&
      content.readDoubleLE(0) === first &&
      content.readUInt32LE(16) === STRIDE &&
      content.readUInt32LE(20) === 0;
    if (!good) throw this.#damaged('its digests do not follow each other');
    this.#sampleCount += count;
    if (this.#sampleCount > MOST_SAMPLES) throw this.#damaged('it is longer than a replay can hold');
    this.#samples.push(
      Uint32Array.from({ length: count }, (_, i) => content.readUInt32LE(DIGESTS_HEADER_BYTES + 4 * i)),
    );
    this.#reach(STRIDE * this.#sampleCount, content.readDoubleLE(8));
  }

  /** Steps and time only go on. */
  #reach(step: number, time: number): void {
    if (step < this.#lastStep || !(time >= this.#lastTime) || time === Infinity) {
      throw this.#damaged('its steps are out of order');
    }
    this.#lastStep = step;
    this.#lastTime = time;
  }

  #parse<Schema extends z.ZodType>(schema: Schema, content: Buffer): z.output<Schema> {
    let value: unknown;
    try {
      value = JSON.parse(content.toString());
    } catch {
      throw this.#damaged('a chunk of it is not JSON');
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw this.#damaged(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as it should be'}`);
  }

  #inflated(stored: Buffer, bytes: number): Buffer {
    try {
      const content = inflateRawSync(stored, { maxOutputLength: Math.max(1, bytes) });
      if (content.length === bytes) return content;
    } catch {
      // Told below, as any other length is.
    }
    throw this.#damaged('a chunk of it cannot be inflated');
  }

  #bytes(at: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let read = 0; read < length;) {
      const got = readSync(this.#fd, bytes, read, length - read, at + read);
      if (got === 0) throw this.#damaged('it got shorter while it was read');
      read += got;
    }
    return bytes;
  }

  #damaged(why: string): UserError {
    return damaged(this.#path, why);
  }
}
