/**
 * One gdb: its packets, and our answers (GDB manual, appendix E). All-stop: gdb sees every processor as a thread, and while one
 * of them is looked at all stand still.
 *
 * What gdb sends may be anything: a packet that makes no sense gets an error, one that is not known here an empty answer.
 */
import { DEBUG_REGISTERS, type DebugCommand, type DebuggedPartition, MOST_STOPS, registerBytes } from '@ringlet/x64';
import type { DebugControl, Stopped } from '../debug-control.ts';
import type { DebugTarget } from '../debug-target.ts';
import { runMonitorCommand } from '../monitor.ts';
import { bytesOf, hexOf, LONGEST_PACKET, numberOf } from './packets.ts';
import { registerHex, registerValue, targetDescription } from './target-description.ts';
import { stopReply, threadOf } from './stop-reply.ts';
import { explain } from '../explain-stop.ts';

/** Answers: done, a packet without sense, nothing there, too many. */
const OK = 'OK';
const MALFORMED = 'E16';
const NO_MEMORY = 'E0e';
const TOO_MANY = 'E1c';
const READ_ONLY = 'E1e';
const NOT_KNOWN = '';

/** The most that one packet can ask of memory: two digits a byte. */
const MOST_MEMORY = (LONGEST_PACKET - 16) / 2;
/** Bytes that one watchpoint can cover. */
const MOST_WATCHED = 4096;

/** For people. */
const UNCHANGED = 'a run that is recorded or replayed cannot be changed';

/** How a session ends. */
export type SessionEnd = 'detached' | 'killed';

/** What a session has of its line. */
export interface SessionLine {
  /** Sends a packet. */
  send(data: string): void;
  /** From now on packets are not acknowledged. */
  stopAcknowledging(): void;
  /** Nothing more is to be said. */
  end(how: SessionEnd): void;
}

/** Answers one gdb. */
export class GdbSession {
  readonly #target: DebugTarget;
  readonly #control: DebugControl;
  readonly #line: SessionLine;
  readonly #partition: DebuggedPartition;
  /** What gdb understands of stop replies: `swbreak`, `hwbreak`. */
  #understands: ReadonlySet<string> = new Set();
  /** The processors that registers and memory, and `c` and `s`, are of. */
  #general = 0;
  #stepping: number | undefined;
  #last: Stopped = { vp: 0, reason: 'held', address: 0n };
  #running = false;

  constructor(target: DebugTarget, control: DebugControl, line: SessionLine) {
    this.#target = target;
    this.#control = control;
    this.#line = line;
    this.#partition = target.partition;
  }

  /** Ctrl-C. */
  interrupt(): void {
    if (this.#running) this.#control.interrupt();
  }

  /** Answers a packet, or begins what answers it later. Never rejects. */
  async packet(data: string): Promise<void> {
    try {
      const answer = await this.#answer(data);
      if (answer !== undefined) this.#line.send(answer);
    } catch {
      this.#line.send(MALFORMED);
    }
  }

  /** @returns `undefined`: there is no answer, or it comes later */
  #answer(data: string): string | undefined | Promise<string | undefined> {
    if (this.#running && data !== 'k' && !data.startsWith('vKill')) return MALFORMED;
    const rest = data.slice(1);
    switch (data[0]) {
      case '?':
        return this.#stopReply(this.#last);
      case 'g':
        return DEBUG_REGISTERS.map((_, number) => this.#register(number)).join('');
      case 'G':
        return this.#setRegisters(rest);
      case 'p':
        return this.#readRegister(rest);
      case 'P':
        return this.#writeRegister(rest);
      case 'm':
        return this.#readMemory(rest);
      case 'M':
        return this.#writeMemory(rest);
      case 'X':
        return this.#writeBinary(rest);
      case 'c':
      case 'C':
      case 's':
      case 'S':
        return this.#resumeOld(data);
      case 'H':
        return this.#selectThread(rest);
      case 'T':
        return this.#vpOf(rest) === undefined ? MALFORMED : OK;
      case 'Z':
      case 'z':
        return this.#stopPoint(data);
      case 'D':
        this.#line.send(OK);
        return this.#end('detached');
      case 'k':
        return this.#end('killed');
      case 'v':
        return this.#verbose(data);
      case 'q':
      case 'Q':
        return this.#query(data);
      default:
        return NOT_KNOWN;
    }
  }

  #end(how: SessionEnd): undefined {
    this.#line.end(how);
  }

  // Registers and memory.

  #register(number: number): string {
    const register = DEBUG_REGISTERS[number]!;
    return registerHex(register, this.#partition.vps[this.#general]!.register(register));
  }

  #readRegister(text: string): string {
    const number = numberOf(text);
    return number === undefined || number >= DEBUG_REGISTERS.length ? MALFORMED : this.#register(Number(number));
  }

