/**
 * The child → root monitor page: doorbells without a hypercall.
 *
 *     +0x000  u32 trigger state
 *     +0x008  4 × { u32 pending, u32 armed }     bit n of group g: monitor id 32 g + n
 *     +0x240  u16[4][32] latency, +0x440 parameters: filled by a hypervisor that traps the page; we look at it instead
 *
 * The child sets a bit and does nothing else, so somebody has to look. Only channels that were offered with a monitor id
 * are rung this way.
 */
import { Access, type GuestMemory } from '@ringlet/microkernel';

const GROUPS = 4;
const FIRST_PENDING = 0x8;
const GROUP_BYTES = 8;
const PAGE_BYTES = 4096;

/** The page of one connected child. */
export class MonitorPage {
  readonly #words: Int32Array;
  readonly #first: number;

  private constructor(words: Int32Array, first: number) {
    this.#words = words;
    this.#first = first;
  }

  /** Finds the page. @returns `undefined` when it is not there, or not writable. */
  static find(memory: GuestMemory, gpa: number): MonitorPage | undefined {
    const at = memory.find(gpa, PAGE_BYTES, Access.ReadWrite);
    return at < 0 ? undefined : new MonitorPage(memory.words, (at + FIRST_PENDING) >>> 2);
  }

  /** Takes the bits that are set, and reports each. */
  poll(rung: (monitorId: number) => void): void {
    for (let group = 0; group < GROUPS; group++) {
      const word = this.#first + (group * GROUP_BYTES) / 4;
      if (Atomics.load(this.#words, word) === 0) continue;
      let bits = Atomics.exchange(this.#words, word, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        rung(group * 32 + bit);
      }
    }
  }
}
