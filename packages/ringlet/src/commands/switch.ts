/** `ringlet switch`: a switch in a process of its own, which no machine's end takes along. */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { askSwitch, type ForwardDescription, HOST_CLOCK, openNetwork, SwitchServer } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { NAME_PATTERN } from '../configuration/machine-schema.ts';
import { parseForward } from '../configuration/forward-flag.ts';
import { probe, withLock } from '../control/stale.ts';
import { switchSocket } from '../control/switch-socket.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** The flags as commander gives them. */
export interface SwitchFlags {
  readonly nat?: boolean;
  readonly subnet?: string;
  readonly forward?: readonly string[];
  readonly mirror?: string;
  readonly whileUsed?: boolean;
  readonly status?: boolean;
  readonly json?: boolean;
}

/** With `--while-used`: how long it waits for the first machine, and for another after the last. */
const FIRST_MS = 20_000;
const LINGER_MS = 3_000;

/** Runs the command. */
export async function runSwitch(name: string, flags: SwitchFlags, host: CommandHost): Promise<ExitCode> {
  if (!NAME_PATTERN.test(name)) {
    throw new UserError('switch-name-invalid', `a switch cannot be called "${name}"`, {
      hint: 'letters, digits, ".", "_" and "-", at most 63, beginning with a letter or digit',
    });
  }
  const path = switchSocket(name, host.environment);
  if (flags.status === true) return status(name, path, flags, host);
  const forwards = (flags.forward ?? []).map(readForward);
  if (flags.nat !== true && (forwards.length > 0 || flags.subnet !== undefined)) {
    throw new UserError('flag-conflict', '--forward and --subnet are for a switch with a way out', {
      hint: 'add --nat',
    });
  }
  const usage = new Usage();
  const server = new SwitchServer({
    clock: HOST_CLOCK,
    path,
    ...(flags.mirror !== undefined && { mirror: flags.mirror }),
    changed: (ports) => usage.changed(ports),
  });
  const signalled = new Promise<ExitCode>((resolve) => {
    host.onSignal((signal) => resolve(signal === 'SIGINT' ? ExitCode.Success : ExitCode.Terminated));
  });
  const uplink = flags.nat === true ? openNetwork({ kind: 'nat', forwards, ...subnetOf(flags) }) : undefined;
  if (uplink) server.plug('nat', uplink.port);
  try {
    await uplink?.ready;
    if (!(await claim(server, name, path, flags.whileUsed === true))) return ExitCode.Success;
    if (flags.json === true) host.out(`${JSON.stringify({ type: 'listening', name, path })}\n`);
    else host.err(`${name} · a switch · ringlet run GUEST --net switch=${name} plugs a machine in · Ctrl-C ends it\n`);
    return await (flags.whileUsed === true ? Promise.race([signalled, usage.ended()]) : signalled);
  } finally {
    usage.stop();
    await server.close();
  }
}

/** Binds the socket; one left behind by a switch that died is taken over. @returns false when another one serves */
function claim(server: SwitchServer, name: string, path: string, content: boolean): Promise<boolean> {
  return withLock(dirname(path), async () => {
    const found = await probe(path);
    if (found === 'refused') rmSync(path, { force: true });
    if (found === 'alive') {
      if (content) return false;
      throw new UserError('switch-taken', `a switch called "${name}" is running already`, {
        hint: `ringlet switch ${name} --status says how it is; or choose another name`,
      });
    }
    await server.listen();
    return true;
  });
}

async function status(name: string, path: string, flags: SwitchFlags, host: CommandHost): Promise<ExitCode> {
  if ((await probe(path)) !== 'alive') {
    throw new UserError('no-such-switch', `no switch called "${name}" is running`, {
      hint: `ringlet switch ${name} starts one`,
    });
  }
  const said = await askSwitch(path);
  host.out(flags.json === true ? `${JSON.stringify(said)}\n` : describe(said));
  return ExitCode.Success;
}

/** What a switch says, for people. */
function describe(said: Record<string, unknown>): string {
  const { ports, addresses } = said as {
    ports: { name: string; vlan: number; isolated: boolean; framesIn: number; framesOut: number; dropped: number }[];
    addresses: { vlan: number; mac: string; port: string }[];
  };
  const lines = ports.map(({ name, vlan, isolated, framesIn, framesOut, dropped }) => {
    const macs = addresses.filter(({ port }) => port === name).map(({ mac }) => mac);
    const words = [`VLAN ${vlan}`, ...(isolated ? ['isolated'] : []), `${framesIn} in`, `${framesOut} out`];
    if (dropped > 0) words.push(`${dropped} dropped`);
    return `${name.padEnd(16)}  ${words.join(', ')}  ${macs.slice(0, 4).join(' ')}`.trimEnd();
  });
  return `${lines.length === 0 ? 'nothing is plugged in' : lines.join('\n')}\n`;
}

function readForward(rule: string): ForwardDescription {
  const forward = parseForward(rule);
  if (typeof forward !== 'string') return forward;
  throw new UserError('network-invalid', `--forward ${rule}: ${forward}`, {
    hint: 'write --forward 2222:22: the port of this host, then the port of the guest',
  });
}

const subnetOf = ({ subnet }: SwitchFlags) => (subnet === undefined ? {} : { subnet });

/** Whether a switch is still wanted. */
class Usage {
  #timer: NodeJS.Timeout | undefined;
  #end: (() => void) | undefined;

  /** Settles when nobody has come, or everybody has left. */
  ended(): Promise<ExitCode> {
    return new Promise((resolve) => {
      this.#end = () => resolve(ExitCode.Success);
      this.#wait(FIRST_MS);
    });
  }

  changed(ports: number): void {
    clearTimeout(this.#timer);
    if (ports === 0) this.#wait(LINGER_MS);
  }

  #wait(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end?.(), milliseconds);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
