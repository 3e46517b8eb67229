/** The commands of `ringlet replay`: words in, text out. */
import { UserError } from '@ringlet/wire';
import type { RegisterView } from '@ringlet/x64';
import { nearMiss } from '../configuration/near-miss.ts';
import { formatSize } from '../configuration/size.ts';
import { parsePoint } from './point.ts';
import type { ReplaySession, ReplayTravel } from './replay-session.ts';

/** What a command answers: plain data for programs, and the same for people. */
export interface PromptAnswer {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
}

const TICKS_PER_SECOND = 1e7;
const BYTES_A_LINE = 16;
const MOST_BYTES = 64 * 1024;
const USUAL_BYTES = 64;
const USUAL_LINES = 24;

interface PromptCommand {
  readonly form: string;
  readonly what: string;
  run(session: ReplaySession, words: readonly string[], travel: ReplayTravel): Promise<PromptAnswer> | PromptAnswer;
}

/** Every command, in the order of the help. */
const COMMANDS: Readonly<Record<string, PromptCommand>> = {
  to: {
    form: 'to POINT',
    what: 'goes to 1.5s, #1234 (a step), 1000000i (instructions), input 3, start or end',
    run: async (session, words, travel) => {
      await session.to(parsePoint(words.join(' ')), travel);
      return where(session);
    },
  },
  until: {
    form: 'until TEXT',
    what: 'goes on until the guest has printed it',
    run: async (session, words, travel) => {
      await session.until(textOf(words), travel);
      return where(session);
    },
  },
  last: {
    form: 'last TEXT',
    what: 'goes back to where the guest had just printed it',
    run: async (session, words, travel) => {
      await session.last(textOf(words), travel);
      return where(session);
    },
  },
  step: {
    form: 'step [N]',
    what: 'goes N steps on; 1 when left out',
    run: async (session, [count = '1'], travel) => {
      await session.to({ step: Math.min(session.position.step + whole(count), session.end.step) }, travel);
      return where(session);
    },
  },
  back: {
    form: 'back [N]',
    what: 'goes N steps back; 1 when left out',
    run: async (session, [count = '1'], travel) => {
      await session.to({ step: Math.max(0, session.position.step - whole(count)) }, travel);
      return where(session);
    },
  },
  where: { form: 'where', what: 'says where it stands', run: (session) => where(session) },
  regs: {
    form: 'regs [VP]',
    what: 'shows the registers of a processor; of the next to run when left out',
    run: (session, [vp]) => {
      const index = vp === undefined ? (session.next ?? 0) : whole(vp);
      const registers = shownRegisters(session.registers(index));
      const rows = registers.map(([name, value]) => `${name.padEnd(8)} 0x${value.padStart(16, '0')}`);
      const text = Array.from({ length: Math.ceil(rows.length / 3) }, (_, i) =>
        rows.slice(3 * i, 3 * i + 3).join('   '),
      );
      const instruction = session.instruction(index);
      return {
        data: {
          processor: index,
          instruction,
          registers: Object.fromEntries(registers.map(([name, value]) => [name, `0x${value}`])),
        },
        text: [`processor ${index}: ${instruction ?? 'code that is not there'}`, ...text].join('\n'),
      };
    },
  },
  mem: {
    form: 'mem ADDRESS [BYTES] [VP]',
    what: 'shows memory at a linear address of a processor; ADDRESS may be a register',
    run: (session, [address, bytes, vp]) => {
      const index = vp === undefined ? (session.next ?? 0) : whole(vp);
      const { rip, general } = session.registers(index);
      const register = ({ rip, ...general } as Readonly<Record<string, bigint>>)[address ?? ''];
      return memory(session, register ?? parseAddress(address), bytes, index);
    },
  },
  phys: {
    form: 'phys ADDRESS [BYTES]',
    what: 'shows memory at a guest-physical address',
    run: (session, [address, bytes]) => memory(session, parseAddress(address), bytes, undefined),
  },
  console: {
    form: 'console [LINES]',
    what: 'shows what was printed last',
    run: (session, [count = String(USUAL_LINES)]) => {
      const text = session.console.split('\n').slice(-whole(count)).join('\n');
      return { data: { console: text }, text };
    },
  },
  inputs: {
    form: 'inputs',
    what: 'lists what came in, and when',
    run: ({ inputs }) => {
      const listed = inputs.map(({ step, time, name }, i) => ({ input: i + 1, step, time, name }));
      const lines = listed.map(({ input, step, time, name }) => `${input}  #${step}  ${seconds(time)}  ${name}`);
      return { data: { inputs: listed }, text: lines.join('\n') || 'nothing came in' };
    },
  },
  checkpoints: {
    form: 'checkpoints',
    what: 'lists the points passed that can be come back to without starting over',
    run: ({ checkpoints, checkpointBytes: bytes, withoutCheckpoints: why }) => {
      const lines = checkpoints.map(({ step, time }) => `#${step}  ${seconds(time)}`);
      const none = why === undefined ? 'none so far' : `none, back is from the start: ${why}`;
      return {
        data: { checkpoints, bytes, ...(why !== undefined && { why }) },
        text: lines.length === 0 ? none : [...lines, `${formatSize(bytes)} of memory`].join('\n'),
      };
    },
  },
  inspect: {
    form: 'inspect [PATH]',
    what: 'looks inside, as ringlet inspect does',
    run: async (session, [path = '']) => {
      const found = await session.inspect(path);
      return { data: { path, found }, text: JSON.stringify(found, undefined, 2) };
    },
  },
  digest: {
    form: 'digest',
    what: 'shows the SHA-256 of memory and processors: two visits of one point have the same',
    run: (session) => {
      const digest = session.digest();
      return { data: { digest }, text: digest };
    },
  },
  help: {
    form: 'help',
    what: 'lists the commands',
    run: () => ({ data: { commands: Object.keys(COMMANDS) }, text: promptHelp() }),
  },
};

