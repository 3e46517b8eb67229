/** Recordings as files: what is written is read, what breaks off is good up to there, and anything else is refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChunkKind, FORMAT, MAGIC, type RecordingHeader, STRIDE, writeChunkHeader } from './format.ts';
import { type Recording, readRecording } from './recording.ts';
import { RecordingWriter } from './recording-writer.ts';

const HEADER: RecordingHeader = {
  ringlet: '0.1.0',
  recorded: 1,
  options: { kernel: '/kernel', cpus: 2 },
  files: [{ role: 'kernel', path: '/kernel', bytes: 3, sha256: 'ab'.repeat(32) }],
};
const END = { step: 100, time: 5000, digest: '01234567', state: 'cd'.repeat(32) };
const INPUT = { step: 40, time: 2000, name: 'write', parameters: { base64: 'YQ==' } };
const MOST = 1024 * 1024;

let folder: string;

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'ringlet-recording-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A recording of 100 steps with one input. @returns its path */
function recorded(name: string): string {
  const path = join(folder, name);
  const writer = new RecordingWriter(path, HEADER, MOST);
  for (let step = 1; step <= 100; step++) {
    if (step === 41) writer.input(INPUT);
    writer.stepped(step, step * 50, step * 7);
  }
  writer.end(END);
  return path;
}

/** Reads bytes as a recording. @returns it, or the code of the error */
function read(bytes: Uint8Array): Recording | string {
  const path = join(folder, 'other');
  writeFileSync(path, bytes);
  try {
    return readRecording(path);
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

test('what was written is read', () => {
  const recording = readRecording(recorded('whole'));

  expect(recording).toMatchObject({ header: HEADER, inputs: [INPUT], end: END, lastStep: 100, lastTime: 5000 });
  expect([...recording.samples]).toEqual([16, 32, 48, 64, 80, 96].map((step) => step * 7));
  expect(STRIDE).toBe(16);
});

test('cut anywhere, it is good up to there, or has not begun', () => {
  const bytes = readFileSync(recorded('cut'));
  const cut = Array.from({ length: bytes.length }, (_, length) => read(bytes.subarray(0, length)));
  const refused = cut.filter((got) => typeof got === 'string');
  const good = cut.filter((got) => typeof got !== 'string');
  const steps = good.map(({ lastStep }) => lastStep);

  expect(cut.indexOf(good[0]!)).toBe(refused.length);
  expect(new Set(refused)).toEqual(new Set(['recording-damaged']));
  expect(new Set(good.map(({ end }) => end))).toEqual(new Set([undefined]));
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect([...new Set(steps)]).toEqual([0, 32, 40, 96]);
});

test('any change of any byte is found', () => {
  const bytes = readFileSync(recorded('changed'));
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 << (at % 8);
    expect(read(changed), `byte ${at}`).toMatch(/^recording-(damaged|format)$/);
  }
});

test('chunks with good checksums and any content are read or refused, never anything else', () => {
  const header = chunk(ChunkKind.Header, Buffer.from(JSON.stringify(HEADER)));
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({
        step: fc.double(),
        time: fc.double(),
        name: fc.string(),
        parameters: fc.dictionary(fc.string(), fc.jsonValue()),
      })
      .map((input) => Buffer.from(JSON.stringify(input))),
  );
  const chunks = fc.array(fc.tuple(fc.constantFrom(...Object.values(ChunkKind), 0, 9), content), { maxLength: 6 });
  fc.assert(
    fc.property(chunks, fc.boolean(), (made, begun) => {
      const parts = made.map(([kind, bytes]) => chunk(kind as ChunkKind, Buffer.from(bytes)));
      const got = read(Buffer.concat([start(), ...(begun ? [header] : []), ...parts]));
      expect(typeof got === 'string' ? got : got.header.ringlet).toMatch(/^(recording-damaged|0\.1\.0)$/);
    }),
    { numRuns: 300 },
  );
});

test('a chunk that would inflate to more than it says, or than its kind may hold, is refused', () => {
  const bomb = Buffer.from('636000', 'hex');
  const claims = (bytes: number): Buffer => {
    const head = writeChunkHeader(ChunkKind.Input, bomb, bytes);
    return Buffer.concat([start(), chunk(ChunkKind.Header, Buffer.from(JSON.stringify(HEADER))), head, bomb]);
  };

  expect(read(claims(100))).toBe('recording-damaged');
  expect(read(claims(2 ** 31))).toBe('recording-damaged');
});

test('a file that is no recording is not replaced, an old recording is', () => {
  const path = join(folder, 'precious');
  writeFileSync(path, 'precious');

  expect(() => new RecordingWriter(path, HEADER, MOST)).toThrow(expect.objectContaining({ code: 'file-exists' }));
  expect(readFileSync(path, 'utf8')).toBe('precious');
  expect(readRecording(recorded(recorded('twice').slice(folder.length + 1))).end).toEqual(END);
});

test('one that is full breaks off, and what is in it is good', () => {
  const path = join(folder, 'full');
  const writer = new RecordingWriter(path, HEADER, 700);

  expect(() => {
    for (let step = 0; ; step++) writer.input({ ...INPUT, step });
  }).toThrow(expect.objectContaining({ code: 'recording-full' }));
  expect(readRecording(path).inputs.length).toBeGreaterThan(0);
  expect(readFileSync(path).length).toBeLessThanOrEqual(700);
});

function start(): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(MAGIC, 'latin1');
  bytes.writeUInt32LE(FORMAT, 8);
  return bytes;
}

const chunk = (kind: ChunkKind, content: Buffer): Buffer =>
  Buffer.concat([writeChunkHeader(kind, content, content.length), content]);
