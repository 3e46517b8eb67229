/** One virtual processor as the tables of MSRs, CPUID leaves and hypercalls see it: where its state lies, and its world. */
import { LocalApic } from '../apic/local-apic.ts';
import type { Core } from '../core.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { VpWord } from '../state/layout.ts';
import type { VpSynic } from '../synic/index.ts';

/** One thread's handle on a VP, inside the microkernel. */
export class VpContext {
  readonly core: Core;
  /** Id of its partition. */
  readonly partition: number;
  readonly index: number;
  /** Record slots of its partition and of itself. */
  readonly partitionSlot: number;
  readonly vpSlot: number;
  /** First words of the two records. */
  readonly record: number;
  readonly vpRecord: number;
  /** First word of what is counted of its guest's calls and registers: see `intercepts.ts`. */
  readonly intercepts: number;
  readonly memory: GuestMemory;
  readonly synic: VpSynic;
  /** There is nothing in it where the VP was created without one. */
  readonly apic: LocalApic;
  /** RCX, RDX, R8 and RAX, low half first. */
  readonly registers = new Uint32Array(8);
  readonly #generation: number;

  constructor(
    core: Core,
    partition: number,
    index: number,
    slots: { readonly partition: number; readonly vp: number },
    memory: GuestMemory,
    synic: VpSynic,
  ) {
    this.core = core;
    this.partition = partition;
    this.index = index;
    this.partitionSlot = slots.partition;
    this.vpSlot = slots.vp;
    this.record = core.state.partition(slots.partition);
    this.vpRecord = core.state.vp(slots.vp);
    this.intercepts = core.state.intercepts(slots.vp);
    this.memory = memory;
    this.synic = synic;
    this.apic = new LocalApic(core, { partition, index }, slots, synic);
    this.#generation = core.words[this.vpRecord + VpWord.Generation]!;
  }

  /** Whether the VP still exists. A handle that outlived it must not touch whoever has its record now. */
  get alive(): boolean {
    const { words } = this.core;
    return (
      Atomics.load(words, this.vpRecord + VpWord.Partition) === this.partition &&
      words[this.vpRecord + VpWord.Generation] === this.#generation
    );
  }
}
