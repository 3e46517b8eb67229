/** The commands behind gdb's `monitor`: what gdb itself knows nothing of. */
import { stringify } from 'yaml';
import { MOST_STOPS } from '@ringlet/x64';
import { UserError } from '@ringlet/wire';
import type { DebugControl } from './debug-control.ts';
import type { DebugTarget } from './debug-target.ts';
import { hypercallFrom, hypercallName, msrFrom, msrName, numberFrom } from './specified-names.ts';
import type { MonitorBreakKind } from './stop-points.ts';

/** What the commands are about. */
export interface MonitorContext {
  readonly target: DebugTarget;
  readonly control: DebugControl;
  /** The processor that gdb looks at. */
  readonly vp: number;
}

/** One command: its words, what it does, and its answer in lines. */
interface MonitorCommand {
  readonly usage: string;
  readonly what: string;
  run(words: readonly string[], context: MonitorContext): string | Promise<string>;
}

/** A word that makes no sense, or is missing: said to the user. */
class Refusal extends Error {}

/** Breaks of the monitor's at a time. */
const MOST_MONITOR_BREAKS = 64;
/** Bytes that `monitor physical` shows at a time. */
const MOST_DUMPED = 4096;
const USUAL_DUMP = 64;
const BYTES_A_LINE = 16;

const COMMANDS: Readonly<Record<string, MonitorCommand>> = {
  help: {
    usage: 'help',
    what: 'print this',
    run: () => {
      const width = Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length)) + 2;
      return Object.values(COMMANDS)
        .map(({ usage, what }) => `${usage.padEnd(width)}${what}\n`)
        .join('');
    },
  },
  info: {
    usage: 'info',
    what: 'what each processor does',
    run: (_, { target, vp }) =>
      target.partition.vps.map((_, index) => describeVp(target, index, index === vp)).join(''),
  },
  inspect: {
    usage: 'inspect [PATH]',
    what: 'a part of the machine, as ringlet inspect shows it: inspect vmbus',
    run: async ([path = ''], { target }) => stringify(await target.inspect(path), { lineWidth: 0 }),
  },
  break: {
    usage: 'break hypercall NAME|CODE, break msr NAME|NUMBER [read|write], break packet DEVICE',
    what: 'stop there',
    run: addBreak,
  },
  list: {
    usage: 'list',
    what: 'the breaks of this monitor',
    run: (_, { control }) => {
      const { monitorBreaks } = control.stopPoints;
      if (monitorBreaks.length === 0) return 'there are none\n';
      return monitorBreaks.map(({ number, text }) => `${number}  ${text}\n`).join('');
    },
  },
  delete: {
    usage: 'delete [NUMBER]',
    what: 'forget one of them, or all',
    run: deleteBreaks,
  },
  physical: {
    usage: 'physical ADDRESS [BYTES]',
    what: 'guest-physical memory',
    run: ([address, length], { target }) => dump(target, addressFrom(address), lengthFrom(length)),
  },
  translate: {
    usage: 'translate ADDRESS',
    what: 'the guest-physical address of a linear one, for the processor that gdb looks at',
    run([address], { target, vp }) {
      const linear = addressFrom(address);
      const physical = target.partition.vps[vp]!.translation.physical(linear);
      return physical === undefined ? `0x${linear.toString(16)} is not mapped\n` : `0x${physical.toString(16)}\n`;
    },
  },
};

/** Runs a command. Never rejects. @returns what to print */
export async function runMonitorCommand(line: string, context: MonitorContext): Promise<string> {
  const [name = 'help', ...words] = line.trim().split(/\s+/).filter(Boolean);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return `there is no command "${name.slice(0, 40)}"; monitor help lists them\n`;
  try {
    return await command.run(words, context);
  } catch (error) {
    if (error instanceof Refusal) return `${error.message}\n    monitor ${command.usage}\n`;
    if (error instanceof UserError) return `${error.message}${error.hint === undefined ? '' : `\n    ${error.hint}`}\n`;
    return `that failed: ${error instanceof Error ? error.message : String(error)}\n`;
  }
}

