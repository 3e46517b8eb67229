/** What a command may use of the process it runs in. Tests bring their own. */
import type { Readable, Writable } from 'node:stream';
import type { Controllable, ControllableDevices } from '../control/controllable.ts';
import type { Environment } from '../control/directory.ts';
import type { MachineOptions } from '../configuration/options.ts';

/** A machine that can be started and thrown away. */
export interface Runnable extends Controllable {
  start(): Promise<void>;
  /** Devices from files. */
  readonly devices: ControllableDevices;
  /** Ends it if it still runs, and releases everything it holds. */
  dispose(): Promise<void>;
}

/** The environment variable that tells a process that it is the background half of `--detach`. */
export const DETACHED_VARIABLE = 'RINGLET_DETACHED';

/** Signals that ask a command to end. */
export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Standard input, as far as a command that passes it on needs it. */
export interface Keyboard {
  /** Whether it is a terminal. */
  readonly terminal: boolean;
  /**
   * Hands on what arrives, from now on; when the handler gives a promise, the next once that has settled.
   *
   * @param raw - of a terminal: each key at once, none of them acted on by the terminal itself
   * @returns stops, and gives the terminal back as it was
   */
  listen(handler: (bytes: Uint8Array) => void | Promise<void>, raw: boolean): () => void;
}

/** Standard streams as bytes, for a command that stands between them and a guest. */
export interface StandardStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Size of the terminal at standard output; `undefined` when it is none. */
  size(): { readonly rows: number; readonly columns: number } | undefined;
  /** Calls `handler` when the terminal gets another size. @returns stops */
  onResize(handler: () => void): () => void;
}

/** The process around a command. */
export interface CommandHost {
  /** Standard output: what the guest says, and results. */
  out(text: string | Uint8Array): void;
  /** Standard error: what ringlet says. */
  err(text: string): void;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  readonly keyboard: Keyboard;
  readonly streams: StandardStreams;
  /** Whether colour is wanted. */
  readonly colour: boolean;
  readonly environment: Environment;
  readonly version: string;
  createMachine(options: MachineOptions): Promise<Runnable>;
  /** Calls `handler` for each signal that asks for an end, instead of dying. @returns stops doing so. */
  onSignal(handler: (signal: EndSignal) => void): () => void;
  /** Has the same effect as a SIGINT to this process. */
  interrupt(): void;
  /** Tells the `--detach` that started this process; absent in any other process. */
  readonly announce?: (message: Announcement) => void;
}

/** What a machine in the background tells the command that started it. */
export type Announcement =
  | { readonly type: 'started'; readonly names: readonly string[] }
  | {
      readonly type: 'failed';
      readonly exitCode: number;
      readonly code: string;
      readonly message: string;
      readonly hint?: string;
    };
