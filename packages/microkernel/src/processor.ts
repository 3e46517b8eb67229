/**
 * Processor: what runs a virtual processor. The microkernel declares it; interpreters, translators, hardware and the
 * paravirtual processor of TypeScript guests implement it.
 *
 * A processor knows no device and no VMBus. Whatever it cannot do alone is an {@link Exit}: plain data that its caller
 * acts on before running it again.
 */

/** Why {@link Processor.run} returned. */
export type Exit =
  /** Nothing to do until an interrupt arrives. */
  | { readonly reason: 'halt' }
  /** The budget is spent; there is more to run. */
  | { readonly reason: 'budget' }
  | {
      readonly reason: 'io-port';
      readonly port: number;
      readonly width: 1 | 2 | 4;
      readonly write: boolean;
      value: number;
    }
  /** An access the second-level table does not allow. */
  | {
      readonly reason: 'gpa';
      readonly gpa: number;
      /** Which right was missing: one of {@link Access}. */
      readonly access: number;
      /** Bytes. */
      readonly width: number;
      readonly write: boolean;
      /** What is written; for a read, what the caller answers. */
      value: bigint;
    }
  | { readonly reason: 'msr'; readonly index: number; readonly write: boolean; value: bigint }
  | { readonly reason: 'cpuid'; readonly leaf: number; readonly subleaf: number }
  | { readonly reason: 'hypercall' }
  /** Interrupts can be delivered now, as was asked. */
  | { readonly reason: 'interrupt-window' }
  | { readonly reason: 'triple-fault' }
  /** A debugger holds the VP: it runs on when that lets go, which rings its doorbell. */
  | { readonly reason: 'held' }
  /** The guest turned itself off or asked for a reset; `code` is its exit code, 0 for success. */
  | { readonly reason: 'power-off'; readonly code: number }
  | { readonly reason: 'reset' }
  /** The guest reported that it crashed (crash MSRs, or an error that left a TypeScript guest). */
  | { readonly reason: 'crash'; readonly message: string };

/** Runs one virtual processor until something needs its caller. */
export interface Processor {
  /**
   * Runs until something needs the caller, or the budget is spent.
   *
   * @param budget - how much to run before returning `budget`; the unit is the processor's own (instructions, or
   * dispatched interrupts)
   */
  run(budget: number): Exit;
}
