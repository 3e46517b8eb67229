/**
 * Interrupts between processors (Intel SDM volume 3, "Issuing Interprocessor Interrupts", "Determining IPI Destination").
 *
 *     63        56 (xAPIC) / 63          32 (x2APIC)     19 18   15 14   11 10 8 7      0
 *     ┌───────────────────────────────────────┬─────────┬─────┬────┬────┬──┬────┬────────┐
 *     │ destination                           │         │short│trig│lvl │lg│mode│ vector │
 *     └───────────────────────────────────────┴─────────┴─────┴────┴────┴──┴────┴────────┘
 *
 * The processor of index n has the APIC id n. An SMI goes nowhere: there is no system management mode. Any thread may run
 * what is here; all that it changes at a target are atomic words. Nothing allocates.
 */
import type { Core } from '../core.ts';
import { VpWord } from '../state/layout.ts';
import { FIRST_VECTOR, post, ring } from '../vp/interrupts.ts';
import { ACCEPTING, ApicAt, Delivery, Events, Mode } from './layout.ts';
import { processorPriority } from './priority.ts';
import { postInit, postSipi } from './startup.ts';

/** Bits of the command's lower half that a guest sets. Bit 12, the delivery status, reads as 0: idle. */
export const COMMAND_BITS = 0x000c_cfff;

const Shorthand = { None: 0, Self: 1, All: 2, Others: 3 } as const;
const LOGICAL = 1 << 11;
const ASSERT = 1 << 14;
const LEVEL = 1 << 15;
const BROADCAST = 0xffff_ffff;
const FLAT = 0xf;

/** Who sends a command. */
export interface Sender {
  readonly core: Core;
  readonly partition: number;
  readonly partitionSlot: number;
  readonly index: number;
}

/** Logical id of the processor with this index in x2APIC mode: its cluster of 16 and its bit there. */
export const logicalX2 = (index: number): number => ((index >>> 4) << 16) | (1 << (index & 15));

/** A destination of eight bits as one of 32: all ones stay all ones. */
export const wideDestination = (destination: number): number => (destination === 0xff ? BROADCAST : destination);

/**
 * Sends what a command says. What names no processor of the partition goes nowhere, as on a bus.
 *
 * @param destination - 32 bits, unsigned; all ones name everybody
 * @returns `false` when the vector is one that interrupts may not have
 */
export function sendCommand(sender: Sender, low: number, destination: number): boolean {
  const mode = (low >>> 8) & 7;
  const vector = low & 0xff;
  const shorthand = (low >>> 18) & 3;
  if (mode <= Delivery.LowestPriority && vector < FIRST_VECTOR) return false;
  // The de-assertion that follows an INIT synchronised arbitration ids once; since then it means nothing.
  if ((low & (LEVEL | ASSERT)) === LEVEL) return true;
  const { core, partition, index } = sender;
  if (shorthand === Shorthand.Self || shorthand === Shorthand.All) {
    // These two are for fixed interrupts alone.
    if (mode !== Delivery.Fixed) return true;
    if (shorthand === Shorthand.Self) {
      deliver(core, core.vpSlot(partition, index), mode, vector);
      return true;
    }
  }
  if (shorthand === Shorthand.None && (low & LOGICAL) === 0 && destination !== BROADCAST) {
    deliver(core, core.vpSlot(partition, destination), mode, vector);
    return true;
  }
  const logical = (low & LOGICAL) !== 0;
  const most = core.state.vpLimit(sender.partitionSlot);
  let least = -1;
  let leastPriority = 256;
  for (let target = 0; target < most; target++) {
    const slot = core.vpSlot(partition, target);
    if (slot < 0 || (shorthand === Shorthand.Others && target === index)) continue;
    if (shorthand === Shorthand.None && !isNamed(core, slot, target, destination, logical)) continue;
    if (mode !== Delivery.LowestPriority) {
      deliver(core, slot, mode, vector);
      continue;
    }
    // Of equals the one with the lowest id, so that a replayed machine chooses the same.
    const record = core.state.vp(slot);
    const priority = accepting(core.words, record) ? processorPriority(core.words, record) : 256;
    if (priority >= leastPriority) continue;
    least = slot;
    leastPriority = priority;
  }
  if (least >= 0) deliver(core, least, mode, vector);
  return true;
}

/** Makes a fixed interrupt pending at a VP, if its APIC accepts it. A VP without an APIC takes them all. */
export function deliverFixed(words: Int32Array, vpRecord: number, vector: number): void {
  if (accepting(words, vpRecord)) post(words, vpRecord, vector);
  else Atomics.add(words, vpRecord + VpWord.Apic + ApicAt.Refused, 1);
}

/** Makes a non-maskable interrupt pending at a VP. @returns `false` when it has no APIC that could take it. */
export function deliverNmi(words: Int32Array, vpRecord: number): boolean {
  if ((Atomics.load(words, vpRecord + VpWord.Apic + ApicAt.Mode) & Mode.Enabled) === 0) return false;
  Atomics.or(words, vpRecord + VpWord.Apic + ApicAt.Events, Events.Nmi);
  ring(words, vpRecord);
  return true;
}

/** Whether fixed interrupts reach a VP: it has no APIC, or one that is on and enabled by software. */
function accepting(words: Int32Array, vpRecord: number): boolean {
  const mode = Atomics.load(words, vpRecord + VpWord.Apic + ApicAt.Mode);
  return mode === 0 || (mode & ACCEPTING) === ACCEPTING;
}

function deliver(core: Core, vpSlot: number, mode: number, vector: number): void {
  if (vpSlot < 0) return;
  const { words } = core;
  const record = core.state.vp(vpSlot);
  if (mode <= Delivery.LowestPriority) return deliverFixed(words, record, vector);
  if ((Atomics.load(words, record + VpWord.Apic + ApicAt.Mode) & Mode.Enabled) === 0) return;
  if (mode === Delivery.Nmi) deliverNmi(words, record);
  else if (mode === Delivery.Init) postInit(words, record);
  else if (mode === Delivery.Startup) postSipi(words, record, vector);
}

/** Whether a destination names the VP of this index, whose record is in `vpSlot`. */
function isNamed(core: Core, vpSlot: number, index: number, destination: number, logical: boolean): boolean {
  if (destination === BROADCAST) return true;
  if (!logical) return destination === index;
  const { words } = core;
  const apic = core.state.vp(vpSlot) + VpWord.Apic;
  if ((Atomics.load(words, apic + ApicAt.Mode) & Mode.X2) !== 0) {
    const id = logicalX2(index);
    return destination >>> 16 === id >>> 16 && (destination & id & 0xffff) !== 0;
  }
  const id = Atomics.load(words, apic + ApicAt.LogicalDestination) >>> 24;
  if (Atomics.load(words, apic + ApicAt.DestinationFormat) >>> 28 === FLAT) return (destination & id) !== 0;
  // Cluster 15 is every cluster.
  const cluster = (destination >>> 4) & 0xf;
  return (cluster === 0xf || cluster === id >>> 4) && (destination & id & 0xf) !== 0;
}
