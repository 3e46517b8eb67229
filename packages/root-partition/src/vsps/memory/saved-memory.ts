/** What a dynamic memory device carries on from: plain data. */

/** Where it is with its guest. `refused`: the guest speaks no version that is spoken here. */
export type DynamicMemoryState = 'closed' | 'negotiating' | 'refused' | 'ready';

/** What the guest is at work on. */
export interface Step {
  readonly kind: 'balloon' | 'unballoon' | 'hot-add';
  readonly pages: number;
  /** Pages that it has given so far. */
  given: number;
}

/** Saved state. */
export interface SavedDynamicMemory {
  readonly state: DynamicMemoryState;
  readonly version: number;
  /** Decimal: 64 bits. */
  readonly capabilities: string;
  readonly status: Readonly<Record<string, number>> | undefined;
  /** Runs of pages that the guest gave away. */
  readonly balloon: readonly (readonly [first: number, count: number])[];
  readonly added: number;
  readonly offered: number;
  readonly target: number;
  readonly step: Step | undefined;
  readonly transaction: number;
}
