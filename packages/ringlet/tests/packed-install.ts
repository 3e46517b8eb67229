/** Ringlet as its users have it: every package packed, and installed into an empty folder, far from the repository. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './machines.ts';

/** How a command ended, and what it said. */
export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs, and what it has said so far. */
export interface Running {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Said>;
  interrupt(): void;
}

/** An installation, and an empty folder beside it. */
export class PackedInstall {
  /** Where `node_modules` is. */
  readonly #base = realpathSync(mkdtempSync(join(tmpdir(), 'ringlet-packed-')));
  /** Empty: where a newcomer works. */
  readonly folder = join(this.#base, 'mine');

  /** Builds, packs and installs. The compiler comes along, in the version that the repository has. */
  constructor() {
    run(ROOT, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'packages/ringlet');
    const packed = join(this.#base, 'packed');
    mkdirSync(packed);
    npm(ROOT, 'pack', '--workspaces', '--pack-destination', packed);
    mkdirSync(this.folder);
    writeFileSync(join(this.#base, 'package.json'), '{ "private": true, "type": "module" }\n');
    const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules/typescript/package.json'), 'utf8')) as {
      version: string;
    };
    const packages = readdirSync(packed).map((file) => join(packed, file));
    npm(this.#base, 'install', '--prefer-offline', '--no-audit', '--no-fund', ...packages, `typescript@${version}`);
  }

  /** Path of an installed package. */
  package(name: string): string {
    return join(this.#base, 'node_modules', name);
  }

  /** Runs `npx` in the newcomer's folder, to the end. */
  async npx(...words: string[]): Promise<Said> {
    return this.start('npx', ...words).ended;
  }

  /** Starts a command in the newcomer's folder, found as npm's scripts find theirs. */
  start(command: string, ...words: string[]): Running {
    const path = `${join(this.#base, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`;
    // Of vitest's own: conditions and loaders that a newcomer does not have.
    const { NODE_OPTIONS: _, VITEST: __, NODE_ENV: ___, ...environment } = process.env;
    const child = spawn(command, words, {
      cwd: this.folder,
      env: { ...environment, PATH: path, RINGLET_RUN_DIR: join(this.#base, 'run') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<Said>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, stdout, stderr }));
    });
    return { stdout: () => stdout, stderr: () => stderr, ended, interrupt: () => void child.kill('SIGINT') };
  }

  remove(): void {
    rmSync(this.#base, { recursive: true, force: true });
  }
}

const npm = (cwd: string, ...words: string[]): void => run(cwd, 'npm', ...words, '--loglevel', 'error');

function run(cwd: string, command: string, ...words: string[]): void {
  execFileSync(command, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}
