/** What tests of Debian's own kernels build on: images in a cache of their own, and sessions at a guest's shell. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { afterAll, onTestFinished, type TestContext } from 'vitest';
import { cacheDirectory } from '../src/catalogue/cache.ts';
import { pull, type PullOptions, type PullResult } from '../src/catalogue/pull.ts';
import { ROOT } from './machines.ts';

const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const PROMPT = '~ # ';
/** Around what a line prints; written so that the shell's echo of the line does not have them. */
const [START, END] = ['\u0001', '\u0002'];
/** What a line prints that wants its input now: `printf "\\3"`. */
const READY = '\u0003';

/** A command line, and input for what it runs: typed behind it, or when the line has printed {@link READY}. */
export type TypedLine = string | readonly [line: string, input: string, when?: 'at-once' | 'when-ready'];

/** What of an image a machine is started with. */
export type Bootable = Pick<PullResult, 'kernel' | 'initrd' | 'commandLine'>;

/** How a session went. */
export interface SessionResult {
  /** What was printed, by the guest and by `ringlet run`. */
  readonly text: string;
  readonly status: number | null;
  /** What each line printed. */
  readonly answers: readonly string[];
}

/** Images for the tests of one file. Removed after them. */
export class DebianGuests {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringlet-guests-'));
  readonly #pulled = new Map<string, Promise<PullResult | UserError>>();

  constructor() {
    const [ours, users] = [join(this.folder, 'cache'), cacheDirectory(process.env)];
    mkdirSync(ours);
    // What the user has downloaded already is checked by its sum like everything else.
    if (existsSync(join(users, 'packages'))) symlinkSync(join(users, 'packages'), join(ours, 'packages'));
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** The image of a name. A host without apt, or without a network, is no failure: the test is skipped. */
  async image(context: TestContext, name: string, options: PullOptions = {}): Promise<PullResult> {
    const key = JSON.stringify([name, options]);
    let pulled = this.#pulled.get(key);
    if (pulled === undefined) {
      pulled = pull(name, { ...options, cache: join(this.folder, 'cache') }).catch((error: unknown) => {
        if (error instanceof UserError && ['apt-failed', 'download-failed'].includes(error.code)) return error;
        throw error;
      });
      this.#pulled.set(key, pulled);
    }
    const result = await pulled;
    if (result instanceof UserError) return context.skip(`the packages cannot be fetched here: ${result.message}`);
    return result;
  }

  /**
   * The image of a whole system. It takes minutes to make, so it is one for all tests: that of the user's own cache, which
   * gets it where it has none.
   */
  async disk(context: TestContext): Promise<PullResult & { readonly disk: string }> {
    const result = await theDisk().catch((error: unknown) => {
      if (error instanceof UserError && ['apt-failed', 'download-failed'].includes(error.code)) return error;
      throw error;
    });
    if (result instanceof UserError) return context.skip(`the packages cannot be fetched here: ${result.message}`);
    return { ...result, disk: result.disk! };
  }

  /**
   * Runs an image and types each line, which is one whole command, when the shell asks for one.
   *
   * @param options - of `ringlet run`; `--append` adds to what the image has
   */
  async session(image: Bootable, options: readonly string[], lines: readonly TypedLine[]): Promise<SessionResult> {
    const words = ['run', '--kernel', image.kernel, '--initrd', image.initrd, '--append', image.commandLine];
    const child = spawn(process.execPath, [LAUNCHER, ...withAppended(words, options)], {
      cwd: ROOT,
      env: { ...process.env, RINGLET_RUN_DIR: join(this.folder, 'run') },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const waiting = [...lines];
    let [text, errors, asked, held] = ['', '', 0, ''];
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (held !== '' && text.includes(READY, asked)) {
        child.stdin.write(held);
        held = '';
      }
      for (let prompt = text.indexOf(PROMPT, asked); prompt >= 0; prompt = text.indexOf(PROMPT, asked)) {
        asked = prompt + PROMPT.length;
        const next = waiting.shift();
        if (next === undefined) continue;
        const [line, input, when = 'at-once'] = typeof next === 'string' ? [next, ''] : next;
        child.stdin.write(`printf "\\1"; ${line}; printf "\\2"\n${when === 'at-once' ? input : ''}`);
        held = when === 'at-once' ? '' : input;
      }
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { text: text + errors, status, answers: answersIn(text) };
  }
}

/** Waits while another test makes it. */
async function theDisk(): Promise<PullResult> {
  for (;;) {
    try {
      return await pull('debian-disk');
    } catch (error) {
      if (!(error instanceof UserError) || error.code !== 'cache-locked') throw error;
    }
    await new Promise((again) => setTimeout(again, 5000));
  }
}

/** The last line's answer may end with the machine. The terminal makes a line's end out of two characters. */
function answersIn(text: string): string[] {
  const parts = text.split(START).slice(1);
  return parts.map((part) => part.split(END)[0]!.replaceAll('\r\n', '\n'));
}

/** `--append` may be given once: what `options` appends is joined with what the image needs. */
function withAppended(words: readonly string[], options: readonly string[]): string[] {
  const at = options.indexOf('--append');
  if (at < 0) return [...words, ...options];
  const all = [...words];
  all.push(`${all.pop()!} ${options[at + 1]!}`);
  return [...all, ...options.slice(0, at), ...options.slice(at + 2)];
}
