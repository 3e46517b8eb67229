/** Hypercalls and MSRs by name and by number, as people write them. */
import { HYPERCALL_NAMES, MSR_NAMES } from '@ringlet/microkernel';
import { PROCESSOR_MSR_NAMES } from '@ringlet/x64';

const ALL_MSR_NAMES: ReadonlyMap<number, string> = new Map([...MSR_NAMES, ...PROCESSOR_MSR_NAMES]);

/** Without what the specification puts before all of them, and however it is spelled. */
const plain = (name: string): string =>
  name
    .toLowerCase()
    .replace(/^(hvcall|hv_x64_msr_|ia32_|msr_)/, '')
    .replaceAll(/[_ ]/g, '');

function find(names: ReadonlyMap<number, string>, text: string): number | undefined {
  const wanted = plain(text);
  for (const [number, name] of names) if (plain(name) === wanted) return number;
  return undefined;
}

/** A number as people write it: 0x5d, 93. */
export function numberFrom(text: string): number | undefined {
  return /^(0x[0-9a-f]{1,13}|\d{1,15})$/i.test(text) ? Number(text) : undefined;
}

/** The call code of a hypercall: `HvCallPostMessage`, `post_message`, `0x5c`. */
export function hypercallFrom(text: string): number | undefined {
  const number = numberFrom(text) ?? find(HYPERCALL_NAMES, text);
  return number !== undefined && number <= 0xffff ? number : undefined;
}

/** The index of an MSR: `HV_X64_MSR_SCONTROL`, `lstar`, `0xc0000082`. */
export function msrFrom(text: string): number | undefined {
  const number = numberFrom(text) ?? find(ALL_MSR_NAMES, text);
  return number !== undefined && number <= 0xffff_ffff ? number : undefined;
}

const hex = (number: number): string => `0x${number.toString(16)}`;

/** A hypercall for people. */
export const hypercallName = (code: number): string => `${HYPERCALL_NAMES.get(code) ?? 'hypercall'} (${hex(code)})`;

/** An MSR for people. */
export const msrName = (index: number): string => `${ALL_MSR_NAMES.get(index) ?? 'MSR'} (${hex(index)})`;
