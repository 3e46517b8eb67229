/**
 * The hypercall input and result values (TLFS, "Hypercall Inputs" and "Hypercall Outputs"), as pairs of 32-bit halves:
 * decoding a call makes no BigInt.
 *
 *     input   63  60 59    48 47  44 43    32 31 30 27 26     17 16 15     0
 *            ┌──────┬────────┬──────┬────────┬──┬─────┬─────────┬──┬────────┐
 *            │ 0    │rep     │ 0    │rep     │0 │ 0   │variable │F │ code   │   F: fast; bit 31: nested, which
 *            │      │start   │      │count   │  │     │header /8│  │        │   nothing here runs under
 *            └──────┴────────┴──────┴────────┴──┴─────┴─────────┴──┴────────┘
 *     result  63            44 43    32 31              16 15     0
 *            ┌────────────────┬────────┬──────────────────┬────────┐
 *            │ 0              │reps    │ 0                │ status │
 *            │                │complete│                  │        │
 *            └────────────────┴────────┴──────────────────┴────────┘
 */

/** Bit 16 of the low half: parameters are in registers. */
export const FAST = 1 << 16;
/** Bits of the low half that must be zero. */
export const RESERVED_LOW = 0xf8000000;
/** Bits of the high half that must be zero. */
export const RESERVED_HIGH = 0xf000f000;

/** Call code, from the low half. */
export const callCode = (low: number): number => low & 0xffff;
/** Size of the variable header in 8-byte units, from the low half. */
export const variableUnits = (low: number): number => (low >>> 17) & 0x3ff;
/** Rep count, from the high half. */
export const repCount = (high: number): number => high & 0xfff;
/** Rep start index, from the high half. */
export const repStart = (high: number): number => (high >>> 16) & 0xfff;

/** Where each register lies in a VP's scratch words. */
export const Register = {
  RcxLow: 0,
  RcxHigh: 1,
  RdxLow: 2,
  RdxHigh: 3,
  R8Low: 4,
  R8High: 5,
  RaxLow: 6,
  RaxHigh: 7,
} as const;

/** The input value of a call, for those who make one; the decoder above is its inverse. */
export function controlWord(
  code: number,
  options: { fast?: boolean; variableUnits?: number; repCount?: number; repStart?: number } = {},
): bigint {
  return (
    BigInt(code) |
    (options.fast === true ? 1n << 16n : 0n) |
    (BigInt(options.variableUnits ?? 0) << 17n) |
    (BigInt(options.repCount ?? 0) << 32n) |
    (BigInt(options.repStart ?? 0) << 48n)
  );
}
