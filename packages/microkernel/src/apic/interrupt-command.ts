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
/** Index that no processor has. */
const NOBODY = -1;

/** Who sends a command. */
export interface Sender {
  readonly core: Core;
  readonly partition: number;
  readonly index: number;
}

/** Logical id of the processor with this index in x2APIC mode: its cluster of 16 and its bit there. */
export const logicalX2 = (index: number): number => ((index >>> 4) << 16) | (1 << (index & 15));

/** A destination of eight bits as one of 32: all ones stay all ones. */
export const wideDestination = (destination: number): number => (destination === 0xff ? BROADCAST : destination);

/**
 * Sends what a command says. What names no processor of the partition goes nowhere, as on a bus. Interrupts between
 * processors are edge-triggered, whatever bit 15 says.
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
      deliver(core, core.vpSlot(partition, index), mode, vector, false);
      return true;
    }
  }
  if (shorthand === Shorthand.None) route(core, partition, low, destination, false, NOBODY);
  else route(core, partition, low & ~LOGICAL, BROADCAST, false, shorthand === Shorthand.Others ? index : NOBODY);
  return true;
}

/**
 * Sends what a device's interrupt message says: an entry of an I/O APIC's table, or a message-signalled interrupt.
 *
 * @param message - as the lower half of such an entry: vector 0-7, delivery mode 8-10, logical destination 11, level-triggered
 * 15; other bits mean nothing here
 * @param destination - eight bits
 * @returns whether some processor took it; one whose APIC is off does not
 */
export function sendMessage(core: Core, partition: number, message: number, destination: number): boolean {
  if (((message >>> 8) & 7) <= Delivery.LowestPriority && (message & 0xff) < FIRST_VECTOR) return false;
  return route(core, partition, message, wideDestination(destination), (message & LEVEL) !== 0, NOBODY);
}

/**
 * Finds the processors that a destination names, and delivers to them.
 *
 * @param what - vector, delivery mode, and whether the destination is logical
 * @param except - index of a processor that is passed over
 * @returns whether one of them took it
 */
function route(
  core: Core,
  partition: number,
  what: number,
  destination: number,
  level: boolean,
  except: number,
): boolean {
  const mode = (what >>> 8) & 7;
  const vector = what & 0xff;
  const logical = (what & LOGICAL) !== 0;
  if (!logical && destination !== BROADCAST) {
    return deliver(core, core.vpSlot(partition, destination), mode, vector, level);
  }
  const partitionSlot = core.partitions.slot(partition);
  const most = partitionSlot < 0 ? 0 : core.state.vpLimit(partitionSlot);
  let taken = false;
  let least = -1;
  let leastPriority = 256;
  for (let target = 0; target < most; target++) {
    const slot = core.vpSlot(partition, target);
    if (slot < 0 || target === except || !isNamed(core, slot, target, destination, logical)) continue;
    if (mode !== Delivery.LowestPriority) {
      taken = deliver(core, slot, mode, vector, level) || taken;
      continue;
    }
    // Of equals the one with the lowest id, so that a replayed machine chooses the same.
    const record = core.state.vp(slot);
    const priority = accepting(core.words, record) ? processorPriority(core.words, record) : 256;
    if (priority >= leastPriority) continue;
    least = slot;
    leastPriority = priority;
  }
  return least >= 0 ? deliver(core, least, mode, vector, level) : taken;
}

/** Makes a fixed interrupt pending at a VP, if its APIC accepts it. A VP without an APIC takes them all. @returns whether it did */
export function deliverFixed(words: Int32Array, vpRecord: number, vector: number, level = false): boolean {
  if (!accepting(words, vpRecord)) {
    Atomics.add(words, vpRecord + VpWord.Apic + ApicAt.Refused, 1);
    return false;
  }
  const at = vpRecord + VpWord.Apic + ApicAt.TriggerMode + (vector >>> 5);
  const bit = 1 << (vector & 31);
  if (level) Atomics.or(words, at, bit);
  else if ((Atomics.load(words, at) & bit) !== 0) Atomics.and(words, at, ~bit);
  post(words, vpRecord, vector);
  return true;
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

function deliver(core: Core, vpSlot: number, mode: number, vector: number, level: boolean): boolean {
  if (vpSlot < 0) return false;
  const { words } = core;
  const record = core.state.vp(vpSlot);
  if (mode <= Delivery.LowestPriority) return deliverFixed(words, record, vector, level);
  if ((Atomics.load(words, record + VpWord.Apic + ApicAt.Mode) & Mode.Enabled) === 0) return false;
  if (mode === Delivery.Nmi) return deliverNmi(words, record);
  if (mode === Delivery.Init) postInit(words, record);
  else if (mode === Delivery.Startup) return postSipi(words, record, vector);
  else return false;
  return true;
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