async function addBreak([what, name, ...access]: readonly string[], context: MonitorContext): Promise<string> {
  const { stopPoints } = context.control;
  if (stopPoints.monitorBreaks.length >= MOST_MONITOR_BREAKS) throw new Refusal('there are too many: delete some');
  if (name === undefined) throw new Refusal('break at what?');
  if (what === 'packet' && context.target.partition.exact) {
    throw new Refusal(
      'a packet that is held back comes later, which a run that is recorded or replayed must not notice',
    );
  }
  const [kind, text] = await breakOf(what, name, access, context);
  const most = kind.kind === 'hypercall' ? MOST_STOPS.hypercalls : MOST_STOPS.msrs;
  if (stopPoints.monitorBreaks.filter((each) => each.kind === kind.kind).length >= most) {
    throw new Refusal(`there are ${most} of that kind: delete some`);
  }
  const { number } = stopPoints.addMonitorBreak(kind, text);
  if (kind.kind === 'packet') await context.control.tellDevices();
  return `${number}  ${text}\n`;
}

async function breakOf(
  what: string | undefined,
  name: string,
  access: readonly string[],
  { target, control }: MonitorContext,
): Promise<[MonitorBreakKind, string]> {
  switch (what) {
    case 'hypercall': {
      const code = hypercallFrom(name);
      if (code === undefined) throw new Refusal(`there is no hypercall "${name}"`);
      return [{ kind: 'hypercall', code }, `hypercall ${hypercallName(code)}`];
    }
    case 'msr': {
      const index = msrFrom(name);
      if (index === undefined) throw new Refusal(`there is no MSR "${name}"; a number does, too`);
      const [how = 'both'] = access;
      if (!['read', 'write', 'both'].includes(how)) throw new Refusal(`"${how}" is neither read nor write`);
      const text = how === 'both' ? 'read or written' : how === 'read' ? 'read' : 'written';
      return [{ kind: 'msr', index, read: how !== 'write', write: how !== 'read' }, `${msrName(index)} is ${text}`];
    }
    case 'packet': {
      const devices = await target.holdPackets(control.stopPoints.forDevices);
      if (!devices.includes(name)) {
        throw new Refusal(`there is no device "${name}"; there are ${[...new Set(devices)].join(', ')}`);
      }
      return [{ kind: 'packet', device: name }, `packet for ${name}`];
    }
    default:
      throw new Refusal(`"${what ?? ''}" is nothing to break at`);
  }
}

async function deleteBreaks([word]: readonly string[], { control }: MonitorContext): Promise<string> {
  const { stopPoints } = control;
  if (word === undefined) stopPoints.clearMonitorBreaks();
  else if (!stopPoints.removeMonitorBreak(numberFrom(word) ?? -1)) throw new Refusal(`there is no break ${word}`);
  await control.tellDevices();
  return '';
}

function describeVp({ partition }: DebugTarget, index: number, current: boolean): string {
  const vp = partition.vps[index]!;
  const at = (name: string): string => `${name} 0x${(vp.named(name) ?? 0n).toString(16)}`;
  const doing = vp.halted ? 'waits in HLT' : vp.privilege === 3 ? 'user mode' : 'kernel';
  return `${current ? '*' : ' '} VP ${index}  ${doing}  ${at('rip')}  ${at('rsp')}  ${at('cr3')}\n`;
}

function addressFrom(word: string | undefined): bigint {
  if (word === undefined || !/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(word))
    throw new Refusal('an address is needed: 0x1000');
  return BigInt.asUintN(64, BigInt(word));
}

function lengthFrom(word: string | undefined): number {
  const length = word === undefined ? USUAL_DUMP : numberFrom(word);
  if (length === undefined || length < 1 || length > MOST_DUMPED)
    throw new Refusal(`a number from 1 to ${MOST_DUMPED}`);
  return length;
}

function dump({ partition }: DebugTarget, address: bigint, length: number): string {
  const bytes = partition.readPhysical(address, length);
  let text = '';
  for (let at = 0; at < bytes.length; at += BYTES_A_LINE) {
    const line = [...bytes.subarray(at, at + BYTES_A_LINE)];
    const hex = line.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const printed = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    text += `${(address + BigInt(at)).toString(16).padStart(12, '0')}  ${hex.padEnd(3 * BYTES_A_LINE)} ${printed}\n`;
  }
  return bytes.length < length
    ? `${text}there is no memory at 0x${(address + BigInt(bytes.length)).toString(16)}\n`
    : text;
}
