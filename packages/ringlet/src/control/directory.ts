/**
 * Where the sockets of running machines are: one directory that only its user can enter, one socket a machine.
 *
 *   $RINGLET_RUN_DIR                      when set
 *   $XDG_RUNTIME_DIR/ringlet              else, when set
 *   ~/.ringlet/run                        else
 *   <tmp>/ringlet-<uid>                   when none of these can be made
 *     ├── <name>.sock                     or .<hash>.sock where the path would be too long for a socket address
 *     └── <name>.guest/                   or .<hash>.guest/: sockets between the guest's programs and the host's
 */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';

/** Bytes of path that fit a socket address on every Unix: the smallest `sun_path` is 104, with its final zero. */
const LONGEST_ADDRESS = 103;
/** Names when the machine's own is too long: a dot, 16 hexadecimal digits, `.guest`, and a guest's port. */
const HASHED_NAME_BYTES = 40;

/** A slash, and the longest of a guest's ports: `vsock_4294967295`. */
const LONGEST_GUEST_SOCKET = 17;

/** The environment variables that choose the directory. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Finds, or makes, the directory. @throws UserError `control-directory-…` when there is no safe one. */
export function controlDirectory(environment: Environment = process.env): string {
  const uid = process.getuid?.() ?? 0;
  const wanted = environment['RINGLET_RUN_DIR'];
  const runtime = environment['XDG_RUNTIME_DIR'];
  const candidates = wanted
    ? [wanted]
    : [
        ...(runtime ? [join(runtime, 'ringlet')] : []),
        join(environment['HOME'] || homedir(), '.ringlet', 'run'),
        join(tmpdir(), `ringlet-${uid}`),
      ];
  let refusal: unknown;
  for (const candidate of candidates) {
    // A directory too deep for any socket in it gets a short stand-in, the same one for every process that asks.
    const directory =
      Buffer.byteLength(candidate) + 1 + HASHED_NAME_BYTES <= LONGEST_ADDRESS
        ? candidate
        : join('/tmp', `ringlet-${uid}-${digest(candidate)}`);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      refusal = cause;
      continue;
    }
    secure(directory, uid);
    return directory;
  }
  throw new UserError('control-directory-missing', `no directory for control sockets: ${String(refusal)}`, {
    hint: 'set RINGLET_RUN_DIR to a directory that you can write',
    cause: refusal,
  });
}

/** The socket of the machine `name` in `directory`. */
export function socketPath(directory: string, name: string): string {
  const path = join(directory, `${name}.sock`);
  return Buffer.byteLength(path) <= LONGEST_ADDRESS ? path : join(directory, `.${digest(name)}.sock`);
}

/** The directory of the sockets that the guest of the machine `name` is connected by. */
export function guestSocketsPath(directory: string, name: string): string {
  const path = join(directory, `${name}.guest`);
  return Buffer.byteLength(path) + LONGEST_GUEST_SOCKET <= LONGEST_ADDRESS
    ? path
    : join(directory, `.${digest(name)}.guest`);
}

/** Only the user may enter: somebody else's directory, or a link planted in a shared place, is refused. */
function secure(directory: string, uid: number): void {
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== uid) {
    throw new UserError(
      'control-directory-unsafe',
      `${directory} is not a directory of yours: machines stay away from it`,
      {
        hint: 'remove it, or set RINGLET_RUN_DIR to another directory',
      },
    );
  }
  if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
