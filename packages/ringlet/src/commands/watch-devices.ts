/**
 * `--watch`: a device file that is saved is put in the place of the one that runs.
 *
 * Files are looked at rather than listened to: that works on every file system, and with editors that write a new file
 * and rename it.
 */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { failureOf } from './failure-report.ts';
import type { Runnable } from './host.ts';
import type { Reporter } from './reporter.ts';

/** Between two looks. A file must look the same twice before it is loaded: nobody writes it any more. */
const LOOK_MS = 150;
/** After so long somebody wonders what the guest does. */
const PATIENCE_MS = 5_000;

/** A machine, as far as watching it goes. */
export type WatchedMachine = Pick<Runnable, 'name' | 'state$' | 'devices'>;

/** Watches the device files of a machine, and what they import, from now on. @returns stops */
export async function watchDevices(machine: WatchedMachine, reporter: Reporter): Promise<() => void> {
  const watched = await Promise.all(
    machine.devices.files.map(async (file) => {
      const one = new WatchedFile(machine, file, reporter);
      await one.remember();
      return one;
    }),
  );
  let running = false;
  const following = machine.state$.subscribe((state) => (running = state === 'running'));
  const timer = setInterval(() => running && watched.forEach((file) => file.look()), LOOK_MS);
  timer.unref();
  return () => {
    following.unsubscribe();
    clearInterval(timer);
  };
}

class WatchedFile {
  readonly #machine: WatchedMachine;
  readonly #file: string;
  readonly #reporter: Reporter;
  #sources: readonly string[];
  /** What its sources looked like when they were loaded. */
  #loaded = '';
  #latest = '';
  #busy = false;

  constructor(machine: WatchedMachine, file: string, reporter: Reporter) {
    this.#machine = machine;
    this.#file = file;
    this.#reporter = reporter;
    this.#sources = [file];
  }

  /** Learns what the file imports. One that does not compile has what it had. */
  async remember(): Promise<void> {
    const before = stamp(this.#sources);
    const sources = await this.#machine.devices.sources(this.#file).catch(() => this.#sources);
    const same = sources.join('\n') === this.#sources.join('\n');
    this.#sources = sources;
    // What changed while it was compiled is looked at again.
    this.#loaded = this.#latest = same ? before : stamp(sources);
  }

  look(): void {
    if (this.#busy) return;
    const now = stamp(this.#sources);
    const still = now === this.#latest;
    this.#latest = now;
    if (still && now !== this.#loaded) void this.#reload();
  }

  async #reload(): Promise<void> {
    const { name, devices } = this.#machine;
    const file = basename(this.#file);
    this.#busy = true;
    this.#loaded = this.#latest;
    const late = setTimeout(
      () => this.#reporter.notice(`${file}: the guest has not let go of the version before yet`),
      PATIENCE_MS,
    );
    try {
      await devices.reload(this.#file);
      this.#reporter.notice(`${file}: the new version is offered to ${name}`);
      const sources = await devices.sources(this.#file);
      if (sources.join('\n') !== this.#sources.join('\n')) {
        this.#sources = sources;
        this.#loaded = this.#latest = stamp(sources);
      }
    } catch (error) {
      const { code, message, hint } = failureOf(error);
      this.#reporter.event(name, { type: 'device-not-replaced', file: this.#file, code, message } as { type: string });
      const more = hint === undefined ? [] : [`    try   ${hint}`];
      const lines = [
        `${file} is not reloaded, the version before runs on:`,
        ...message.split('\n').map(indented),
        ...more,
      ];
      this.#reporter.notice([...lines, `    code  ${code} · ringlet explain ${code}`].join('\n'));
    } finally {
      clearTimeout(late);
      this.#busy = false;
    }
  }
}

const indented = (line: string): string => `    ${line}`;

/** What files look like from outside: a text that differs when one was written. */
const stamp = (files: readonly string[]): string =>
  files
    .map((file) => {
      const status = statSync(file, { throwIfNoEntry: false });
      return status === undefined ? 'gone' : `${status.mtimeMs}/${status.size}/${status.ino}`;
    })
    .join('\n');
