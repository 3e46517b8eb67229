/** One command in a guest, from its start to its end, over a connection to the agent. */
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { UserError } from '@ringlet/wire';
import { encodeFrame, type Frame, FrameReader } from './frames.ts';

/** Bytes of input that may be on their way: more waits until the command has taken some. */
const INPUT_WINDOW = 64 * 1024;
/** Bytes of input in one frame. */
const INPUT_PIECE = 16 * 1024;

/** Rows and columns of a terminal. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** What is to be run. */
export interface ExecCommand {
  /** The program and its words; it is looked for along the guest's PATH, and no shell is between. */
  readonly command: readonly string[];
  /** Gives it a terminal of this size, instead of pipes. */
  readonly terminal?: TerminalSize | undefined;
  /** Added to the guest's own environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it runs; the user's home directory otherwise. */
  readonly directory?: string | undefined;
  /** Who runs it; root otherwise. */
  readonly user?: string | undefined;
}

/** How a command ended. */
export type ExecResult = { readonly code: number } | { readonly signal: number };

/** Who gets what a command writes. A promise holds back what comes next until it is settled. */
export interface ExecOutput {
  stdout(bytes: Uint8Array): Promise<void> | void;
  stderr(bytes: Uint8Array): Promise<void> | void;
  /** Input may go on after {@link ExecSession.input} returned false. */
  inputWanted?(): void;
}

/** A command that runs. */
export class ExecSession {
  readonly #stream: Duplex;
  readonly #output: ExecOutput;
  readonly #reader = new FrameReader();
  /** Input that the command has not taken. */
  #unread = 0;
  #waiting: Buffer[] = [];
  #settled = false;
  #resolve!: (result: ExecResult) => void;
  #reject!: (error: Error) => void;

  /**
   * Settles when the command is over and all of its output was handed over.
   *
   * @throws UserError `exec-failed` when it cannot be started, `guest-gone` when the guest ended first
   */
  readonly result: Promise<ExecResult>;

  /** @param stream - connected to the agent, nothing read yet */
  constructor(stream: Duplex, command: ExecCommand, output: ExecOutput) {
    this.#stream = stream;
    this.#output = output;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    void this.#read();
    stream.write(encodeFrame('S', describe(command)));
  }

  /** Passes input on. @returns whether more is welcome now; otherwise `inputWanted` is called */
  input(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; at += INPUT_PIECE) {
      this.#waiting.push(Buffer.from(bytes.subarray(at, at + INPUT_PIECE)));
    }
    this.#sendInput();
    return this.#waiting.length === 0;
  }

  /** The input has an end. */
  endInput(): void {
    this.#waiting.push(Buffer.alloc(0));
    this.#sendInput();
  }

  /** Sends a signal to the command and its children. */
  signal(name: NodeJS.Signals): void {
    const number = Buffer.alloc(4);
    // The guest is a Linux: its numbers are those of x86-64, whatever the host's are.
    number.writeUInt32BE(LINUX_SIGNALS[name] ?? constants.signals[name]);
    this.#send('K', number);
  }

  /** The terminal has another size. */
  resize({ rows, columns }: TerminalSize): void {
    const size = Buffer.alloc(4);
    size.writeUInt16BE(rows, 0);
    size.writeUInt16BE(columns, 2);
    this.#send('W', size);
  }

  /** Ends the connection: the agent hangs the command up. */
  close(): void {
    this.#stream.destroy();
  }

  #send(type: string, body: Uint8Array): void {
    if (!this.#settled && this.#stream.writable) this.#stream.write(encodeFrame(type, body));
  }

  #sendInput(): void {
    while (this.#waiting.length > 0 && this.#unread < INPUT_WINDOW) {
      const piece = this.#waiting.shift()!;
      this.#unread += piece.length;
      this.#send('I', piece);
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const bytes of this.#stream as AsyncIterable<Uint8Array>) {
        const frames = this.#reader.push(bytes);
        if (frames === undefined) throw gone('what the guest says is not what an agent says');
        for (const frame of frames) if (await this.#frame(frame)) return;
      }
      throw gone('the guest ended the connection');
    } catch (error) {
      this.#settled = true;
      this.#reject(error instanceof UserError ? error : gone(error instanceof Error ? error.message : String(error)));
    } finally {
      this.#settled = true;
      this.#stream.destroy();
    }
  }

  /** @returns whether it was the last */
  async #frame({ type, body }: Frame): Promise<boolean> {
    switch (type) {
      case 'O':
        await this.#output.stdout(body);
        return false;
      case 'E':
        await this.#output.stderr(body);
        return false;
      case 'C':
        this.#taken(body);
        return false;
      case 'X':
        this.#resolve(ending(text(body)));
        return true;
      case 'F': {
        const [, errno = '0', why = text(body)] = /^(\d+) (.*)$/s.exec(text(body)) ?? [];
        throw new ExecFailure(Number(errno), why);
      }
      default:
        // A newer agent may say more.
        return false;
    }
  }

  #taken(body: Uint8Array): void {
    const held = this.#waiting.length > 0;
    if (body.length === 4) this.#unread = Math.max(0, this.#unread - Buffer.from(body).readUInt32BE());
    this.#sendInput();
    if (held && this.#waiting.length === 0) this.#output.inputWanted?.();
  }
}

/** The command could not be started. */
export class ExecFailure extends UserError {
  /** Linux's number of the error. */
  readonly errno: number;

  constructor(errno: number, why: string) {
    super('exec-failed', `the guest cannot run it: ${why}`, { hint: 'for shell syntax: -- sh -c "…"' });
    this.errno = errno;
  }
}

/** Signals whose numbers differ between systems, as Linux on x86-64 has them. */
const LINUX_SIGNALS: Partial<Record<NodeJS.Signals, number>> = {
  SIGBUS: 7,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
};

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function ending(said: string): ExecResult {
  const [, how, number] = /^(exit|signal) (\d{1,3})$/.exec(said) ?? [];
  if (how === 'exit') return { code: Number(number) };
  if (how === 'signal') return { signal: Number(number) };
  throw gone('what the guest says is not what an agent says');
}

function gone(why: string): UserError {
  return new UserError('guest-gone', `the connection to the command broke: ${why}`, {
    hint: 'ringlet ls shows whether the machine still runs',
  });
}

function describe({ command, terminal, environment = {}, directory, user }: ExecCommand): string {
  const fields = [
    ...(terminal === undefined ? [] : [`tty=${terminal.rows},${terminal.columns}`]),
    ...(directory === undefined ? [] : [`dir=${directory}`]),
    ...(user === undefined ? [] : [`user=${user}`]),
    ...Object.entries(environment).map(([name, value]) => `env=${name}=${value}`),
    ...command.map((word) => `arg=${word}`),
  ];
  if (fields.some((field) => field.includes('\0'))) {
    throw new UserError('exec-failed', 'no word of a command can hold a zero byte');
  }
  return fields.map((field) => `${field}\0`).join('');
}
