/** A method of the control socket: its parameters' schema, and what it does. A group of them is one file. */
import type { z } from 'zod';
import type { Controllable } from './controllable.ts';
import type { MachineFacts } from './facts.ts';
import type { ConsoleHistory } from './console-history.ts';
import type { GuestNotes } from './guest-notes.ts';

/** What a method may reach. */
export interface MethodContext {
  readonly machine: Controllable;
  readonly facts: MachineFacts;
  readonly history: ConsoleHistory;
  readonly notes: GuestNotes;
  /** When the machine began to answer, by `performance.now()`. */
  readonly since: number;
  /** Sends a notification to the caller; lost when the caller is gone. */
  readonly notify: (method: string, params: Readonly<Record<string, unknown>>) => void;
  /** Runs `end` when the caller's connection is gone. */
  readonly onDisconnect: (end: () => void) => void;
}

/** A method whose parameters have passed its schema. */
export interface Method<Schema extends z.ZodType = z.ZodType> {
  readonly params: Schema;
  run(params: z.output<Schema>, context: MethodContext): unknown;
}

/** Methods by name. */
export type MethodGroup = Readonly<Record<string, Method>>;

/** Declares a method; the types of its parameters follow from the schema. */
export function method<Schema extends z.ZodType>(
  params: Schema,
  run: (params: z.output<Schema>, context: MethodContext) => unknown,
): Method {
  // The server hands `run` only what `params` has parsed, so the narrower parameter type is safe.
  return { params, run } as Method;
}
