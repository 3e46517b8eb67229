/**
 * Makes a root file system on the host, in namespaces of its own: packages' scripts run on the host's own processor, which is
 * many times faster than a guest's. As far as the host is concerned, what runs there is nobody, or somebody whom the user may
 * give ids to: it has no rights, and sees none of the host's files, processes and networks.
 *
 *     unshare --user        a user namespace, which waits for its ids
 *     └ nsenter, unshare    root in it, with its own mounts, processes, network, names
 *       └ busybox sh        the script
 *
 * Linux on x86-64 only, where user namespaces are allowed, and ids can be had: for root always, for others from /etc/subuid
 * by newuidmap. Everywhere else {@link installInNamespace} says so, and nothing has happened.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { readCpio } from '@ringlet/root-partition';
import type { PullEvent } from '../pull-event.ts';
import { InstallerConsole } from './installer-console.ts';
import { namespaceScript } from './namespace-script.ts';
import type { PreinstScript } from './set-up-script.ts';

/** What is installed. */
export interface NamespaceInstallation {
  /** The initial root file system, for its busybox. */
  readonly initrd: string;
  /** A directory: `archive` is there, and what else is made in it is the caller's to remove. */
  readonly work: string;
  readonly label: string;
  /** Size of the file system. */
  readonly bytes: number;
  readonly preinst: readonly PreinstScript[];
  /** Packages whose scripts run. */
  readonly packages: number;
}

/** A file system in a file, and what dumpe2fs says of it. */
export interface MadeFileSystem {
  readonly image: string;
  readonly blocks: string;
}

/** Ids that Debian may use. */
const IDS = 65_536;
/** Where those of root's namespaces begin: nobody has them. */
const UNUSED_IDS = 1_900_000_000;
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const NAMESPACES = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child'];

/**
 * Installs.
 *
 * @returns `undefined` where the host does not allow it
 * @throws UserError `disk-install-failed`; whatever `signal` gives as its reason
 */
export async function installInNamespace(
  installation: NamespaceInstallation,
  tell: (event: PullEvent) => void,
  signal: AbortSignal | undefined,
): Promise<MadeFileSystem | undefined> {
  const { work, packages } = installation;
  if (process.platform !== 'linux' || process.arch !== 'x64' || !prepared(installation)) return undefined;
  signal?.throwIfAborted();
  const holder = await userNamespace();
  if (holder === undefined) return undefined;
  const words = ['-t', `${holder.pid}`, '--user', '--', 'unshare', ...NAMESPACES, './busybox', 'sh', './script'];
  const child = spawn('nsenter', words, { cwd: work, env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
  const console = new InstallerConsole('the installer', packages, tell);
  const onAbort = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', onAbort);
  try {
    const ended = await Promise.race([followed(child, console), console.stuck]);
    signal?.throwIfAborted();
    if (console.unable) return undefined;
    if (!console.finished) throw console.failed(`the installer ended early: ${ended}`);
    return { image: join(work, 'out', 'image'), blocks: readFileSync(join(work, 'out', 'blocks'), 'utf8') };
  } finally {
    signal?.removeEventListener('abort', onAbort);
    console.end();
    child.kill('SIGKILL');
    holder.kill('SIGKILL');
  }
}

/** Puts what the script needs beside the archive. @returns whether there is all of it */
function prepared({ initrd, work, label, bytes, preinst }: NamespaceInstallation): boolean {
  const busybox = readCpio(readFileSync(initrd)).entries.find(({ name }) => name === 'bin/busybox');
  if (busybox === undefined) return false;
  for (const directory of ['root', 'out']) mkdirSync(join(work, directory));
  writeFileSync(join(work, 'busybox'), busybox.data);
  writeFileSync(join(work, 'script'), namespaceScript({ label, bytes, preinst }));
  // Others may read it all, whatever the user's mask says; they still have to find it.
  for (const name of ['.', 'root', 'out', 'busybox']) chmodSync(join(work, name), 0o755);
  for (const name of ['script', 'archive']) chmodSync(join(work, name), 0o644);
  if (process.getuid!() === 0) chownSync(join(work, 'out'), UNUSED_IDS, UNUSED_IDS);
  return true;
}

/** A user namespace that has its ids, held by a process. `undefined` where the host does not allow it. */
function userNamespace(): Promise<ChildProcess | undefined> {
  const words = ['--user', 'sh', '-c', 'echo here; read -r end'];
  const holder = spawn('unshare', words, { env: ENVIRONMENT, stdio: ['pipe', 'pipe', 'ignore'] });
  holder.stdin!.on('error', () => undefined);
  return new Promise((resolve) => {
    holder.on('error', () => resolve(undefined));
    holder.on('close', () => resolve(undefined));
    holder.stdout!.on('data', () => {
      if (giveIds(holder.pid!)) return resolve(holder);
      holder.kill('SIGKILL');
    });
  });
}

/** Listens to it until it ends. @returns how it ended */
function followed(child: ChildProcess, console: InstallerConsole): Promise<string> {
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => console.print(text));
  }
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(`${signal ?? code}`));
  });
}

/** Gives a process's user namespace its ids. @returns whether that is allowed */
function giveIds(pid: number): boolean {
  if (process.getuid!() === 0) {
    try {
      for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, `0 ${UNUSED_IDS} ${IDS}\n`);
      return true;
    } catch {
      return false;
    }
  }
  const { uid, gid, username } = userInfo();
  return (
    givenTo('newuidmap', pid, uid, rangeOf('/etc/subuid', uid, username)) &&
    givenTo('newgidmap', pid, gid, rangeOf('/etc/subgid', uid, username))
  );
}

/** The user is root inside, the range everybody else. */
function givenTo(program: string, pid: number, id: number, first: number | undefined): boolean {
  if (first === undefined) return false;
  const words = [pid, 0, id, 1, 1, first, IDS - 1].map(String);
  return spawnSync(program, words, { stdio: 'ignore' }).status === 0;
}

/** Where a user's range of ids begins that is large enough (subuid(5)). */
function rangeOf(file: string, uid: number, user: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const ranges = text.split('\n').map((line) => line.split(':'));
  const own = ranges.find(([who, , count]) => (who === user || who === `${uid}`) && Number(count) >= IDS - 1);
  return own === undefined ? undefined : Number(own[1]);
}
