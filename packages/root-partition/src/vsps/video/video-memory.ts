/**
 * Where a guest's picture lies: memory that the guest writes and the host reads.
 *
 * The guest chooses the address. Where it names memory of its own, that is the picture's, as Hyper-V's machines of the
 * first generation have it; the memory of the machine's video card, which appears in the address space where the guest
 * wants it, is the affair of whoever assembles the machine.
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';

/** Memory of one picture. */
export interface VideoMemory {
  /** What the guest is told to reserve of its address space. */
  readonly byteLength: number;
  /** Makes it lie at `gpa`, and nowhere else any more. @returns false when it cannot: then it is where it was */
  place(gpa: number): boolean;
  /** Makes it lie nowhere. */
  withdraw(): void;
  /** Whether all of a range can be read. */
  covers(at: number, length: number): boolean;
  /** Copies bytes out. @returns false when not all could be read */
  read(at: number, target: Uint8Array): boolean;
}

/** Picture memory in the guest's own memory. */
export class GuestVideoMemory implements VideoMemory {
  readonly byteLength: number;
  readonly #memory: GuestMemory;
  #gpa = -1;

  constructor(memory: GuestMemory, byteLength: number) {
    this.#memory = memory;
    this.byteLength = byteLength;
  }

  place(gpa: number): boolean {
    if (gpa % PAGE_SIZE !== 0 || this.#memory.find(gpa, PAGE_SIZE, Access.ReadWrite) < 0) return false;
    this.#gpa = gpa;
    return true;
  }

  withdraw(): void {
    this.#gpa = -1;
  }

  covers(at: number, length: number): boolean {
    if (this.#gpa < 0 || at < 0 || at + length > this.byteLength) return false;
    for (let done = 0; done < length;) {
      const run = this.#memory.contiguous(this.#gpa + at + done, length - done, Access.Read);
      if (run === 0) return false;
      done += run;
    }
    return true;
  }

  read(at: number, target: Uint8Array): boolean {
    return this.#gpa >= 0 && at + target.length <= this.byteLength && this.#memory.read(this.#gpa + at, target);
  }
}
