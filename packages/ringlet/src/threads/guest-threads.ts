/** What a harness of threads needs to know of a kind of guest: its memory, and what each of its processors' threads runs. */
import type { DisplayDescription, DynamicMemoryDescription } from '@ringlet/root-partition';
import type { DebuggedPartition } from '@ringlet/x64';
import type { NodeAccess, System } from '../machine/system.ts';

/** A guest of one kind, made ready in a system. */
export interface PreparedGuest {
  readonly node: NodeAccess;
  readonly partition: number;
  /** Memory of its video card, where it has one. */
  readonly vram?: DisplayDescription['vram'];
  /** Its memory, where that can change. */
  readonly memory?: DynamicMemoryDescription;
  /** What the thread of a virtual processor is given beside what all are given. Can be posted. */
  start(vp: number): unknown;
  /** What is known of its processors beside what the microkernel knows, as plain data. */
  inspect?(): Record<string, unknown>;
  /** Its processors for a debugger, where they can have one. */
  debug?(): DebuggedPartition;
  /**
   * Makes everything as it was before the guest's first instruction: memory, processors, platform. Its threads have ended,
   * and no device touches its memory. @throws UserError when the kernel cannot be read any more
   */
  restart(): void;
  /** Takes bytes for the guest's console. */
  write(bytes: Uint8Array): void;
  /** Bytes that were typed and the guest has not taken; none when absent. */
  readonly typedAhead?: number;
  /** The guest's threads have ended: its partition and its memory go. */
  dispose(): void;
}

/** A kind of guest. */
export interface GuestThreads {
  /** The module that the threads of its virtual processors run. */
  code(): Promise<URL>;
  /** Creates the partition and fills its memory. @throws UserError */
  prepare(system: System): Promise<PreparedGuest>;
}
