/** A command of a document, looked at without running it: by ringlet's own parser, and by what there is in the repository. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { parseImageName } from '../src/catalogue/image-name.ts';
import { ERROR_PAGES } from '../src/commands/error-pages.ts';
import { mouseActions } from '../src/commands/mouse.ts';
import { createProgram } from '../src/commands/program.ts';
import { machinesOf, type RunFlags, watchOf } from '../src/commands/run-options.ts';
import { parseSnapLength } from '../src/commands/snap-length.ts';
import { parseDiskFlag } from '../src/configuration/disk-flag.ts';
import { parseDuration } from '../src/configuration/duration.ts';
import { parseSize } from '../src/configuration/size.ts';
import { parsePoint } from '../src/replay/point.ts';
import { parseFilter } from '../src/trace/filter.ts';
import { ROOT } from './machines.ts';
import type { ShellCommand } from './shell-words.ts';
import { RecordingHost } from './recording-host.ts';

/** A word that stands for another: NAME, SIZE, FILE. */
const STANDS_FOR = /^[A-Z]+$/;

/** Programs that documents may name: those that hosts and guests have. */
const OTHERS = new Set(
  `bash cat cd chmod cp code dmesg echo ethtool exit export fdisk gcc gdb git grep insmod ip ls make mkdir modprobe mount nc
  openssl display perf printf qemu-img qemu-system-x86_64 sh sleep socat ssh tar tail tshark udhcpc umount uname vncviewer xdg-open`.split(
    /\s+/,
  ),
);

type Check = (words: readonly string[], flags: Readonly<Record<string, unknown>>) => void;

/** What a command makes of its words, where that can be told without a machine. */
const VALUES: Readonly<Record<string, Check>> = {
  run: ([target, ...args], flags) => checkRun(target, args, flags as RunFlags),
  trace: (_, { filter, snaplen }) => {
    if (filter !== undefined) parseFilter(filter as string);
    parseSnapLength(snaplen as string | undefined);
  },
  replay: (_, { to, timeout }) => {
    if (to !== undefined) parsePoint(to as string);
    if (timeout !== undefined) parseDuration(timeout as string, '--timeout');
  },
  pull: ([name]) => void parseImageName(name!),
  memory: ([, size]) =>
    void (size === undefined || size === 'pressure' || STANDS_FOR.test(size) || parseSize(size, 'size')),
  mouse: ([, ...actions]) => void mouseActions(actions),
  'disk create': (_, { size }) => void (size === undefined || parseSize(size as string, '--size')),
  'disk attach': ([, file]) => void parseDiskFlag(file!),
  explain: ([code]) => {
    if (code !== undefined && !STANDS_FOR.test(code) && !(code in ERROR_PAGES))
      throw new Error(`${code} is no error's code`);
  },
};

/** What is wrong with the words after `ringlet`; `undefined` when that would run. */
export async function wrongWithRinglet(words: readonly string[]): Promise<string | undefined> {
  const program = createProgram(new RecordingHost(), () => undefined);
  let check: Promise<void> | undefined;
  eachCommand(program, (command) => {
    command.action((...given: unknown[]) => {
      check = (async () => VALUES[nameOf(command)]?.(command.args, given.at(-2) as Record<string, unknown>))();
    });
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    await check;
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    return (error as Error).message;
  }
}

/** Whether words only say which command is meant: `ringlet disk create`. */
export function isCommand(words: readonly string[]): boolean {
  let command: Command | undefined = createProgram(new RecordingHost(), () => undefined);
  for (const word of words) command = command?.commands.find((inner) => inner.name() === word);
  return command !== undefined;
}

/** What is wrong with a command of any program. */
export async function wrongWith(command: ShellCommand): Promise<string | undefined> {
  const [program = '', ...words] = command;
  if (program === 'npx' && words[0] !== undefined) return wrongWith(words);
  if (program === 'ringlet') return wrongWithRinglet(words);
  if (program === 'npm') return wrongWithNpm(words);
  if (program === 'vitest') return wrongWithVitest(words);
  if (program === 'node' || program === 'bash') return wrongWithFiles(words);
  return OTHERS.has(program) ? undefined : `no test knows the program ${program}`;
}

function wrongWithNpm([verb, script]: readonly string[]): string | undefined {
  if (verb === 'ci' || verb === 'install' || verb === 'pack') return undefined;
  const name = verb === 'run' ? script : verb;
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return name !== undefined && name in scripts ? undefined : `package.json has no script ${name}`;
}

/** A word that is no option chooses test files by a part of their path. */
function wrongWithVitest(words: readonly string[]): string | undefined {
  const chosen = words.filter(
    (word, index) => !word.startsWith('-') && word !== 'run' && words[index - 1] !== '--project',
  );
  const tests = readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.test.ts'),
  );
  const none = chosen.find((part) => !tests.some((path) => `packages/${path}`.includes(part)));
  return none === undefined ? undefined : `no test has ${none} in its path`;
}

function wrongWithFiles(words: readonly string[]): string | undefined {
  const file = words.find((word) => /^[\w.]\S*\/\S+$/.test(word));
  return file === undefined || existsSync(join(ROOT, file)) ? undefined : `there is no ${file}`;
}

/** As `ringlet run` does, but for what only the reader has: images, files and recordings of theirs. */
function checkRun(target: string | undefined, args: readonly string[], flags: RunFlags): void {
  if (target?.startsWith('examples/') === true && !existsSync(join(ROOT, target)))
    throw new Error(`there is no ${target}`);
  const { replay, keep: _, kernel, ...rest } = flags;
  if (replay !== undefined && target !== undefined) throw new Error('--replay says what the machine is made of');
  const image = target !== undefined && !/[./]/.test(target);
  if (image) parseImageName(target);
  const module = target !== undefined && /\.[cm]?[jt]s$/.test(target);
  if (!image && !module && target !== undefined && !/\.ya?ml$/.test(target)) throw new Error(`what is ${target}?`);
  const stand = module ? join(ROOT, 'examples/hello.ts') : undefined;
  const asKernel = module ? {} : { kernel: kernel ?? 'kernel' };
  machinesOf(stand, args, { ...rest, ...asKernel }, process.env);
  watchOf(rest);
}

function eachCommand(command: Command, look: (command: Command) => void): void {
  look(command);
  for (const inner of command.commands) eachCommand(inner, look);
}

/** `disk create`: without the program's own name. */
function nameOf(command: Command): string {
  const outer = command.parent;
  return outer?.parent ? `${nameOf(outer)} ${command.name()}` : command.name();
}
