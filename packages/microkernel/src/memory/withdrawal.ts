/**
 * Withdrawal: taking pages from a partition while its VPs run, and giving it pages.
 *
 *     unmap ──▶ next generation of the mappings, every VP rung ──▶ each forgets its translations, and says so ──▶ free
 *
 * A processor keeps translations, and decodes code, by system page. So a page that was unmapped still belongs to the
 * partition until each of its VPs has acknowledged a generation that began after that: at a point where it is not in the
 * middle of an instruction, and with nothing remembered of what was mapped before. One that sleeps is woken for it.
 *
 * Pages under the overlays of SynIC and hypervisor are left where they are: a guest that gives them away is out of line,
 * and senders of messages must find them. Whoever withdraws pages looks for such overlays again once the generation is
 * acknowledged, because a VP may have been enabling one meanwhile.
 */
import type { Core } from '../core.ts';
import { PartitionState } from '../partition/partitions.ts';
import { PartitionWord, VpWord } from '../state/layout.ts';
import { At } from '../synic/layout.ts';
import { pageAddress } from '../synic/overlay-page.ts';
import { ring } from '../vp/interrupts.ts';
import { PAGE_SIZE } from './node.ts';
import { Access } from './slat.ts';

/** Bit 0 of an overlay's register: enabled. */
const ENABLED = 1;
/** Pages that are asked of the allocator at a time: a large page. */
const RUN_PAGES = 512;

/** Adjacent guest pages that lay on adjacent system pages. */
export interface WithdrawnRun {
  /** First page as the guest numbers them. */
  readonly guestPage: number;
  /** First page of the node. */
  readonly systemPage: number;
  /** Pages of the run. */
  readonly count: number;
}

/**
 * Unmaps a run of guest pages, all but those that are not mapped or lie under an overlay.
 *
 * @returns what lay there. The system pages may be used again when {@link mappingsSettled} says so of a generation that
 * {@link changeMappings} began afterwards
 */
export function withdrawPages(core: Core, partition: number, guestPage: number, count: number): WithdrawnRun[] {
  const slat = core.slat(partition);
  const runs: WithdrawnRun[] = [];
  if (slat === undefined || !active(core, partition)) return runs;
  const kept = new Set(overlaidPages(core, partition));
  const end = Math.min(guestPage + count, slat.pageCount);
  for (let page = guestPage; page < end; page++) {
    const systemPage = kept.has(page) ? -1 : slat.take(page);
    if (systemPage < 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.guestPage + last.count === page && last.systemPage + last.count === systemPage) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else runs.push({ guestPage: page, systemPage, count: 1 });
  }
  return runs;
}

/** Begins a generation of a partition's mappings, and rings its VPs. @returns its number, any 32-bit integer */
export function changeMappings(core: Core, partition: number): number {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return 0;
  const { words, state } = core;
  const generation = (Atomics.add(words, state.partition(slot) + PartitionWord.Mappings, 1) + 1) | 0;
  for (let index = 0; index < state.vpLimit(slot); index++) {
    const vpSlot = core.vpSlot(partition, index);
    if (vpSlot >= 0) ring(words, state.vp(vpSlot));
  }
  return generation;
}

/** Whether every VP of a partition has acknowledged a generation, or a later one. */
export function mappingsSettled(core: Core, partition: number, generation: number): boolean {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return true;
  const { words, state } = core;
  for (let index = 0; index < state.vpLimit(slot); index++) {
    const vpSlot = core.vpSlot(partition, index);
    if (vpSlot < 0) continue;
    // Numbers wrap around: what counts is which side of it they are on.
    if (((Atomics.load(words, state.vp(vpSlot) + VpWord.Mappings) - generation) | 0) < 0) return false;
  }
  return true;
}

/** Guest pages that lie under an enabled overlay. */
export function overlaidPages(core: Core, partition: number): number[] {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return [];
  const { words, state } = core;
  const record = state.partition(slot);
  const registers = [record + PartitionWord.HypercallMsr, record + PartitionWord.ReferenceTscMsr];
  for (let index = 0; index < state.vpLimit(slot); index++) {
    const vpSlot = core.vpSlot(partition, index);
    if (vpSlot < 0) continue;
    const synic = state.synicVp(vpSlot);
    registers.push(state.vp(vpSlot) + VpWord.AssistMsr, synic + At.Simp, synic + At.Siefp);
  }
  return registers
    .filter((at) => (Atomics.load(words, at) & ENABLED) !== 0)
    .map((at) => pageAddress(words, at) / PAGE_SIZE);
}

/**
 * Gives zeroed pages of its node to a run of guest pages that are not mapped.
 *
 * @returns how many of them, from the first on, are memory now: fewer when the node has no more, or one is mapped
 */
export function backPages(core: Core, partition: number, guestPage: number, count: number): number {
  const slat = core.slat(partition);
  const slot = core.partitions.slot(partition);
  if (slat === undefined || !active(core, partition)) return 0;
  const allocator = core.nodes.get(core.words[core.state.partition(slot) + PartitionWord.Node]!)?.allocator;
  if (allocator === undefined) return 0;
  let done = 0;
  let most = RUN_PAGES;
  while (done < count && most >= 1) {
    let run = 0;
    const wanted = Math.min(most, count - done, slat.pageCount - guestPage - done);
    while (run < wanted && slat.entry(guestPage + done + run) === 0) run++;
    if (run === 0) break;
    const systemPage = allocator.allocate(run);
    if (systemPage >= 0) {
      slat.mapRun(guestPage + done, systemPage, run, Access.All);
      done += run;
    } else most = run >>> 1;
  }
  return done;
}

function active(core: Core, partition: number): boolean {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return false;
  return core.words[core.state.partition(slot) + PartitionWord.State] === PartitionState.Active;
}
