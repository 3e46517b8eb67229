/** What is said of a stop that gdb has no words for: at a hypercall, an MSR, a packet. */
import type { Stopped } from './debug-control.ts';
import type { DebugTarget } from './debug-target.ts';
import { hypercallName, msrName } from './specified-names.ts';

const LOW = 0xffff_ffffn;

/** @returns a line, or `undefined` where gdb says what there is to say */
export function explain({ partition }: DebugTarget, { vp, reason, address, packet }: Stopped): string | undefined {
  const register = (name: string): bigint => partition.vps[vp]!.named(name) ?? 0n;
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  switch (reason) {
    case 'hypercall':
      return (
        `VP ${vp} is about to make hypercall ${hypercallName(Number(address))}: ` +
        `rcx ${hex(register('rcx'))}, rdx ${hex(register('rdx'))}, r8 ${hex(register('r8'))}\n`
      );
    case 'read-msr':
      return `VP ${vp} is about to read ${msrName(Number(address))}\n`;
    case 'write-msr': {
      const value = (register('rax') & LOW) | ((register('rdx') & LOW) << 32n);
      return `VP ${vp} is about to write ${hex(value)} to ${msrName(Number(address))}\n`;
    }
    case 'packet': {
      if (packet === undefined) return undefined;
      const { device, channel, length, head } = packet;
      const bytes = Buffer.from(head)
        .toString('hex')
        .replaceAll(/(..)(?=.)/g, '$1 ');
      return `${device} is about to get a packet of ${length} bytes on channel ${channel}: ${bytes}${head.length < length ? ' …' : ''}\n`;
    }
    default:
      return undefined;
  }
}
