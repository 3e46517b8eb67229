/**
 * Persistent reservations of one unit: who registered which key, and who holds the unit how (SPC-4, 5.13).
 *
 * Kept in memory: they survive resets of the bus, not the end of the machine (APTPL is refused).
 */
import { ReservationType, ReserveOut, type ReserveOutParameters, ScsiStatus, Sense } from '@ringlet/protocols';
import type { UnitAttentions } from './unit-attentions.ts';

/** What a command does to the medium, as far as reservations are concerned. */
export const Touches = { Nothing: 0, Reads: 1, Writes: 2 } as const;

/** Registrations that one unit keeps at most. */
const MAX_REGISTRATIONS = 64;

/** The reservations of a unit, as plain data. */
export interface ReservationState {
  /** PRGENERATION (SPC-4, 6.15.2.2). */
  readonly generation: number;
  /** Who has registered, with which key in decimal. */
  readonly registrations: readonly (readonly [initiator: number, key: string])[];
  /** Who holds the reservation; `null` without one. */
  readonly holder: number | null;
  /** Its type, when there is one. */
  readonly type: number;
}

/** Answer to a PERSISTENT RESERVE OUT: a SCSI status, with sense when it is CHECK CONDITION. */
export interface ReserveResult {
  readonly status: number;
  readonly sense: number;
}

const GOOD: ReserveResult = { status: ScsiStatus.Good, sense: Sense.None };
const CONFLICT: ReserveResult = { status: ScsiStatus.ReservationConflict, sense: Sense.None };
const check = (sense: number): ReserveResult => ({ status: ScsiStatus.CheckCondition, sense });

/** Registrations and reservation of one unit. */
export class Reservations {
  readonly #attentions: UnitAttentions;
  readonly #keys = new Map<number, bigint>();
  #generation = 0;
  #holder: number | undefined;
  #type = 0;

  constructor(attentions: UnitAttentions) {
    this.#attentions = attentions;
  }

  /** Whether a reservation exists: the one check a block command pays. */
  get held(): boolean {
    return this.#holder !== undefined;
  }

  /** PRgeneration: counts changes of the registrations. */
  get generation(): number {
    return this.#generation;
  }

