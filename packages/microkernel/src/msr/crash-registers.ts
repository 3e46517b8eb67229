/**
 * Synthetic MSRs 0x40000100-0x40000105 (TLFS, "Guest Crash Enlightenment"): five parameters, and a control register
 * whose notify bit hands them over. With the message bit, P3 is the GPA of a text and P4 its length.
 */
import { PartitionWord } from '../state/layout.ts';
import type { VpContext } from '../vp/context.ts';
import { allBut, bank, type Msr } from './table.ts';

const PARAMETERS = 5;
const NOTIFY = 1n << 63n;
const NOTIFY_MESSAGE = 1n << 62n;
/** Linux hands over one page. */
const MAX_MESSAGE_BYTES = 4096n;

/** Rows in address order. */
export const crashRegisters: readonly (readonly [number, Msr])[] = [
  ...bank(0x40000100, PARAMETERS, (n) => ({
    name: `HV_X64_MSR_CRASH_P${n}`,
    privilege: undefined,
    read: (vp) => parameter(vp, n),
    write: (vp, value) => vp.core.state.setQuad(vp.record + PartitionWord.Crash + 2 * n, value),
    sample: 0x0123_4567_89ab_cdefn,
  })),
  [
    0x40000105,
    {
      name: 'HV_X64_MSR_CRASH_CTL',
      privilege: undefined,
      read: () => NOTIFY | NOTIFY_MESSAGE,
      write(vp, value) {
        if ((value & NOTIFY) !== 0n) report(vp, (value & NOTIFY_MESSAGE) !== 0n);
      },
      reserved: allBut(NOTIFY | NOTIFY_MESSAGE),
    },
  ],
];

const parameter = (vp: VpContext, n: number): bigint => vp.core.state.quad(vp.record + PartitionWord.Crash + 2 * n);

function report(vp: VpContext, withMessage: boolean): void {
  const parameters = Array.from({ length: PARAMETERS }, (_, n) => parameter(vp, n));
  Atomics.add(vp.core.words, vp.record + PartitionWord.Crashes, 1);
  vp.core.outside.crashed?.(vp.partition, {
    vp: vp.index,
    parameters,
    message: withMessage ? message(vp, parameters[3]!, parameters[4]!) : undefined,
  });
}

/** Copies the text; `undefined` when it is empty, too long, or not in memory. */
function message(vp: VpContext, gpa: bigint, length: bigint): Uint8Array | undefined {
  if (length === 0n || length > MAX_MESSAGE_BYTES) return undefined;
  const text = new Uint8Array(Number(length));
  return vp.memory.read(Number(gpa), text) ? text : undefined;
}
