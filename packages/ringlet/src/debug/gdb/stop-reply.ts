/** The packet that tells gdb why the machine stands still (GDB manual, appendix E.3). */
import { DEBUG_REGISTERS, type DebuggedPartition } from '@ringlet/x64';
import type { Stopped } from '../debug-control.ts';
import type { StopPoints } from '../stop-points.ts';
import { registerHex } from './target-description.ts';

/** What gdb calls SIGINT and SIGTRAP. */
const INTERRUPTED = '02';
const TRAPPED = '05';
/** Registers that gdb asks for at every stop: it is told at once. */
const EXPEDITED = ['rip', 'rsp', 'rbp'];

/** gdb's number of a processor, in hexadecimal digits: they count from 1. */
export const threadOf = (vp: number): string => (vp + 1).toString(16);

/** @param understands - what gdb said that it can read of it */
export function stopReply(
  { vps }: DebuggedPartition,
  { vp, reason, address }: Stopped,
  stopPoints: StopPoints,
  understands: ReadonlySet<string>,
): string {
  const signal = reason === 'held' ? INTERRUPTED : TRAPPED;
  const registers = EXPEDITED.map((name) => {
    const number = DEBUG_REGISTERS.findIndex((each) => each.name === name);
    const register = DEBUG_REGISTERS[number]!;
    return `${number.toString(16)}:${registerHex(register, vps[vp]!.register(register))};`;
  });
  return `T${signal}thread:${threadOf(vp)};${registers.join('')}${why()}`;

  function why(): string {
    if (reason === 'watchpoint') {
      const watched = stopPoints.watchpointAt(address);
      const kind = watched?.read === true ? (watched.write ? 'awatch' : 'rwatch') : 'watch';
      return `${kind}:${address.toString(16)};`;
    }
    if (reason !== 'breakpoint') return '';
    const kind = stopPoints.breakpointType(address) === '1' ? 'hwbreak' : 'swbreak';
    return understands.has(kind) ? `${kind}:;` : '';
  }
}
