/** What tests of local APICs build on: a partition whose VPs have them, under a clock that tests move. */
import { Microkernel } from '../microkernel.ts';
import { PAGE_SIZE } from '../memory/node.ts';
import { CHILD_PRIVILEGES, ROOT_PRIVILEGES } from '../partition/privileges.ts';
import type { Vp } from '../vp/vp.ts';
import type { ApicMode } from './reset.ts';

/** Offsets in the register page; as MSRs, 0x800 + offset / 16. */
export const Reg = {
  Id: 0x20,
  Version: 0x30,
  Tpr: 0x80,
  Ppr: 0xa0,
  Eoi: 0xb0,
  Ldr: 0xd0,
  Dfr: 0xe0,
  Svr: 0xf0,
  Isr: 0x100,
  Tmr: 0x180,
  Irr: 0x200,
  Esr: 0x280,
  IcrLow: 0x300,
  IcrHigh: 0x310,
  LvtTimer: 0x320,
  LvtThermal: 0x330,
  LvtPerformance: 0x340,
  LvtLint0: 0x350,
  LvtLint1: 0x360,
  LvtError: 0x370,
  InitialCount: 0x380,
  CurrentCount: 0x390,
  Divide: 0x3e0,
  SelfIpi: 0x3f0,
} as const;
export const BASE_MSR = 0x1b;
export const DEADLINE_MSR = 0x6e0;
/** MSR of the register at an offset of the page. */
export const msr = (offset: number): number => 0x800 + offset / 16;

export interface ApicMachine {
  readonly kernel: Microkernel;
  readonly state: SharedArrayBuffer;
  readonly buffer: SharedArrayBuffer;
  readonly clock: { time: number; now(): number };
  readonly partition: number;
  readonly vps: readonly Vp[];
}

/** A partition of `count` VPs whose APICs are enabled by software, unless `enable` is false. Its time starts at 0. */
export function apicMachine(count: number, mode: ApicMode = 'xapic', enable = true): ApicMachine {
  const state = Microkernel.createState({ partitions: 4, vpsPerPartition: 32, vps: 64, nodes: 1 });
  const clock = { time: 7_000, now: () => clock.time };
  const kernel = new Microkernel({ state, clock });
  const buffer = new SharedArrayBuffer(64 * PAGE_SIZE);
  kernel.attachNode({ id: 0, buffer });
  kernel.createPartition({ node: 0, gpaPages: 4, privileges: ROOT_PRIVILEGES });
  const partition = kernel.createPartition({ node: 0, gpaPages: 4, privileges: CHILD_PRIVILEGES });
  kernel.initializePartition(partition);
  kernel.mapGpaPages(partition, 0, kernel.allocatePages(0, 4), 4, 7);
  const vps = Array.from({ length: count }, (_, index) => {
    kernel.createVp(partition, index, { apic: mode });
    const vp = kernel.vp(partition, index);
    if (enable && mode === 'xapic') vp.apicWrite(Reg.Svr, 0x1ff);
    if (enable && mode === 'x2apic') vp.writeMsr(msr(Reg.Svr), 0x1ffn);
    return vp;
  });
  return { kernel, state, buffer, clock, partition, vps };
}
