/** Another program that carries frames for a port: started, watched, and ended with it. */
import { type ChildProcess, spawn } from 'node:child_process';

/** Bytes of its last words that are kept, for the error that they explain. */
const MOST_WORDS = 2000;

/** One run of a program. */
export class CarrierProcess {
  readonly #child: ChildProcess;
  #words = '';
  #ended = false;
  /** Settles when it has ended, with what it said last. Rejects with the system's error when it could not be started. */
  readonly ended: Promise<string>;

  constructor(program: string, words: readonly string[]) {
    this.#child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-MOST_WORDS);
    });
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', (error) => {
        this.#ended = true;
        reject(error);
      });
      this.#child.once('close', () => {
        this.#ended = true;
        resolve(this.#words.trim());
      });
    });
    // Whoever is interested says so later; nobody may be.
    this.ended.catch(() => {});
    this.#child.unref();
  }

  get running(): boolean {
    return !this.#ended;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Ends it. */
  stop(): void {
    if (!this.#ended) this.#child.kill('SIGTERM');
  }
}
