/**
 * Machine part: the devices of one kind that a machine has, and what the outside may ask of them.
 *
 * A kind of device joins a machine by one such file (`machine-disks.ts`, `machine-integration.ts`, …) and a line in
 * the device host.
 */
import type { DeviceWorld, Vsp } from '@ringlet/vmbus';

/** One function for each request: parameters in, answer out, at once or later. Both are plain data. */
export type Answers<Requests> = {
  readonly [Name in keyof Requests]: Requests[Name] extends (parameters: infer Parameters) => infer Answer
    ? (parameters: Parameters) => Answer | Promise<Answer>
    : never;
};

/** What its VSPs get of the machine, by the name that the log shows. */
export type WorldOf = (device: string) => DeviceWorld;

/** The devices of one kind. `Requests` declares what may be asked of them, one method each. */
export interface MachinePart<Requests> {
  /** Its VSPs, in the order in which they are offered. */
  readonly vsps: readonly Vsp[];
  readonly answers: Answers<Requests>;
  /** Settles when the machine may start; at once when absent. Rejects with a UserError when it may not. */
  readonly ready?: Promise<void>;
  /** Plain data, put beside what the other parts tell. */
  inspect(): Record<string, unknown>;
  /** Its VSPs are about to be saved, and others made in their place. */
  suspend?(): void;
  /** The machine is reset: its VSPs are already, and nothing of the guest runs. */
  reset?(): void;
  /** Gives back what is not a VSP's own: called once, after its VSPs are disposed of. */
  dispose?(done: () => void): void;
}