  #writeRegister(text: string): string {
    const [, digits, hex] = /^([0-9a-f]+)=([0-9a-f]*)$/i.exec(text) ?? [];
    const number = numberOf(digits);
    const register = number === undefined ? undefined : DEBUG_REGISTERS[Number(number)];
    const bytes = hex === undefined ? undefined : bytesOf(hex);
    if (register === undefined || bytes?.length !== registerBytes(register)) return MALFORMED;
    return this.#partition.vps[this.#general]!.setRegister(register, registerValue(bytes))
      ? OK
      : this.#refusal(MALFORMED);
  }

  #setRegisters(hex: string): string {
    const bytes = bytesOf(hex);
    const size = DEBUG_REGISTERS.reduce((sum, register) => sum + registerBytes(register), 0);
    if (bytes?.length !== size) return MALFORMED;
    const vp = this.#partition.vps[this.#general]!;
    let at = 0;
    let all = true;
    for (const register of DEBUG_REGISTERS) {
      const end = at + registerBytes(register);
      const value = registerValue(bytes.subarray(at, end));
      if (vp.register(register) !== value) all = vp.setRegister(register, value) && all;
      at = end;
    }
    return all ? OK : this.#refusal(MALFORMED);
  }

  #readMemory(text: string): string {
    const range = rangeOf(text);
    if (range === undefined) return MALFORMED;
    if (range.length === 0) return '';
    const bytes = this.#partition.read(this.#general, range.address, Math.min(range.length, MOST_MEMORY));
    return bytes.length === 0 ? NO_MEMORY : hexOf(bytes);
  }

  #writeMemory(text: string): string {
    const colon = text.indexOf(':');
    const range = rangeOf(text.slice(0, colon));
    const bytes = bytesOf(text.slice(colon + 1));
    if (colon < 0 || range === undefined || bytes?.length !== range.length) return MALFORMED;
    return this.#partition.write(this.#general, range.address, bytes) ? OK : this.#refusal(NO_MEMORY);
  }

  #writeBinary(text: string): string {
    const colon = text.indexOf(':');
    const range = rangeOf(text.slice(0, colon));
    const bytes = Uint8Array.from(Buffer.from(text.slice(colon + 1), 'latin1'));
    if (colon < 0 || range === undefined || bytes.length !== range.length) return MALFORMED;
    return this.#partition.write(this.#general, range.address, bytes) ? OK : this.#refusal(NO_MEMORY);
  }

  /** Why something was not written: `otherwise`, where it could be. */
  #refusal(otherwise: string): string {
    if (!this.#partition.exact) return otherwise;
    return this.#understands.has('error-message') ? `E.${UNCHANGED}` : READ_ONLY;
  }

  // Running.

  #resumeOld(data: string): string | undefined {
    const step = /^s/i.test(data);
    const [, address] = /^(?:[cs]|[CS][0-9a-f]{2};?)([0-9a-f]*)$/.exec(data) ?? [];
    if (address === undefined) return MALFORMED;
    const vp = this.#stepping ?? this.#general;
    if (!step) return this.#resume(() => 'run');
    return this.#resume((each) => (each === vp ? 'step' : this.#stepping === undefined ? 'run' : 'hold'));
  }

  /** `vCont;action:thread;action…`: the leftmost action that is for a thread is its. */
  #continue(text: string): string | undefined {
    const commands = new Map<number, DebugCommand>();
    for (const part of text.split(';')) {
      const [, action, thread] = /^([cs]|[CS][0-9a-f]{2})(?::(-1|[0-9a-f]+))?$/.exec(part) ?? [];
      if (action === undefined) return MALFORMED;
      const command = /^s/i.test(action) ? 'step' : 'run';
      const only = thread === undefined || thread === '-1' ? undefined : this.#vpOf(thread);
      if (thread !== undefined && thread !== '-1' && only === undefined) return MALFORMED;
      for (const vp of only === undefined ? this.#partition.vps.keys() : [only]) {
        if (!commands.has(vp)) commands.set(vp, command);
      }
    }
    return this.#resume((vp) => commands.get(vp) ?? 'hold');
  }

  #resume(commandOf: (vp: number) => DebugCommand): undefined {
    this.#running = true;
    void this.#control.resume(commandOf).then((stopped) => {
      this.#running = false;
      this.#last = stopped;
      this.#general = stopped.vp;
      const text = explain(this.#target, stopped);
      if (text !== undefined) this.#line.send(`O${hexOf(Buffer.from(text))}`);
      this.#line.send(this.#stopReply(stopped));
    });
  }

  #stopReply(stopped: Stopped): string {
    return stopReply(this.#partition, stopped, this.#control.stopPoints, this.#understands);
  }

  // Threads.

  #vpOf(thread: string): number | undefined {
    const number = numberOf(thread);
    return number !== undefined && number >= 1n && number <= this.#partition.vps.length
      ? Number(number) - 1
      : undefined;
  }

  #selectThread(text: string): string {
    const any = text.slice(1) === '0' || text.slice(1) === '-1';
    const vp = any ? undefined : this.#vpOf(text.slice(1));
    if (!any && vp === undefined) return MALFORMED;
    if (text[0] === 'c') this.#stepping = vp;
    else if (text[0] === 'g') this.#general = vp ?? (text.slice(1) === '0' ? this.#general : this.#control.current);
    else return MALFORMED;
    return OK;
  }

  // Breakpoints and watchpoints.

  #stopPoint(data: string): string {
    const [, letter, type, address, kind] =
      /^([Zz])([0-4]),([0-9a-f]{1,16}),([0-9a-f]{1,8})(?:;.*)?$/i.exec(data) ?? [];
    if (letter === undefined) return /^[Zz][5-9]/.test(data) ? NOT_KNOWN : MALFORMED;
    const at = BigInt(`0x${address!}`);
    const { stopPoints } = this.#control;
    const add = letter === 'Z';
    if (type === '0' || type === '1') {
      if (!add) stopPoints.removeBreakpoint(at, type);
      else if (stopPoints.breakpointCount >= MOST_STOPS.breakpoints) return TOO_MANY;
      else stopPoints.addBreakpoint(at, type);
      return OK;
    }
    const length = Number.parseInt(kind!, 16);
    if (length < 1 || length > MOST_WATCHED) return TOO_MANY;
    const watchpoint = { address: at, length, write: type !== '3', read: type !== '2' };
    if (!add) stopPoints.removeWatchpoint(watchpoint);
    else if (stopPoints.watchpointCount >= MOST_STOPS.watchpoints) return TOO_MANY;
    else stopPoints.addWatchpoint(watchpoint);
    return OK;
  }

  // Everything else.

  #verbose(data: string): string | undefined {
    if (data === 'vCont?') return 'vCont;c;C;s;S';
    if (data.startsWith('vCont;')) return this.#continue(data.slice('vCont;'.length));
    if (data.startsWith('vKill')) {
      this.#line.send(OK);
      return this.#end('killed');
    }
    return NOT_KNOWN;
  }

  #query(data: string): string | undefined | Promise<string | undefined> {
    const { vps } = this.#partition;
    if (data.startsWith('qSupported')) {
      const words = data.slice('qSupported:'.length).split(';');
      this.#understands = new Set(words.filter((word) => word.endsWith('+')).map((word) => word.slice(0, -1)));
      return `PacketSize=${LONGEST_PACKET.toString(16)};${FEATURES}`;
    }
    if (data === 'QStartNoAckMode') {
      this.#line.send(OK);
      this.#line.stopAcknowledging();
      return undefined;
    }
    if (data === 'qAttached' || data.startsWith('qAttached:')) return '1';
    if (data === 'qC') return `QC${threadOf(this.#general)}`;
    if (data === 'qfThreadInfo') return `m${vps.map((_, vp) => threadOf(vp)).join(',')}`;
    if (data === 'qsThreadInfo') return 'l';
    if (data.startsWith('qThreadExtraInfo,')) {
      const vp = this.#vpOf(data.slice('qThreadExtraInfo,'.length));
      return vp === undefined ? MALFORMED : hexOf(Buffer.from(describeVp(this.#partition, vp)));
    }
    if (data.startsWith('qXfer:features:read:target.xml:')) return pieceOf(targetDescription(), data);
    if (data.startsWith('qXfer:threads:read::')) return pieceOf(threadList(this.#partition), data);
    if (data.startsWith('qXfer:features:read:')) return 'E00';
    if (data.startsWith('qRcmd,')) return this.#monitor(data.slice('qRcmd,'.length));
    if (data.startsWith('qSymbol:')) return OK;
    return NOT_KNOWN;
  }

  async #monitor(hex: string): Promise<string> {
    const bytes = bytesOf(hex);
    if (bytes === undefined) return MALFORMED;
    const output = await runMonitorCommand(Buffer.from(bytes).toString('utf8'), {
      target: this.#target,
      control: this.#control,
      vp: this.#general,
    });
    for (let at = 0; at < output.length; at += MOST_MEMORY / 4) {
      this.#line.send(`O${hexOf(Buffer.from(output.slice(at, at + MOST_MEMORY / 4)))}`);
    }
    return OK;
  }
}

const FEATURES = [
  'qXfer:features:read+',
  'qXfer:threads:read+',
  'vContSupported+',
  'QStartNoAckMode+',
  'swbreak+',
  'hwbreak+',
].join(';');

/** `address,length` in hexadecimal digits. */
function rangeOf(text: string): { address: bigint; length: number } | undefined {
  const [address, length, ...more] = text.split(',').map(numberOf);
  if (address === undefined || length === undefined || more.length > 0 || length > 0xffff_ffffn) return undefined;
  return { address, length: Number(length) };
}

/** The part of a document that `…:offset,length` asks for. */
function pieceOf(document: string, data: string): string {
  const range = rangeOf(data.slice(data.lastIndexOf(':') + 1));
  if (range === undefined) return MALFORMED;
  const at = Number(range.address < 1_000_000n ? range.address : 1_000_000n);
  const piece = document.slice(at, at + Math.min(range.length, MOST_MEMORY));
  return `${at + piece.length >= document.length ? 'l' : 'm'}${piece}`;
}

/** What a processor does, in words. */
function describeVp({ vps }: DebuggedPartition, vp: number): string {
  const { privilege, halted } = vps[vp]!;
  const where = privilege === 3 ? 'user mode' : privilege === 0 ? 'kernel' : `ring ${privilege}`;
  return halted ? 'waits in HLT' : where;
}

function threadList(partition: DebuggedPartition): string {
  const rows = partition.vps.map(
    (_, vp) => `<thread id="${threadOf(vp)}" core="${vp}" name="VP ${vp}">${describeVp(partition, vp)}</thread>`,
  );
  return `<?xml version="1.0"?><threads>${rows.join('')}</threads>`;
}
