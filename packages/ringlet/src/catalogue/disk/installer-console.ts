/** What the script that makes a root disk says, line by line: how far it is, whether it is done, what went wrong. */
import { UserError } from '@ringlet/wire';
import type { PullEvent } from '../pull-event.ts';
import { MARK } from './set-up-script.ts';

/** Who says nothing for so long is stuck. */
const SILENCE_MS = 15 * 60_000;
/** Lines that are shown of a failure. */
const LAST_LINES = 12;
const LONGEST_LINE = 400;

/** Reads what the script says. */
export class InstallerConsole {
  readonly #who: string;
  readonly #packages: number;
  readonly #tell: (event: PullEvent) => void;
  #line = '';
  #lines: string[] = [];
  #phase = '';
  #size = 0;
  #configured = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #giveUp!: (error: UserError) => void;

  /** Whether it has said that everything is done. */
  finished = false;
  #failure: string | undefined;
  #unable = false;
  /** Rejects when the guest says nothing any more. */
  readonly stuck: Promise<never>;

  /**
   * @param who - who speaks, for errors: `the guest`
   * @param packages - how many will be set up
   */
  constructor(who: string, packages: number, tell: (event: PullEvent) => void) {
    this.#who = who;
    this.#packages = packages;
    this.#tell = tell;
    this.stuck = new Promise((_, reject) => (this.#giveUp = reject));
    this.stuck.catch(() => undefined);
    this.#heard();
  }

  /** Whether the host did not let it do what it needs: it has done nothing then. */
  get unable(): boolean {
    return this.#unable || this.#phase === '';
  }

  /** An error for what went wrong: what it said of that itself, or `otherwise`. */
  failed(otherwise: string): UserError {
    return this.#error(this.#failure ?? otherwise);
  }

  print(text: string): void {
    this.#heard();
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop()!.slice(-LONGEST_LINE);
    for (const line of lines) this.#read(line.trimEnd());
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #read(line: string): void {
    if (!line.startsWith(MARK)) {
      if (line !== '') this.#lines = [...this.#lines, line.slice(0, LONGEST_LINE)].slice(-LAST_LINES);
      const name = this.#phase === 'configure' ? /^Setting up ([^ ]+)/.exec(line)?.[1] : undefined;
      if (name !== undefined) this.#progress(++this.#configured);
      return;
    }
    const [word, ...rest] = line.slice(MARK.length).split(' ');
    if (word === 'finished') this.finished = true;
    else if (word === 'unable') this.#unable = true;
    else if (word === 'failed') this.#failure = rest.join(' ');
    else if (word === 'done') this.#progress(Number(rest[0]));
    else if (word === 'phase') {
      this.#phase = rest[0] ?? '';
      this.#size = this.#phase === 'configure' ? this.#packages : Number(rest[1] ?? 0);
      this.#tell({ type: 'installing', phase: this.#phase });
    }
  }

  #progress(done: number): void {
    if (this.#size === 0 || !Number.isFinite(done)) return;
    const received = Math.min(done, this.#size);
    this.#tell({ type: 'installed', phase: this.#phase, done: received, of: this.#size });
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#giveUp(this.#error(`${this.#who} has said nothing for ${SILENCE_MS / 60_000} minutes`)),
      SILENCE_MS,
    );
  }

  #error(why: string): UserError {
    const said = this.#lines.map((line) => `\n    ${line}`).join('');
    const words = said === '' ? '' : `\nThe last words of ${this.#who}:${said}`;
    return new UserError('disk-install-failed', `the root disk could not be made: ${why}${words}`, {
      hint: 'try again: nothing is fetched twice. Report it with these lines if it stays',
    });
  }
}