/** The commands, for people. */
function promptHelp(): string {
  const rows = Object.values(COMMANDS).map(({ form, what }) => `  ${form.padEnd(26)}${what}`);
  return [...rows, `  ${'quit'.padEnd(26)}leaves`].join('\n');
}

/** Runs one line. @returns `undefined` for an empty one. @throws UserError when it cannot be done */
export async function runPromptLine(
  session: ReplaySession,
  line: string,
  travel: ReplayTravel = {},
): Promise<PromptAnswer | undefined> {
  const [name, ...words] = line.trim().split(/\s+/);
  if (name === undefined || name === '') return undefined;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command.run(session, words, travel);
  const meant = nearMiss(name, [...Object.keys(COMMANDS), 'quit']);
  throw new UserError('usage', `there is no command ${name}`, {
    hint: meant === undefined ? 'help lists them' : `did you mean ${meant}?`,
  });
}

/** Where it stands: `1.234567 s  step 1234  56789 instructions  processor 0 next`. */
export function where(session: ReplaySession): PromptAnswer {
  const { next, position, processors } = session;
  const who = next === undefined ? 'devices next' : `processor ${next} next at 0x${hex(session.registers(next).rip)}`;
  const parts = [seconds(position.time), `step ${position.step}`];
  if (processors > 0) parts.push(`${position.instructions} instructions`, who);
  return { data: { ...position, ...(next === undefined ? {} : { next }) }, text: parts.join('  ') };
}

function shownRegisters(view: RegisterView): [name: string, value: string][] {
  const { rip, rflags, general, segments, cr0, cr2, cr3, cr4, cr8, efer } = view;
  const selectors = Object.entries(segments).map(([name, { selector }]) => [name, BigInt(selector)] as const);
  const bases = { fs_base: segments.fs.base, gs_base: segments.gs.base };
  const all = [
    ...Object.entries({ rip, rflags: BigInt(rflags), ...general }),
    ...selectors,
    ...Object.entries({ ...bases, cr0, cr2, cr3, cr4, cr8, efer }),
  ];
  return all.map(([name, value]) => [name, hex(value)]);
}

function memory(session: ReplaySession, at: bigint, bytes: string | undefined, vp: number | undefined): PromptAnswer {
  const length = bytes === undefined ? USUAL_BYTES : whole(bytes);
  if (length > MOST_BYTES) throw wrong(bytes!, `at most ${MOST_BYTES} bytes are shown at once`);
  const read = session.readMemory(at, length, vp);
  const lines: string[] = [];
  for (let i = 0; i < length; i += BYTES_A_LINE) {
    const row = [...read.subarray(i, i + BYTES_A_LINE)];
    const shown = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`0x${hex(at + BigInt(i)).padStart(16, '0')}  ${shown.padEnd(3 * BYTES_A_LINE - 1)}  ${text}`);
  }
  return { data: { address: `0x${hex(at)}`, bytes: Buffer.from(read).toString('hex') }, text: lines.join('\n') };
}

function parseAddress(word: string | undefined): bigint {
  if (word === undefined || !/^(0x)?[0-9a-f]{1,16}$/i.test(word)) {
    throw wrong(word ?? '', 'an address is hexadecimal, such as 0xffffffff81000000, or a register');
  }
  return BigInt(`0x${word.replace(/^0x/i, '')}`);
}

/** Words of a line, without the quotes around them. */
function textOf(words: readonly string[]): string {
  const text = words.join(' ').replace(/^(["'])(.*)\1$/, '$2');
  if (text === '') throw wrong('', 'it is to be a text');
  return text;
}

function whole(word: string): number {
  if (/^\d{1,15}$/.test(word)) return Number(word);
  throw wrong(word, 'it is to be a whole number');
}

const wrong = (word: string, why: string): UserError =>
  new UserError('usage', `"${word}": ${why}`, { hint: 'help lists the commands' });
const hex = (value: bigint): string => BigInt.asUintN(64, value).toString(16);
const seconds = (ticks: number): string => `${(ticks / TICKS_PER_SECOND).toFixed(7)} s`;
