/**
 * Packages through apt: the host's own sources, proxies, credentials and keys, without root and without a change of the
 * host. apt gets directories of its own for everything it keeps, and none of the host's hooks.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Environment } from '../control/directory.ts';
import { PackageIndex, type PackageRecord } from './package-index.ts';
import type { PackageSource } from './package-source.ts';

/** What apt needs to know. */
export interface AptOptions {
  readonly suite: string;
  /** Which packages of the lists are of interest. */
  readonly wanted: (name: string) => boolean;
  /** A directory for what apt keeps. */
  readonly directory: string;
  readonly environment: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Told how far the lists are, in percent. */
  readonly progress: (percent: number) => void;
}

/** Not in the path: apt's plumbing. */
const APT_HELPER = '/usr/lib/apt/apt-helper';
/** Parts of a suite whose packages count; not its backports. */
const POCKETS = ['', '-updates', '-security'] as const;
/** Of what apt complains, the end is shown. */
const COMPLAINT = 2000;

/** Whether the host has apt. */
export function hasApt(environment: Environment): boolean {
  const directories = (environment['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return isProgram(APT_HELPER) && directories.some((directory) => isProgram(join(directory, 'apt-get')));
}

/**
 * Fetches and checks the lists of the host's sources.
 *
 * @returns `undefined` when none of the sources has the suite
 * @throws UserError `apt-failed`
 */
export async function openApt(options: AptOptions): Promise<PackageSource | undefined> {
  const apt = new Apt(options);
  const updateFailure = await apt.run('apt-get', ['update'], { progress: options.progress }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const format = '$(CODENAME)\t$(ARCHITECTURE)\t$(FILENAME)';
  const targets = await apt.run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const lists = targets
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(
      ([codename, architecture]) =>
        architecture === 'amd64' && POCKETS.some((pocket) => codename === options.suite + pocket),
    );
  const index = new PackageIndex();
  for (const [, , file] of lists) await index.add(apt.read(APT_HELPER, ['cat-file', file!]), options.wanted);
  // Some other source of the host may be out of order; that is none of our business.
  if (index.find('busybox-static') === undefined) {
    if (updateFailure !== undefined) throw updateFailure;
    return undefined;
  }
  return {
    name: 'apt',
    signatures: 'checked',
    find: (name) => index.find(name),
    all: () => index.all(),
    expect: (records, signal) => apt.locate(records, signal),
    fetch: (record, file, progress, signal) => apt.download(record, file, progress, signal),
  };
}

class Apt {
  readonly #directory: string;
  readonly #configuration: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal | undefined;
  /** Where packages are, by their sums. */
  readonly #places = new Map<string, string>();

  constructor(options: AptOptions) {
    this.#directory = options.directory;
    this.#configuration = join(options.directory, 'apt.conf');
    this.#environment = { ...options.environment, LC_ALL: 'C' };
    this.#signal = options.signal;
    for (const path of ['state/lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(options.directory, path), { recursive: true });
    }
    writeFileSync(join(options.directory, 'status'), '');
    writeFileSync(this.#configuration, configuration(options.directory));
  }

  /** Asks where packages are: all at once, because apt reads all of its lists for each question. */
  async locate(records: readonly PackageRecord[], signal: AbortSignal | undefined): Promise<void> {
    if (records.length === 0) return;
    const words = ['download', '--print-uris', ...records.map(({ name, version }) => `${name}:amd64=${version}`)];
    const lines = (await this.run('apt-get', words, { signal })).split('\n');
    for (const line of lines) {
      const [, uri, sum] = /^'([^']+)' \S+ \d+ SHA256:([0-9a-f]{64})/.exec(line) ?? [];
      const record = records.find(({ sha256 }) => sha256 === sum);
      if (uri !== undefined && record !== undefined) this.#places.set(record.sha256, uri);
    }
  }

  /** Fetches a package by apt's plumbing, which goes on with what an earlier try has left; `apt-get download` does not. */
  async download(
    record: PackageRecord,
    file: string,
    progress: (received: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!this.#places.has(record.sha256)) await this.locate([record], signal);
    const uri = this.#places.get(record.sha256);
    if (uri === undefined) throw aptFailed(['download'], `it does not say where ${record.name} is`);
    const fetchOnce = (): Promise<string> =>
      this.run(APT_HELPER, ['download-file', uri, file, `SHA256:${record.sha256}`], {
        signal,
        progress: (percent) => progress(Math.round((record.size * percent) / 100)),
      });
    // What has a wrong sum is moved aside. When its beginning was not from now: once more, from the start.
    const refused = `${file}.FAILED`;
    const resumed = existsSync(file);
    try {
      await fetchOnce();
    } catch (error) {
      if (!resumed || !existsSync(refused)) throw error;
      await fetchOnce();
    } finally {
      rmSync(refused, { force: true });
    }
  }

  /** Runs a command of apt. @returns what it prints. @throws UserError `apt-failed` */
  async run(program: string, words: readonly string[], options: RunOptions = {}): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of this.read(program, words, options)) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  /** Runs a command, and hands out what it prints as it comes. */
  async *read(program: string, words: readonly string[], options: RunOptions = {}): AsyncGenerator<Uint8Array, void> {
    const signal = options.signal ?? this.#signal;
    signal?.throwIfAborted();
    // Progress comes on a descriptor of its own; output that nobody reads would make apt wait.
    const child = spawn(program, ['--config-file', this.#configuration, '-o', 'APT::Status-Fd=3', ...words], {
      cwd: this.#directory,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      ...(signal === undefined ? {} : { signal }),
    });
    let complaint = '';
    child.stderr!.on('data', (piece: Uint8Array) => (complaint = (complaint + String(piece)).slice(-COMPLAINT)));
    child.stdio[3]!.on('data', (piece: Uint8Array) => {
      const percent = /^dlstatus:\d+:([\d.]+):/m.exec(String(piece))?.[1];
      if (percent !== undefined) options.progress?.(Number(percent));
    });
    const ended = new Promise<number | Error>((done) => {
      child.on('error', done);
      child.on('close', (code) => done(code ?? 1));
    });
    for await (const piece of child.stdout!) yield piece as Uint8Array;
    const end = await ended;
    if (signal?.aborted === true) throw signal.reason;
    if (end !== 0) throw aptFailed(words, end instanceof Error ? end.message : complaint);
  }
}

interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told how far it is, in percent. */
  readonly progress?: (percent: number) => void;
}

/** Read after the host's own configuration, so that it has the last word. */
function configuration(directory: string): string {
  const quoted = (path: string): string => `"${join(directory, path)}"`;
  return [
    // Hooks of the host would touch the host.
    ...['Pre-Invoke', 'Post-Invoke', 'Post-Invoke-Success'].map((hook) => `#clear APT::Update::${hook};`),
    `Dir::State ${quoted('state')};`,
    `Dir::State::Lists ${quoted('state/lists')};`,
    `Dir::State::status ${quoted('status')};`,
    `Dir::Cache ${quoted('cache')};`,
    `Dir::Cache::Archives ${quoted('cache/archives')};`,
    `Dir::Cache::pkgcache "";`,
    `Dir::Cache::srcpkgcache "";`,
    `Dir::Log "/dev/null";`,
    // The directories are the user's own: the user that apt would become cannot enter them.
    'APT::Sandbox::User "root";',
    'APT::Architecture "amd64";',
    '#clear APT::Architectures;',
    'APT::Architectures { "amd64"; };',
    'Acquire::Languages "none";',
    'Acquire::GzipIndexes "true";',
    '#clear Acquire::IndexTargets::deb::Contents-deb;',
    '',
  ].join('\n');
}

function aptFailed(words: readonly string[], complaint: string): UserError {
  // Warnings come first; errors start with E:.
  const errors = complaint.split('\n').filter((line) => line.startsWith('E:'));
  const why = (errors.length > 0 ? errors.join('\n') : complaint).trim();
  return new UserError('apt-failed', `apt-get ${words[0]} fails: ${why}`, {
    hint: 'check the network and the sources of apt, or do without: --mirror URL',
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
