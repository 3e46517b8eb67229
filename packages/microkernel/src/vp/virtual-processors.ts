/** Virtual processors: creating, starting and deleting them (TLFS, "Virtual Processor Management"). */
import { ApicAt } from '../apic/layout.ts';
import { createApic, powerUp, type ApicMode } from '../apic/reset.ts';
import { startWaiting } from '../apic/startup.ts';
import type { Core } from '../core.ts';
import { PartitionState } from '../partition/partitions.ts';
import { Header, INTERCEPT_WORDS, PartitionWord, VP_WORDS, VpWord } from '../state/layout.ts';
import { lock, unlock } from '../state/lock.ts';
import { HvStatus } from '../status.ts';
import { VpSynic } from '../synic/index.ts';
import { liftOverlay } from '../synic/overlay-page.ts';
import { ring } from './interrupts.ts';

const PAGE_WORDS = 1024;
/** Of an APIC that is not in x2APIC mode. */
const LAST_XAPIC_ID = 254;

/** What a VP is made from. */
export interface VpOptions {
  /** Gives the VP a local APIC, in this mode after every reset. Absent: its interrupts are a bitmap of vectors alone. */
  readonly apic?: ApicMode;
}

/** Creates VP `index` of an active partition. VP 0 is started; the others wait for {@link startVp}, or for a SIPI. */
export function createVp(core: Core, partition: number, index: number, { apic }: VpOptions = {}): HvStatus {
  const { words, state } = core;
  lock(words, Header.Lock);
  const slot = core.partitions.slot(partition);
  const vpSlot = freeSlot(core);
  let status: HvStatus = HvStatus.Success;
  if (slot < 0) status = HvStatus.InvalidPartitionId;
  else if (words[state.partition(slot) + PartitionWord.State] !== PartitionState.Active) {
    status = HvStatus.InvalidPartitionState;
  } else if (!Number.isInteger(index) || index < 0 || index >= state.vpLimit(slot)) status = HvStatus.InvalidVpIndex;
  else if (apic === 'xapic' && index > LAST_XAPIC_ID) status = HvStatus.InvalidVpIndex;
  else if (words[state.vpIndexWord(slot, index)] !== 0) status = HvStatus.ObjectInUse;
  else if (vpSlot < 0) status = HvStatus.NoResources;
  if (status === HvStatus.Success) {
    const record = state.vp(vpSlot);
    words[record + VpWord.Index] = index;
    words[record + VpWord.Started] = index === 0 ? 1 : 0;
    words[record + VpWord.Partition] = partition;
    // It has not run yet: there is nothing that it could remember.
    words[record + VpWord.Mappings] = Atomics.load(words, state.partition(slot) + PartitionWord.Mappings);
    if (apic !== undefined) createApic(words, record, index, apic);
    new VpSynic(core, partition, index, state.synicVp(vpSlot)).reset();
    bump(words, state.partition(slot) + PartitionWord.VpCount, 1);
    bump(words, Header.VpsInUse, 1);
    // The index last: whoever finds the VP by it finds the rest.
    Atomics.store(words, state.vpIndexWord(slot, index), vpSlot + 1);
  }
  unlock(words, Header.Lock);
  return status;
}

/** Deletes a VP. Its thread must have stopped; a handle that outlives it does nothing any more. */
export function deleteVp(core: Core, partition: number, index: number): HvStatus {
  const { words, state } = core;
  lock(words, Header.Lock);
  const slot = core.partitions.slot(partition);
  const vpSlot = core.vpSlot(partition, index);
  if (vpSlot >= 0) {
    const record = state.vp(vpSlot);
    resetVp(core, partition, index);
    Atomics.store(words, state.vpIndexWord(slot, index), 0);
    const generation = (words[record + VpWord.Generation]! + 1) | 0;
    const doorbell = words[record + VpWord.Doorbell]!;
    Atomics.store(words, record + VpWord.Partition, 0);
    words.fill(0, record, record + VP_WORDS);
    words.fill(0, state.intercepts(vpSlot), state.intercepts(vpSlot) + INTERCEPT_WORDS);
    words[record + VpWord.Generation] = generation;
    // A thread that still waits there wakes up, and finds that its VP is gone.
    Atomics.store(words, record + VpWord.Doorbell, (doorbell + 1) | 0);
    Atomics.notify(words, record + VpWord.Doorbell);
    bump(words, state.partition(slot) + PartitionWord.VpCount, -1);
    bump(words, Header.VpsInUse, -1);
  }
  unlock(words, Header.Lock);
  if (slot < 0) return HvStatus.InvalidPartitionId;
  return vpSlot < 0 ? HvStatus.InvalidVpIndex : HvStatus.Success;
}

/** Puts a VP, if it exists, into the state it was created in. Its thread does not run it meanwhile. */
export function resetVp(core: Core, partition: number, index: number): void {
  const { words, state } = core;
  const vpSlot = core.vpSlot(partition, index);
  if (vpSlot < 0) return;
  const record = state.vp(vpSlot);
  new VpSynic(core, partition, index, state.synicVp(vpSlot)).reset();
  const other = state.assistPage(vpSlot);
  if (state.quad(record + VpWord.AssistMsr) !== 0n) {
    liftOverlay(words, record + VpWord.AssistMsr, other, core.memory(partition));
    words.fill(0, other, other + PAGE_WORDS);
  }
  state.setQuad(record + VpWord.AssistMsr, 0n);
  words[record + VpWord.Tpr] = 0;
  for (let word = 0; word < 8; word++) Atomics.store(words, record + VpWord.Pending + word, 0);
  powerUp(words, record);
  state.setQuad(record + VpWord.Entry, 0n);
  Atomics.store(words, record + VpWord.Started, index === 0 ? 1 : 0);
}

/** Deletes all VPs of a partition. */
export function deleteVps(core: Core, partition: number): void {
  const slot = core.partitions.slot(partition);
  if (slot < 0) return;
  for (let index = 0; index < core.state.vpLimit(slot); index++) {
    if (core.vpSlot(partition, index) >= 0) deleteVp(core, partition, index);
  }
}

/** Starts a VP that waits for it: sets its run state, then rings its doorbell. `entry` is what it starts at. */
export function startVp(core: Core, partition: number, index: number, entry: bigint): HvStatus {
  const vpSlot = core.vpSlot(partition, index);
  if (vpSlot < 0) return HvStatus.InvalidVpIndex;
  const record = core.state.vp(vpSlot);
  lock(core.words, Header.Lock);
  let waiting = core.words[record + VpWord.Started] === 0 && core.words[record + VpWord.Partition] === partition;
  if (waiting) {
    core.state.setQuad(record + VpWord.Entry, entry);
    // A VP with an APIC may be taking a start-up command at this moment; one of the two starts it.
    const hasApic = Atomics.load(core.words, record + VpWord.Apic + ApicAt.Mode) !== 0;
    waiting = !hasApic || startWaiting(core.words, record);
    if (waiting) Atomics.store(core.words, record + VpWord.Started, 1);
  }
  unlock(core.words, Header.Lock);
  if (!waiting) return HvStatus.InvalidVpState;
  ring(core.words, record);
  return HvStatus.Success;
}

function freeSlot(core: Core): number {
  for (let slot = 0; slot < core.state.limits.vps; slot++) {
    if (core.words[core.state.vp(slot) + VpWord.Partition] === 0) return slot;
  }
  return -1;
}

const bump = (words: Int32Array, at: number, by: number): void => void (words[at] = words[at]! + by);
