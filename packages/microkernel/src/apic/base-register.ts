/**
 * IA32_APIC_BASE, MSR 0x1B: where the register page is, and the APIC's mode (Intel SDM volume 3, "x2APIC State
 * Transitions").
 *
 *          ┌──────────────────────────────┐
 *          ▼                              │
 *         off ───EN──► xapic ───EXTD──► x2apic        any other step faults
 *          ▲             │
 *          └─────────────┘
 */
import { PHYSICAL_ADDRESS_BITS } from '../cpuid/address-size.ts';
import { VpWord } from '../state/layout.ts';
import { ApicAt, Mode } from './layout.ts';
import { resetRegisters } from './reset.ts';

const BOOTSTRAP = 1n << 8n;
const EXTENDED = 1n << 10n;
const ENABLED = 1n << 11n;
const PAGE_SHIFT = 12n;
const PAGE_BITS = (1n << BigInt(PHYSICAL_ADDRESS_BITS)) - (1n << PAGE_SHIFT);

/** The register, as the guest reads it. */
export function readBase(words: Int32Array, apic: number): bigint {
  const mode = Atomics.load(words, apic + ApicAt.Mode);
  return (
    (BigInt(words[apic + ApicAt.BasePage]!) << PAGE_SHIFT) |
    ((mode & Mode.Bootstrap) !== 0 ? BOOTSTRAP : 0n) |
    ((mode & Mode.X2) !== 0 ? EXTENDED : 0n) |
    ((mode & Mode.Enabled) !== 0 ? ENABLED : 0n)
  );
}

/** Writes the register; which processor boots is not the guest's to say. @returns `false` when the write faults. */
export function writeBase(words: Int32Array, vpRecord: number, value: bigint): boolean {
  if ((value & ~(PAGE_BITS | BOOTSTRAP | EXTENDED | ENABLED)) !== 0n) return false;
  const apic = vpRecord + VpWord.Apic;
  const before = Atomics.load(words, apic + ApicAt.Mode);
  const wasOn = (before & Mode.Enabled) !== 0;
  const wasX2 = (before & Mode.X2) !== 0;
  const on = (value & ENABLED) !== 0n;
  const x2 = (value & EXTENDED) !== 0n;
  if ((x2 && !on) || (x2 && !wasOn) || (wasX2 && on && !x2)) return false;
  // An APIC that was off starts anew.
  if (wasOn && !on) resetRegisters(words, vpRecord);
  // Destinations have another shape in the new mode.
  if (x2 && !wasX2) words[apic + ApicAt.CommandHigh] = 0;
  words[apic + ApicAt.BasePage] = Number((value & PAGE_BITS) >> PAGE_SHIFT);
  const kept = Atomics.load(words, apic + ApicAt.Mode) & ~(Mode.Enabled | Mode.X2);
  Atomics.store(words, apic + ApicAt.Mode, kept | (on ? Mode.Enabled : 0) | (x2 ? Mode.X2 : 0));
  return true;
}
