/**
 * Saved state of a virtual processor's local APIC: named, plain, JSON-able, without a word of how it lies in shared state.
 * The timer's due time is in cycles of its clock since the partition's reference time was 0.
 */
import { VpWord } from '../state/layout.ts';
import { FIRST_VECTOR, LAST_VECTOR } from '../vp/interrupts.ts';
import { ApicAt, Events, LOCAL_COUNT, Mode, SOFTWARE_ENABLE } from './layout.ts';
import { powerUp } from './reset.ts';
import { restoreStartup, saveStartup, type SavedStartup } from './startup.ts';
import { arm, due } from './timer.ts';

/** The local APIC of one VP. */
export interface SavedApic {
  readonly v: 1;
  readonly mode: 'off' | 'xapic' | 'x2apic';
  readonly basePage: number;
  readonly startup: SavedStartup;
  readonly nmi: boolean;
  readonly taskPriority: number;
  readonly logicalDestination: number;
  readonly destinationFormat: number;
  readonly spuriousVector: number;
  readonly errorStatus: number;
  readonly newErrors: number;
  readonly command: readonly [low: number, high: number];
  readonly localVectors: readonly number[];
  readonly initialCount: number;
  readonly divide: number;
  /** Absent while the timer does not run. */
  readonly due?: number;
  /** Hexadecimal text. */
  readonly tscDeadline: string;
  readonly requested: readonly number[];
  readonly inService: readonly number[];
  /** Vectors whose last request was level-triggered. */
  readonly levelTriggered: readonly number[];
}

/** Reads the state of a VP that has settled and does not run. */
export function saveApic(words: Int32Array, vpRecord: number): SavedApic {
  const apic = vpRecord + VpWord.Apic;
  const at = (field: number): number => words[apic + field]! >>> 0;
  const mode = at(ApicAt.Mode);
  const on = (mode & Mode.X2) === 0 ? 'xapic' : 'x2apic';
  const deadline = (BigInt(at(ApicAt.TscDeadline + 1)) << 32n) | BigInt(at(ApicAt.TscDeadline));
  return {
    v: 1,
    mode: (mode & Mode.Enabled) === 0 ? 'off' : on,
    basePage: at(ApicAt.BasePage),
    startup: saveStartup(words, vpRecord),
    nmi: (at(ApicAt.Events) & Events.Nmi) !== 0,
    taskPriority: words[vpRecord + VpWord.Tpr]!,
    logicalDestination: at(ApicAt.LogicalDestination),
    destinationFormat: at(ApicAt.DestinationFormat),
    spuriousVector: at(ApicAt.SpuriousVector),
    errorStatus: at(ApicAt.ErrorStatus),
    newErrors: at(ApicAt.NewErrors),
    command: [at(ApicAt.CommandLow), at(ApicAt.CommandHigh)],
    localVectors: Array.from({ length: LOCAL_COUNT }, (_, n) => at(ApicAt.LocalVectors + n)),
    initialCount: at(ApicAt.InitialCount),
    divide: at(ApicAt.Divide),
    ...(at(ApicAt.Armed) === 0 ? {} : { due: due(words, apic) }),
    tscDeadline: `0x${deadline.toString(16)}`,
    requested: vectors(words, vpRecord + VpWord.Pending),
    inService: vectors(words, apic + ApicAt.InService),
    levelTriggered: vectors(words, apic + ApicAt.TriggerMode),
  };
}

/** Restores the state of a VP that does not run. @returns `false`, with its APIC as after power-up, for one that cannot be. */
export function restoreApic(words: Int32Array, vpRecord: number, saved: SavedApic): boolean {
  powerUp(words, vpRecord);
  const apic = vpRecord + VpWord.Apic;
  const present = words[apic + ApicAt.Mode]! !== 0;
  const possible =
    [...saved.requested, ...saved.inService, ...saved.levelTriggered].every(isVector) &&
    saved.localVectors.length === LOCAL_COUNT;
  // Without a period, or at no time, a timer cannot run; a period of 0 would never end.
  const runs = saved.due === undefined || (saved.due >= 0 && saved.due < Infinity);
  const counts = saved.due === undefined || saved.initialCount !== 0 || BigInt(saved.tscDeadline) !== 0n;
  if (!present || !possible || !runs || !counts) return false;
  const set = (field: number, value: number): void => void Atomics.store(words, apic + field, value | 0);
  set(ApicAt.BasePage, saved.basePage);
  Atomics.store(words, vpRecord + VpWord.Tpr, saved.taskPriority & 0xff);
  set(ApicAt.LogicalDestination, saved.logicalDestination);
  set(ApicAt.DestinationFormat, saved.destinationFormat);
  set(ApicAt.SpuriousVector, saved.spuriousVector);
  set(ApicAt.ErrorStatus, saved.errorStatus);
  set(ApicAt.NewErrors, saved.newErrors);
  set(ApicAt.CommandLow, saved.command[0]);
  set(ApicAt.CommandHigh, saved.command[1]);
  for (const [n, entry] of saved.localVectors.entries()) set(ApicAt.LocalVectors + n, entry);
  set(ApicAt.InitialCount, saved.initialCount);
  set(ApicAt.Divide, saved.divide);
  const deadline = BigInt(saved.tscDeadline);
  set(ApicAt.TscDeadline, Number(BigInt.asIntN(32, deadline)));
  set(ApicAt.TscDeadline + 1, Number(BigInt.asIntN(32, deadline >> 32n)));
  if (saved.due !== undefined) arm(words, apic, saved.due);
  for (const vector of saved.requested) setBit(words, vpRecord + VpWord.Pending, vector);
  for (const vector of saved.inService) setBit(words, apic + ApicAt.InService, vector);
  for (const vector of saved.levelTriggered) setBit(words, apic + ApicAt.TriggerMode, vector);
  set(ApicAt.Events, saved.nmi ? Events.Nmi : 0);
  restoreStartup(words, vpRecord, saved.startup);
  const created = words[apic + ApicAt.Mode]! & ~(Mode.Enabled | Mode.X2);
  const accepts = (saved.spuriousVector & SOFTWARE_ENABLE) === 0 ? 0 : Mode.SoftwareEnabled;
  const x2 = saved.mode === 'x2apic' ? Mode.X2 : 0;
  set(ApicAt.Mode, created | accepts | x2 | (saved.mode === 'off' ? 0 : Mode.Enabled));
  return true;
}

const isVector = (vector: number): boolean =>
  Number.isInteger(vector) && vector >= FIRST_VECTOR && vector <= LAST_VECTOR;

function setBit(words: Int32Array, at: number, vector: number): void {
  Atomics.or(words, at + (vector >>> 5), 1 << (vector & 31));
}

function vectors(words: Int32Array, at: number): number[] {
  return Array.from({ length: LAST_VECTOR + 1 }, (_, vector) => vector).filter(
    (vector) => (Atomics.load(words, at + (vector >>> 5)) & (1 << (vector & 31))) !== 0,
  );
}