  /** Registered keys, in order of registration. */
  get keys(): bigint[] {
    return [...this.#keys.values()];
  }

  /** The reservation's key (0 when all registrants hold it) and type; `undefined` when there is none. */
  get reservation(): { key: bigint; type: number } | undefined {
    if (this.#holder === undefined) return undefined;
    return { key: this.#allRegistrants ? 0n : this.#keys.get(this.#holder)!, type: this.#type };
  }

  /** Whether a command of `initiator` that `touches` the medium so must be refused. */
  conflicts(initiator: number, touches: number): boolean {
    if (this.#holder === undefined || touches === Touches.Nothing || this.#holder === initiator) return false;
    const shared = this.#type >= ReservationType.WriteExclusiveRegistrantsOnly;
    if (shared && this.#keys.has(initiator)) return false;
    return touches === Touches.Writes || !isWriteExclusive(this.#type);
  }

  /** Runs PERSISTENT RESERVE OUT for an initiator. */
  out(initiator: number, action: number, scopeAndType: number, list: ReserveOutParameters): ReserveResult {
    // No target ports but this one, nothing kept over a power loss.
    if (list.flags !== 0) return check(Sense.InvalidFieldInParameterList);
    if (action === ReserveOut.Register || action === ReserveOut.RegisterAndIgnoreExistingKey) {
      return this.#register(initiator, action === ReserveOut.RegisterAndIgnoreExistingKey, list);
    }
    if (action > ReserveOut.Preempt) return check(Sense.InvalidFieldInCdb);
    if (this.#keys.get(initiator) !== list.key) return CONFLICT;
    if (action === ReserveOut.Clear) return this.#clear(initiator);
    if (scopeAndType >> 4 !== 0 || !isType(scopeAndType)) return check(Sense.InvalidFieldInCdb);
    if (action === ReserveOut.Reserve) return this.#reserve(initiator, scopeAndType);
    if (action === ReserveOut.Release) return this.#release(initiator, scopeAndType);
    return this.#preempt(initiator, scopeAndType, list.serviceActionKey);
  }

  save(): ReservationState {
    return {
      generation: this.#generation,
      registrations: [...this.#keys].map(([initiator, key]) => [initiator, key.toString()] as const),
      holder: this.#holder ?? null,
      type: this.#type,
    };
  }

  restore(state: ReservationState): void {
    this.#keys.clear();
    for (const [initiator, key] of state.registrations) this.#keys.set(initiator, BigInt(key));
    this.#generation = state.generation;
    this.#holder = state.holder ?? undefined;
    this.#type = state.type;
  }

  get #allRegistrants(): boolean {
    return this.#type >= ReservationType.WriteExclusiveAllRegistrants;
  }

  #register(initiator: number, ignoreExisting: boolean, list: ReserveOutParameters): ReserveResult {
    const existing = this.#keys.get(initiator);
    if (!ignoreExisting && list.key !== (existing ?? 0n)) return CONFLICT;
    if (list.serviceActionKey === 0n) {
      if (existing !== undefined) this.#unregister(initiator);
    } else {
      if (existing === undefined && this.#keys.size >= MAX_REGISTRATIONS) {
        return check(Sense.InsufficientRegistrationResources);
      }
      this.#keys.set(initiator, list.serviceActionKey);
    }
    this.#generation = (this.#generation + 1) >>> 0;
    return GOOD;
  }

  #unregister(initiator: number): void {
    this.#keys.delete(initiator);
    if (this.#holder !== initiator) return;
    const successor = this.#allRegistrants ? this.#keys.keys().next().value : undefined;
    if (successor !== undefined) this.#holder = successor;
    else this.#endReservation(initiator);
  }

  #reserve(initiator: number, type: number): ReserveResult {
    if (this.#holder !== undefined) return this.#isHolder(initiator) && this.#type === type ? GOOD : CONFLICT;
    this.#holder = initiator;
    this.#type = type;
    return GOOD;
  }

  #release(initiator: number, type: number): ReserveResult {
    if (!this.#isHolder(initiator)) return GOOD;
    if (this.#type !== type) return check(Sense.InvalidReleaseOfReservation);
    this.#endReservation(initiator);
    return GOOD;
  }

  #clear(initiator: number): ReserveResult {
    for (const other of this.#keys.keys()) {
      if (other !== initiator) this.#attentions.raiseFor(other, Sense.ReservationsPreempted);
    }
    this.#keys.clear();
    this.#holder = undefined;
    this.#type = 0;
    this.#generation = (this.#generation + 1) >>> 0;
    return GOOD;
  }

  #preempt(initiator: number, type: number, key: bigint): ReserveResult {
    const everyone = key === 0n && this.#holder !== undefined && this.#allRegistrants;
    if (key === 0n && !everyone) return check(Sense.InvalidFieldInParameterList);
    const victims = [...this.#keys].filter(([, registered]) => everyone || registered === key);
    const takesOver = everyone || (this.#holder !== undefined && this.#keys.get(this.#holder) === key);
    if (victims.length === 0) return CONFLICT;
    const formerType = this.#type;
    if (takesOver && !(this.#allRegistrants && !everyone)) {
      this.#holder = initiator;
      this.#type = type;
    }
    for (const [victim] of victims) {
      if (victim === initiator) continue;
      this.#keys.delete(victim);
      this.#attentions.raiseFor(victim, Sense.RegistrationsPreempted);
      if (this.#holder === victim) this.#holder = initiator;
    }
    if (takesOver && formerType !== this.#type) {
      for (const other of this.#keys.keys()) {
        if (other !== initiator) this.#attentions.raiseFor(other, Sense.ReservationsReleased);
      }
    }
    this.#generation = (this.#generation + 1) >>> 0;
    return GOOD;
  }

  #isHolder(initiator: number): boolean {
    if (this.#holder === undefined) return false;
    return this.#holder === initiator || (this.#allRegistrants && this.#keys.has(initiator));
  }

  /** The reservation ends; those who shared it are told. */
  #endReservation(initiator: number): void {
    if (this.#type >= ReservationType.WriteExclusiveRegistrantsOnly) {
      for (const other of this.#keys.keys()) {
        if (other !== initiator) this.#attentions.raiseFor(other, Sense.ReservationsReleased);
      }
    }
    this.#holder = undefined;
    this.#type = 0;
  }
}

function isWriteExclusive(type: number): boolean {
  return (
    type === ReservationType.WriteExclusive ||
    type === ReservationType.WriteExclusiveRegistrantsOnly ||
    type === ReservationType.WriteExclusiveAllRegistrants
  );
}

function isType(type: number): boolean {
  return Object.values(ReservationType).some((known) => known === type);
}
