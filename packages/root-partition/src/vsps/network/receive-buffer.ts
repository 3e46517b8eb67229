/**
 * Receive buffer: guest memory in suballocations of one size, each free, or being filled, or with the guest until that
 * says that it has read it.
 *
 * What goes out in one packet is a chain, known by its first suballocation: that number and one is the packet's
 * transaction id. A guest that answers with anything else frees nothing.
 */
import { Access, type GuestMemory } from '@ringlet/microkernel';
import type { GuestBuffer } from './guest-buffer.ts';

/** Suballocations at most: more than hv_netvsc's 16 MiB have. */
const MOST_SECTIONS = 16_384;
/** Suballocations that frames leave to control messages. */
const RESERVED = 16;
const NONE = -1;

/** Room beside the frame: headers and information; Windows drivers do not use the last 36 bytes. */
const OVERHEAD = 256 + 36;
const PAGE = 4096;

/**
 * Bytes of a suballocation for frames of so many bytes. A small one lies inside one page, so that a frame is one copy
 * wherever the pages are.
 */
export function sectionSizeFor(frameBytes: number): number {
  const least = frameBytes + OVERHEAD;
  if (least <= PAGE / 2) return PAGE / 2;
  return Math.ceil(least / PAGE) * PAGE;
}

/** The receive buffer of one adapter. */
export class ReceiveBuffer {
  /** Its number, as the guest gave it. */
  readonly id: number;
  /** Bytes of a suballocation, and how many there are. */
  readonly size: number;
  readonly count: number;
  readonly #memory: GuestMemory;
  readonly #buffer: GuestBuffer;
  /** The next of a chain, or of the free list. */
  readonly #next: Int32Array;
  /** 1: the first of a chain that the guest has. */
  readonly #heads: Uint8Array;
  #free = 0;
  #freeCount: number;

  /** @returns undefined when the buffer is too small to be of use */
  static of(memory: GuestMemory, buffer: GuestBuffer, id: number, size: number): ReceiveBuffer | undefined {
    const count = Math.min(MOST_SECTIONS, Math.floor(buffer.byteLength / size));
    return count > RESERVED ? new ReceiveBuffer(memory, buffer, id, size, count) : undefined;
  }

  private constructor(memory: GuestMemory, buffer: GuestBuffer, id: number, size: number, count: number) {
    this.#memory = memory;
    this.#buffer = buffer;
    this.id = id;
    this.size = size;
    this.count = count;
    this.#next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : NONE));
    this.#heads = new Uint8Array(count);
    this.#freeCount = count;
  }

  /** Suballocations that are free. */
  get free(): number {
    return this.#freeCount;
  }

  /** Takes a suballocation for a frame, or for a control message. @returns -1 when none is left for that */
  take(control = false): number {
    if (this.#freeCount <= (control ? 0 : RESERVED)) return NONE;
    const section = this.#free;
    this.#free = this.#next[section]!;
    this.#next[section] = NONE;
    this.#freeCount--;
    return section;
  }

  /** Puts `section` behind the last of a chain. */
  link(last: number, section: number): void {
    this.#next[last] = section;
  }

  /** A chain goes to the guest. Called before its packet can be seen: the answer may come at once. */
  sent(first: number): void {
    this.#heads[first] = 1;
  }

  /** A chain's packet could not be sent after all. */
  unsent(first: number): void {
    this.#heads[first] = 0;
    this.#release(first);
  }

  /** The guest gives a chain back. @returns whether it has one of that number */
  received(first: number): boolean {
    if (!(first >= 0 && first < this.count) || this.#heads[first] === 0) return false;
    this.unsent(first);
    return true;
  }

  /** Writes into a suballocation. @returns false when it is not writable guest memory */
  write(section: number, at: number, source: Uint8Array): boolean {
    const start = section * this.size + at;
    const bytes = this.#memory.bytes;
    for (let done = 0; done < source.length;) {
      const offset = this.#buffer.find(start + done, source.length - done, Access.Write);
      if (offset < 0) return false;
      const { run } = this.#buffer;
      bytes.set(run === source.length ? source : source.subarray(done, done + run), offset);
      done += run;
    }
    return true;
  }

  /**
   * Finds the first `length` bytes of a suballocation, at most {@link OVERHEAD} of them.
   *
   * @returns their offset in `memory.view`; -1 when they are not there, or not together
   */
  header(section: number, length: number): number {
    const offset = this.#buffer.find(section * this.size, length, Access.Write);
    return this.#buffer.run === length ? offset : NONE;
  }

  /** The chains that the guest has: the first of each, and what follows it. */
  save(): number[][] {
    const chains: number[][] = [];
    for (let first = 0; first < this.count; first++) {
      if (this.#heads[first] === 0) continue;
      const chain: number[] = [];
      for (let section = first; section !== NONE; section = this.#next[section]!) chain.push(section);
      chains.push(chain);
    }
    return chains;
  }

  /** Makes a new buffer one whose guest has these chains. Sections that do not exist, or twice, are left out. */
  restore(chains: readonly (readonly number[])[]): void {
    const used = new Uint8Array(this.count);
    for (const chain of chains) {
      let last = NONE;
      for (const section of chain) {
        if (!(section >= 0 && section < this.count) || used[section] === 1) continue;
        used[section] = 1;
        this.#next[section] = NONE;
        if (last === NONE) this.#heads[section] = 1;
        else this.#next[last] = section;
        last = section;
      }
    }
    this.#free = NONE;
    this.#freeCount = 0;
    for (let section = this.count - 1; section >= 0; section--) {
      if (used[section] === 1) continue;
      this.#next[section] = this.#free;
      this.#free = section;
      this.#freeCount++;
    }
  }

  /** Lets the guest's teardown complete. */
  release(): void {
    this.#buffer.release();
  }

  inspect(): Record<string, unknown> {
    return { bytes: this.#buffer.byteLength, size: this.size, count: this.count, free: this.#freeCount };
  }

  #release(first: number): void {
    for (let section = first; section !== NONE;) {
      const next = this.#next[section]!;
      this.#next[section] = this.#free;
      this.#free = section;
      this.#freeCount++;
      section = next;
    }
  }
}
