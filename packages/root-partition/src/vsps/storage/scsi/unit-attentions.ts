/**
 * Unit attentions: what a unit must tell each initiator before it runs that initiator's next command (SAM-5, 5.14).
 *
 * A condition is a bit, so that one raised twice is told once, and nothing grows.
 */
import { Sense } from '@ringlet/protocols';

/** The conditions, the most urgent first: the order they are told in. */
const CONDITIONS = [
  Sense.ScsiBusReset,
  Sense.BusDeviceReset,
  Sense.MediumMayHaveChanged,
  Sense.ReservationsPreempted,
  Sense.ReservationsReleased,
  Sense.RegistrationsPreempted,
  Sense.CapacityDataChanged,
  Sense.ReportedLunsDataChanged,
] as const;

/** A condition that initiators are told of. */
export type UnitAttention = (typeof CONDITIONS)[number];

/** The pending conditions of one unit. */
export class UnitAttentions {
  readonly #pending = new Map<number, number>();
  #any = false;

  /** Whether any initiator has something to be told: the one check a block command pays. */
  get any(): boolean {
    return this.#any;
  }

  /** Makes an initiator known: conditions raised from now on are kept for it. */
  attach(initiator: number): void {
    if (!this.#pending.has(initiator)) this.#pending.set(initiator, 0);
  }

  /** Forgets what is pending. */
  clear(): void {
    for (const initiator of this.#pending.keys()) this.#pending.set(initiator, 0);
    this.#any = false;
  }

  /** Raises a condition for every known initiator but `except`. */
  raise(condition: UnitAttention, except?: number): void {
    for (const initiator of this.#pending.keys()) {
      if (initiator !== except) this.raiseFor(initiator, condition);
    }
  }

  /** Raises a condition for one initiator, when it is known. */
  raiseFor(initiator: number, condition: UnitAttention): void {
    const pending = this.#pending.get(initiator);
    if (pending === undefined) return;
    this.#pending.set(initiator, pending | (1 << CONDITIONS.indexOf(condition)));
    this.#any = true;
  }

  /** The next condition for an initiator, which is thereby told; 0 when there is none. */
  take(initiator: number): number {
    const pending = this.#pending.get(initiator) ?? 0;
    if (pending === 0) return Sense.None;
    const bit = 31 - Math.clz32(pending & -pending);
    this.#pending.set(initiator, pending & ~(1 << bit));
    this.#any = [...this.#pending.values()].some((bits) => bits !== 0);
    return CONDITIONS[bit]!;
  }

  /** Pending conditions by initiator, as plain data. */
  save(): [initiator: number, conditions: number[]][] {
    return [...this.#pending].map(([initiator, bits]) => [
      initiator,
      CONDITIONS.filter((_, bit) => (bits & (1 << bit)) !== 0),
    ]);
  }

  restore(state: readonly (readonly [number, readonly number[]])[]): void {
    this.#pending.clear();
    this.#any = false;
    for (const [initiator, conditions] of state) {
      this.attach(initiator);
      for (const condition of CONDITIONS) if (conditions.includes(condition)) this.raiseFor(initiator, condition);
    }
  }
}
