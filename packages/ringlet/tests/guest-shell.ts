/** A shell in a guest that a test talks to: it types a command, waits for what it prints, and does things to the machine between. */
import { onTestFinished } from 'vitest';
import type { MachineOptions } from '../src/configuration/options.ts';
import { Machine } from '../src/machine/machine.ts';

/** Around what a command prints; written so that the shell's echo of the line does not have them. */
const [START, END] = ['\u0001', '\u0002'];
/** A busy host is ten times slower than one of its own. */
const PATIENCE_MS = 15 * 60_000;

/** A machine at whose console a shell waits. */
export class GuestShell {
  readonly machine: Machine;
  /** All that was printed. */
  text = '';
  #seen = 0;
  #changed: () => void = () => undefined;
  #ended = false;

  private constructor(machine: Machine) {
    this.machine = machine;
    machine.console$.subscribe((text) => {
      this.text += text;
      this.#changed();
    });
    void machine.finished.then(() => {
      this.#ended = true;
      this.#changed();
    });
  }

  /**
   * Starts a machine; it is disposed of when the test has finished. `ready` is what the shell's prompt looks like.
   *
   * @param prepare - sees the machine before it starts
   */
  static async start(
    options: MachineOptions,
    ready: string | RegExp = '~ # ',
    prepare?: (machine: Machine) => Promise<void>,
  ): Promise<GuestShell> {
    const shell = new GuestShell(new Machine(options));
    onTestFinished(() => shell.machine.dispose());
    await prepare?.(shell.machine);
    await shell.machine.start();
    await shell.says(ready);
    return shell;
  }

  /** Logs in at the console of a whole system that has asked who is there. */
  async login(user = 'root'): Promise<void> {
    this.type(`${user}\n`);
    // Not at the end of what is printed: the kernel may say something behind it.
    await this.says(/\S@\S+[#$] /);
    // Nothing that draws, and no line that is broken where the terminal would end.
    await this.run('stty -echo cols 500; export PAGER=cat SYSTEMD_PAGER= TERM=dumb; unset PROMPT_COMMAND');
  }

  type(text: string): void {
    this.machine.write(text);
  }

  /** Runs a command, one line. @returns what it prints, without line feeds at its end. */
  async run(command: string, patience = PATIENCE_MS): Promise<string> {
    this.#seen = this.text.length;
    this.type(`printf "\\1"; ${command}; printf "\\2"\n`);
    const printed = await this.says(new RegExp(`${START}[^${END}]*${END}`), patience);
    return printed.slice(1, -1).replaceAll('\r\n', '\n').replace(/\n+$/, '');
  }

  /** Runs a command until it prints something. @returns what it printed then. */
  async until(command: string, wanted: (printed: string) => boolean, patience = PATIENCE_MS): Promise<string> {
    const end = Date.now() + patience;
    for (;;) {
      const printed = await this.run(command, patience);
      if (wanted(printed)) return printed;
      if (Date.now() > end) throw new Error(`"${command}" prints only ${printed}`);
      await new Promise((again) => setTimeout(again, 250));
    }
  }

  /** Waits until something is printed that was not waited for before. @returns it. */
  async says(what: string | RegExp, patience = PATIENCE_MS): Promise<string> {
    const end = Date.now() + patience;
    for (;;) {
      const rest = this.text.slice(this.#seen);
      const found = typeof what === 'string' ? (rest.includes(what) ? what : undefined) : what.exec(rest)?.[0];
      if (found !== undefined) {
        this.#seen += rest.indexOf(found) + found.length;
        return found;
      }
      if (this.#ended || Date.now() > end) {
        throw new Error(
          `${this.#ended ? 'it ended' : 'it waits'} without saying ${String(what)}:\n${this.text.slice(-3000)}`,
        );
      }
      await new Promise<void>((changed) => {
        this.#changed = changed;
        setTimeout(changed, 1000).unref();
      });
    }
  }

  /** Turns it off from inside, by a command that does. @returns how it ended. */
  async off(command = 'poweroff -f'): Promise<Awaited<Machine['finished']>> {
    this.type(`${command}\n`);
    return this.machine.finished;
  }
}

/** What a driver of ours would have warned about. */
export function hvWarnings(dmesg: string): string[] {
  return dmesg.split('\n').filter((line) => /hv_|hyperv|vmbus|storvsc|Call Trace|WARNING: CPU|BUG:/i.test(line));
}
