/** A shell on a machine's serial console, one command at a time. */
import type { Machine } from 'ringlet';

const PROMPT = '~ # ';
/** Around what a command prints; written so that the shell's echo of the command does not have them. */
const [START, END] = ['\u0001', '\u0002'];

/** Talks to the shell of a Debian image. */
export class SerialShell {
  readonly #machine: Machine;
  #text = '';
  #changed: () => void = () => {};

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.console$.subscribe((text) => {
      this.#text += text;
      this.#changed();
    });
  }

  /** Resolves when the shell asks for its first command. */
  async ready(): Promise<void> {
    await this.#until(() => this.#text.includes(PROMPT) || undefined, 'the shell asked for a command');
  }

  /** Runs a command, which must fit one line. @returns what it printed */
  async run(command: string): Promise<string> {
    const from = this.#text.length;
    this.#machine.write(`printf "\\1"; ${command}; printf "\\2"\n`);
    const answer = await this.#until(() => {
      const start = this.#text.indexOf(START, from);
      const end = this.#text.indexOf(END, start);
      return start >= 0 && end >= 0 ? this.#text.slice(start + 1, end) : undefined;
    }, `it had run: ${command}`);
    return answer.replaceAll('\r\n', '\n');
  }

  #until<T>(look: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#changed = () => {
        const found = look();
        if (found !== undefined) resolve(found);
      };
      this.#changed();
      void this.#machine.finished.then((result) =>
        reject(new Error(`ended before ${what}: ${JSON.stringify(result)}; it had printed: ${this.#text}`)),
      );
    });
  }
}
