/** MSR tables: each register is one row, and everything else is derived from the rows. */
import { hasPrivilege, type Privilege } from '../partition/privileges.ts';
import { FIRST_MSR_COUNTER } from '../state/layout.ts';
import type { VpContext } from '../vp/context.ts';

/** What an access that the guest may not make yields. The processor injects #GP(0). */
export const GP: unique symbol = Symbol('#GP(0)');
export type GP = typeof GP;

/** One register. */
export interface Msr {
  /** The specification's name. */
  readonly name: string;
  /** What a partition needs to touch the register at all. */
  readonly privilege: Privilege | undefined;
  /** Absent for a write-only register. */
  readonly read?: (vp: VpContext) => bigint | GP;
  /** Absent for a read-only register. */
  readonly write?: (vp: VpContext, value: bigint) => void | GP;
  /** Bits that must be written as zero. */
  readonly reserved?: bigint;
  /** A value that can be written to a VP fresh from reset, and reads back the same. */
  readonly sample?: bigint;
}

/** A register, and its place among the counters of each VP: see `vp/intercepts.ts`. */
type CountedMsr = Msr & { readonly counter: number };

/** Registers by index. */
export type MsrTable = ReadonlyMap<number, CountedMsr>;

const ALL = 0xffff_ffff_ffff_ffffn;

/** All bits but those given: what a register that has only these reserves. */
export const allBut = (bits: bigint): bigint => ALL & ~bits;

/** `count` registers in a row, each made from its position. */
export const bank = (first: number, count: number, row: (n: number) => Msr): [number, Msr][] =>
  Array.from({ length: count }, (_, n) => [first + n, row(n)]);

/** Reads a register as the guest of `vp`. Unlisted, unprivileged or write-only: GP. */
export function readRegister(table: MsrTable, vp: VpContext, index: number): bigint | GP {
  const msr = table.get(index);
  if (msr?.read === undefined || !permitted(vp, msr)) return GP;
  countAccess(vp, FIRST_MSR_COUNTER + 2 * msr.counter);
  return msr.read(vp);
}

/** Writes a register as the guest of `vp`. Unlisted, unprivileged, read-only or a reserved bit set: GP. */
export function writeRegister(table: MsrTable, vp: VpContext, index: number, value: bigint): void | GP {
  const msr = table.get(index);
  if (msr?.write === undefined || !permitted(vp, msr)) return GP;
  countAccess(vp, FIRST_MSR_COUNTER + 2 * msr.counter + 1);
  const written = BigInt.asUintN(64, value);
  if ((written & (msr.reserved ?? 0n)) !== 0n) return GP;
  return msr.write(vp, written);
}

function countAccess({ core, intercepts }: VpContext, counter: number): void {
  core.words[intercepts + counter] = core.words[intercepts + counter]! + 1;
}

const permitted = (vp: VpContext, msr: Msr): boolean =>
  msr.privilege === undefined || hasPrivilege(vp.core.state, vp.record, msr.privilege);
