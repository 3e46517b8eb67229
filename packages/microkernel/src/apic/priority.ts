/**
 * Which interrupt a local APIC delivers next (Intel SDM volume 3, "Task and Processor Priorities"): the highest one
 * requested, once its class, the upper four bits of its vector, is above that of the task and of all that is in service.
 *
 * None of these functions allocates.
 */
import { VpWord } from '../state/layout.ts';
import { pendingAbove, remove } from '../vp/interrupts.ts';
import { ApicAt } from './layout.ts';

/** The highest vector in service, or -1. */
function highestInService(words: Int32Array, vpRecord: number): number {
  for (let word = 7; word >= 0; word--) {
    const bits = words[vpRecord + VpWord.Apic + ApicAt.InService + word]!;
    if (bits !== 0) return word * 32 + 31 - Math.clz32(bits);
  }
  return -1;
}

/** The processor priority register. */
export function processorPriority(words: Int32Array, vpRecord: number): number {
  const task = words[vpRecord + VpWord.Tpr]!;
  const service = Math.max(highestInService(words, vpRecord), 0) & 0xf0;
  return (task & 0xf0) >= service ? task : service;
}

/** The vector that can be delivered now, or -1. */
export function deliverable(words: Int32Array, vpRecord: number): number {
  return pendingAbove(words, vpRecord, processorPriority(words, vpRecord) | 15);
}

/** Moves a vector from requested to in service, or just takes it when it ends by itself. */
export function accept(words: Int32Array, vpRecord: number, vector: number, endsItself: boolean): void {
  remove(words, vpRecord, vector);
  if (endsItself) return;
  const at = vpRecord + VpWord.Apic + ApicAt.InService + (vector >>> 5);
  words[at] = words[at]! | (1 << (vector & 31));
}

/** Whether the last request of a vector was level-triggered: its end is of interest to whoever requested it. */
export function levelTriggered(words: Int32Array, vpRecord: number, vector: number): boolean {
  const at = vpRecord + VpWord.Apic + ApicAt.TriggerMode + (vector >>> 5);
  return (Atomics.load(words, at) & (1 << (vector & 31))) !== 0;
}

/** Ends the highest interrupt in service. @returns its vector, -1 when there is none */
export function endOfInterrupt(words: Int32Array, vpRecord: number): number {
  const vector = highestInService(words, vpRecord);
  if (vector < 0) return -1;
  const apic = vpRecord + VpWord.Apic;
  const at = apic + ApicAt.InService + (vector >>> 5);
  words[at] = words[at]! & ~(1 << (vector & 31));
  words[apic + ApicAt.Ended] = (words[apic + ApicAt.Ended]! + 1) | 0;
  return vector;
}
