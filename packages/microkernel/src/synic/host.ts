/** What the SynIC needs from the rest of the microkernel. One per thread. */
import type { Clock } from '../clock.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { TraceWriter } from '../trace/trace-ring.ts';

/** The microkernel as the SynIC sees it. `vpRegion`, `raise` and `wake` are on the hot path: they must not allocate. */
export interface SynicHost {
  /** The shared state. */
  readonly words: Int32Array;
  readonly clock: Clock;
  /** Where this thread writes what it sees; `undefined` when nowhere. */
  readonly trace?: TraceWriter | undefined;
  /** Word index of a VP's SynIC region; -1 when the partition has no such VP. */
  vpRegion(partition: number, vp: number): number;
  /** Makes `vector` pending at the VP's local APIC (fixed, edge). Only called on the thread that runs the VP. */
  raise(partition: number, vp: number, vector: number): void;
  /** Rings the VP's doorbell: there is work for {@link VpSynic.settle}. */
  wake(partition: number, vp: number): void;
  /** The partition's memory, where this thread can reach it. The SynIC asks on the VP's own thread only. */
  memory(partition: number): GuestMemory | undefined;
  /** Clock time at which the partition's reference time was 0. */
  timeOrigin(partition: number): number;
}
