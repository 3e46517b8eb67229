/** A process that is not there: what a command writes is kept, and signals come when a test says so. */
import { PassThrough } from 'node:stream';
import type {
  Announcement,
  CommandHost,
  EndSignal,
  Keyboard,
  Runnable,
  StandardStreams,
} from '../src/commands/host.ts';
import type { MachineOptions } from '../src/configuration/options.ts';
import { FakeMachine } from './fake-machine.ts';

/** A keyboard at which a test types. */
export class FakeKeyboard implements Keyboard {
  terminal = false;
  /** Whether the terminal is in raw mode; `undefined` while nobody listens. */
  raw: boolean | undefined;
  #handler: ((bytes: Uint8Array) => void | Promise<void>) | undefined;

  listen(handler: (bytes: Uint8Array) => void | Promise<void>, raw: boolean): () => void {
    this.#handler = handler;
    this.raw = raw;
    return () => {
      this.#handler = undefined;
      this.raw = undefined;
    };
  }

  type(text: string): void {
    void this.#handler?.(Buffer.from(text));
  }
}

/** Records everything a command does to its process. */
export class RecordingHost implements CommandHost {
  stdout = '';
  stderr = '';
  terminal = false;
  readonly keyboard = new FakeKeyboard();
  readonly streams = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    size: () => undefined,
    onResize: () => () => undefined,
  } satisfies StandardStreams;
  readonly colour: boolean = false;
  readonly environment: Record<string, string | undefined>;
  readonly version = '1.2.3';
  readonly created: MachineOptions[] = [];
  readonly announced: Announcement[] = [];
  /** Makes the machine that stands in for a real one. */
  makeMachine = (name: string): Runnable => new FakeMachine(name);
  #handler: ((signal: EndSignal) => void) | undefined;

  constructor(environment: Record<string, string | undefined> = {}) {
    this.environment = environment;
  }

  out(text: string | Uint8Array): void {
    this.stdout += typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  }

  err(text: string): void {
    this.stderr += text;
  }

  async createMachine(options: MachineOptions): Promise<Runnable> {
    this.created.push(options);
    return this.makeMachine(options.name ?? 'unnamed');
  }

  onSignal(handler: (signal: EndSignal) => void): () => void {
    this.#handler = handler;
    return () => (this.#handler = undefined);
  }

  signal(signal: EndSignal): void {
    this.#handler?.(signal);
  }

  interrupt(): void {
    this.signal('SIGINT');
  }
}
