/** Types what the documents say, line by line, as a reader would: into a shell, in one folder. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Block, commandsOf, notSaid, type TypedCommand } from './document-blocks.ts';
import { ROOT } from './machines.ts';

const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const PATIENTLY = { timeout: 300_000, interval: 50 };
/** Commands that go on until Ctrl-C. */
const GOES_ON = /--follow\b|--watch\b|ringlet (?:console|switch (?!.*--status))\b/;

/** A shell somewhere. */
export interface Desk {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What becomes of a line before it is typed: names that stand for others; `undefined` when it is left out. */
  readonly read?: (line: string) => string | undefined;
  /** What becomes of output before it is compared. */
  readonly heard?: (output: string) => string;
  /** What `npx ringlet` is; that of the checkout otherwise. */
  readonly ringlet?: string;
}

/** A line that was typed. */
export interface Typed extends TypedCommand {
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  interrupt(): void;
}

/**
 * Types each command of a block. It must end well, and what the block shows must have been said. One that goes on until Ctrl-C
 * has the lines behind it typed while it runs, once it has said something, and must have gone on until it is interrupted.
 */
export async function typeBlock(block: Block, desk: Desk): Promise<void> {
  const running: Typed[] = [];
  for (const command of commandsOf(block)) {
    const line = desk.read === undefined ? command.line : desk.read(command.line);
    if (line === undefined) continue;
    const typed = type({ ...command, line }, desk);
    if (GOES_ON.test(line)) {
      await expect.poll(() => [typed.where, typed.output() !== ''], PATIENTLY).toEqual([typed.where, true]);
      running.push(typed);
    } else await wentWell(typed, [0]);
  }
  for (const typed of running) {
    typed.interrupt();
    await wentWell(typed, [0, 130]);
  }
}

async function wentWell(typed: Typed, statuses: readonly number[]): Promise<void> {
  const { where, line, shown } = typed;
  const status = await typed.ended;
  const output = typed.output();
  const fine = status !== null && statuses.includes(status);
  expect({ where, line, status, ...(fine ? {} : { output }) }).toEqual({
    where,
    line,
    status: fine ? status : statuses[0],
  });
  const missing = notSaid(shown, output);
  expect({ where, line, missing, ...(missing === undefined ? {} : { output }) }).toEqual({ where, line });
}

/** Types one line. */
export function type(command: TypedCommand, { folder, environment, heard, ringlet }: Desk): Typed {
  const program = ringlet ?? `"${process.execPath}" "${LAUNCHER}"`;
  const child = spawn('sh', ['-c', command.line.replaceAll('npx ringlet', program)], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A terminal's Ctrl-C goes to all that a line has started.
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (status, signal) => resolve(signal === 'SIGINT' ? 130 : status));
  });
  const interrupt = (): void => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    process.kill(-child.pid, 'SIGINT');
  };
  return { ...command, output: () => heard?.(output) ?? output, ended, interrupt };
}
