/**
 * SynIC and synthetic timer registers (TLFS, "Synthetic MSRs"), one row each, in address order.
 *
 * Reserved bits read as zero and are ignored when written. A row without `write` is read-only. Registers here are
 * written on the VP's own thread.
 */
import type { GuestMemory } from '../memory/guest-memory.ts';
import { At, ENABLE, SINT_COUNT, Sint, TIMER_COUNT } from './layout.ts';
import { pageAddress, writeOverlay } from './overlay-page.ts';
import { readCount, timerOf, writeConfig, writeCount } from './timers.ts';

/** What a register row works on. */
export interface SynicRegisters {
  readonly words: Int32Array;
  /** First word of the VP's region. */
  readonly region: number;
  readonly memory: GuestMemory | undefined;
  /** The partition's reference time. */
  now(): number;
}

/** One register. */
export interface SynicRegister {
  /** The specification's name. */
  readonly name: string;
  read(vp: SynicRegisters): bigint;
  /** @returns `false` for a value that faults, with nothing changed. */
  write?(vp: SynicRegisters, value: bigint): boolean;
}

const FIRST_VALID_VECTOR = 16;
const VERSION = 1n;

/** All registers by MSR number. */
export const SYNIC_REGISTERS: ReadonlyMap<number, SynicRegister> = new Map<number, SynicRegister>([
  [
    0x4000_0080,
    {
      name: 'HV_X64_MSR_SCONTROL',
      read: (vp) => BigInt(vp.words[vp.region + At.Scontrol]!),
      write: (vp, value) => store(vp, At.Scontrol, low(value) & ENABLE),
    },
  ],
  [0x4000_0081, { name: 'HV_X64_MSR_SVERSION', read: () => VERSION }],
  [0x4000_0082, page('HV_X64_MSR_SIEFP', At.Siefp, At.SiefpOther)],
  [0x4000_0083, page('HV_X64_MSR_SIMP', At.Simp, At.SimpOther)],
  // The write itself does nothing: every register write ends with another look at the message slots.
  [0x4000_0084, { name: 'HV_X64_MSR_EOM', read: () => 0n, write: () => true }],
  ...Array.from({ length: SINT_COUNT }, (_, n): [number, SynicRegister] => [0x4000_0090 + n, sint(n)]),
  ...Array.from({ length: TIMER_COUNT }, (_, n): [number, SynicRegister][] => [
    [0x4000_00b0 + 2 * n, timerConfig(n)],
    [0x4000_00b1 + 2 * n, timerCount(n)],
  ]).flat(),
]);

function page(name: string, at: number, other: number): SynicRegister {
  return {
    name,
    read: ({ words, region }) => BigInt(pageAddress(words, region + at)) | BigInt(words[region + at]! & ENABLE),
    write: ({ words, region, memory }, value) =>
      writeOverlay(words, region + at, region + other, memory, low(value), high(value)),
  };
}

function sint(n: number): SynicRegister {
  return {
    name: `HV_X64_MSR_SINT${n}`,
    read: (vp) => BigInt(vp.words[vp.region + At.Sint + n]!),
    write: (vp, value) => {
      const bits = low(value) & Sint.All;
      // Exceptions are not interrupts. The reset value has vector 0 and may be written back, being masked.
      if ((bits & Sint.Masked) === 0 && (bits & Sint.Vector) < FIRST_VALID_VECTOR) return false;
      return store(vp, At.Sint + n, bits);
    },
  };
}

function timerConfig(n: number): SynicRegister {
  return {
    name: `HV_X64_MSR_STIMER${n}_CONFIG`,
    read: (vp) => BigInt(vp.words[timerOf(vp.region, n)]!),
    write: (vp, value) => {
      writeConfig(vp.words, vp.region, n, low(value), vp.now());
      return true;
    },
  };
}

function timerCount(n: number): SynicRegister {
  return {
    name: `HV_X64_MSR_STIMER${n}_COUNT`,
    read: (vp) => readCount(vp.words, vp.region, n),
    write: (vp, value) => {
      writeCount(vp.words, vp.region, n, low(value), high(value), vp.now());
      return true;
    },
  };
}

function store(vp: SynicRegisters, at: number, value: number): true {
  Atomics.store(vp.words, vp.region + at, value);
  return true;
}

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
