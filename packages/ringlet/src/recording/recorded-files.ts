/** The files that a run depends on, and whether they are still the same. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { openDisk } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import type { RecordedFile, RecordingHeader } from './format.ts';
import type { Recording } from './recording.ts';

const PIECE_BYTES = 4 * 1024 * 1024;

/** A file as it is now. @throws UserError `recording-file-unreadable` */
export function recordedFile(role: RecordedFile['role'], path: string): RecordedFile {
  try {
    return { role, path, ...contentOf(path) };
  } catch (cause) {
    throw new UserError('recording-file-unreadable', `${path} cannot be read: ${String(cause)}`, {
      hint: 'a recording needs every file that its machine reads',
      cause,
    });
  }
}

/** An image, and those that it builds on. */
export function filesOfDisk(path: string): RecordedFile[] {
  const images: string[] = [];
  openDisk(path, { readOnly: true, io: 'inline', opened: (image) => images.push(image) }).close(() => undefined);
  return images.map((image) => recordedFile('disk', image));
}

/** A guest module or device files, with all that they import, as one. */
export function recordedCode(path: string, inputs: readonly string[]): RecordedFile {
  const contents = inputs.map((file) => contentOf(file));
  const hash = createHash('sha256');
  for (const each of contents.map(({ sha256 }) => sha256).toSorted()) hash.update(each);
  return { role: 'code', path, bytes: contents.reduce((sum, { bytes }) => sum + bytes, 0), sha256: hash.digest('hex') };
}

/** @throws UserError `replay-file-differs` when one of the files is another than the recording's */
export function checkFiles({ header, inputs }: Recording, code: readonly RecordedFile[]): void {
  for (const file of header.files) compare(file, code);
  for (const { files = [] } of inputs) for (const file of files) compare(file, []);
}

/** @throws UserError `replay-version` */
export function checkVersion(path: string, { ringlet }: RecordingHeader, version: string): void {
  if (ringlet === version) return;
  throw new UserError('replay-version', `${path} was recorded by Ringlet ${ringlet}; this is ${version}`, {
    hint: `replay it with that version: npx ringlet@${ringlet} run --replay FILE`,
  });
}

function compare(file: RecordedFile, code: readonly RecordedFile[]): void {
  const differs = (why: string): UserError =>
    new UserError('replay-file-differs', `${file.path} is not what was recorded with (${file.role}): ${why}`, {
      hint: 'put the file back as it was then; the recording holds its SHA-256, not its contents',
    });
  const ours = code.find(({ role }) => role === file.role);
  let now: Pick<RecordedFile, 'bytes' | 'sha256'>;
  try {
    now = ours ?? contentOf(file.path);
  } catch (cause) {
    throw differs(String(cause));
  }
  if (now.bytes !== file.bytes) throw differs(`it has ${now.bytes} bytes instead of ${file.bytes}`);
  if (now.sha256 !== file.sha256) throw differs(`its SHA-256 is ${now.sha256} instead of ${file.sha256}`);
}

/** What files held, by what the host says of them: a session that goes back and forth reads them once. */
const known = new Map<string, Pick<RecordedFile, 'bytes' | 'sha256'>>();
const MOST_KNOWN = 1024;
const SETTLED_MS = 2000;

/** @throws what Node throws */
function contentOf(path: string): Pick<RecordedFile, 'bytes' | 'sha256'> {
  const fd = openSync(path, 'r');
  try {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) throw new Error('it is not a regular file');
    // A change of what is in it changes one of these.
    const key = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join();
    const before = known.get(key);
    if (before !== undefined) return before;
    const hash = createHash('sha256');
    const piece = Buffer.alloc(PIECE_BYTES);
    let bytes = 0;
    for (let got = -1; got !== 0; bytes += got) {
      got = readSync(fd, piece, 0, piece.length, bytes);
      hash.update(piece.subarray(0, got));
    }
    const content = { bytes, sha256: hash.digest('hex') };
    if (known.size >= MOST_KNOWN) known.clear();
    // One that was changed just now could be changed again without a trace: the host's clock of files is coarse.
    if (Date.now() - Number(stat.ctimeMs) > SETTLED_MS) known.set(key, content);
    return content;
  } finally {
    closeSync(fd);
  }
}
