/** The tour's voice: titles, explanations, and every machine's lines under its own name. */
import { styleText } from 'node:util';
import type { MachineResult } from '../control/controllable.ts';
import type { MachineEvent } from '../machine/machine.ts';

type Style = Parameters<typeof styleText>[0];

/** Writes the tour's lines, and remembers what machines printed. */
export class Narrator {
  readonly #write: (text: string) => void;
  readonly #colour: boolean;
  readonly #printed = new Map<string, string>();
  readonly #unfinished = new Map<string, string>();
  readonly #waiting = new Set<{ name: string; text: string; seen: () => void }>();
  #stops = 0;

  constructor(write: (text: string) => void, colour: boolean) {
    this.#write = write;
    this.#colour = colour;
  }

  /** A line above or below everything. */
  title(text: string): void {
    this.#write(`\n${this.#style('bold', text)}\n`);
  }

  /** The beginning of a stop: its name, and what happens there. */
  stop(title: string, explanation: readonly string[]): void {
    this.#printed.clear();
    this.#write(`\n${this.#style('bold', `${++this.#stops}. ${title}`)}\n`);
    for (const line of explanation) this.#write(`   ${this.#style('dim', line)}\n`);
  }

  /** Its end. */
  outcome(well: boolean): void {
    this.#write(`   ${well ? this.#style('green', 'done') : this.#style('red', 'FAILED')}\n`);
  }

  /** One line of somebody. */
  line(name: string, text: string): void {
    this.#write(`   ${this.#style('cyan', name.padEnd(11))} │ ${text}\n`);
  }

  /** What a guest printed: shown when its line is complete. */
  console(name: string, text: string): void {
    this.#printed.set(name, (this.#printed.get(name) ?? '') + text);
    const lines = ((this.#unfinished.get(name) ?? '') + text).split('\n');
    this.#unfinished.set(name, lines.pop()!);
    for (const line of lines) this.line(name, line);
    for (const wait of this.#waiting) {
      if (wait.name === name && this.#printed.get(name)!.includes(wait.text) && this.#waiting.delete(wait)) wait.seen();
    }
  }

  /** What happened below a guest, where it has something to show. */
  event(name: string, event: MachineEvent): void {
    switch (event.type) {
      case 'bus-connected':
        return this.line(name, this.#style('dim', `VMBus ${event.version} negotiated`));
      case 'channel-opened':
        return this.line(name, this.#style('dim', `channel ${event.relid} open: ${event.device}`));
      case 'guest-error':
        return this.line(name, this.#style('yellow', `guest error: ${event.what}`));
      case 'result':
        return this.line(name, this.#style('dim', describe(event.result)));
      default:
    }
  }

  /** Resolves when the machine `name` has printed `text` at this stop. */
  seen(name: string, text: string): Promise<void> {
    if (this.#printed.get(name)?.includes(text)) return Promise.resolve();
    return new Promise((seen) => void this.#waiting.add({ name, text, seen }));
  }

  #style(style: Style, text: string): string {
    return this.#colour ? styleText(style, text) : text;
  }
}

function describe(result: MachineResult): string {
  switch (result.reason) {
    case 'power-off':
      return `turned itself off, exit code ${result.code}`;
    case 'crash':
      return `crashed: ${result.message}`;
    case 'reset':
      return 'asked for a reset';
    case 'killed':
      return 'was turned off';
    case 'diverged':
      return result.message;
  }
}
