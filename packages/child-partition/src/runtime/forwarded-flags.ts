/**
 * Forwarded flags: channel interrupts that arrive at another virtual processor than the one whose code they are for.
 *
 * Each virtual processor of a TypeScript guest is a world of its own, and all channels live in that of number 0. A
 * channel may interrupt any of them all the same (`targetVp`): the one that is interrupted passes the flag on through
 * guest memory, laid out like an event flags page's slot, and raises an interrupt at number 0.
 */
import { Access, type GuestMemory } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import type { HypercallVp } from '@ringlet/vmbus';
import { FORWARD_VECTOR, sendIpi } from './ipi.ts';

const FLAG_WORDS = 64;
const RECEIVER = 0;

/** Both ends of the passage. */
export class ForwardedFlags {
  readonly #vp: HypercallVp;
  readonly #words: Int32Array;
  readonly #first: number;

  constructor(vp: HypercallVp & { readonly memory: GuestMemory }, gpa: number) {
    const at = vp.memory.locate(gpa, FLAG_WORDS * 4, Access.ReadWrite);
    invariant(at >= 0, 'the forwarded flags are mapped');
    this.#vp = vp;
    this.#words = vp.memory.words;
    this.#first = at >>> 2;
  }

  /** Passes a flag on, from any virtual processor. Rings only if the flag was not under way already. */
  forward(flag: number): void {
    const bit = 1 << (flag & 31);
    const before = Atomics.or(this.#words, this.#first + (flag >>> 5), bit);
    if ((before & bit) === 0) sendIpi(this.#vp, RECEIVER, FORWARD_VECTOR);
  }

  /** Takes all flags, at virtual processor 0. */
  take(handle: (flag: number) => void): void {
    for (let word = 0; word < FLAG_WORDS; word++) {
      let bits = Atomics.exchange(this.#words, this.#first + word, 0);
      for (; bits !== 0; bits &= bits - 1) handle(word * 32 + 31 - Math.clz32(bits & -bits));
    }
  }
}
