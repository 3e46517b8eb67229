/**
 * SynicEndpoint: how one virtual processor hears the bus. Both ends use it: a guest on its VPs, and the root partition
 * on the VP that serves a machine.
 *
 * TLFS, "Virtual Interrupt Control": two pages of guest memory, each cut into sixteen 256-byte slots, one a SINT.
 *
 *     message page (SIMP), slot of SINT n at n * 256
 *     +0  u32 type, 0 = free    +4  u8 payload bytes    +5  u8 flags, bit 0: more are queued
 *     +8  u64 sender            +16 payload, at most 240 bytes
 *
 *     event flags page (SIEFP), slot of SINT n at n * 256: 2048 flags, set by the sender, cleared by us
 *
 * Registers are written in the order of Linux's `hv_synic_enable_regs`. The SINT is set to auto-EOI: whoever takes the
 * interrupt is done with it.
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';

/** SynIC registers (TLFS, "Synthetic MSRs"), in address order. */
export const SynicMsr = {
  /** Turns the VP's SynIC on: bit 0. */
  Control: 0x40000080,
  /** Event flags page: bit 0 enables, bits 12 and up are the page number. */
  EventFlagsPage: 0x40000082,
  /** Message page: bit 0 enables, bits 12 and up are the page number. */
  MessagePage: 0x40000083,
  /** End of message: a write asks for the next queued message. */
  EndOfMessage: 0x40000084,
  /** SINT 0; SINT n is n further. Bits 0-7 vector, 16 masked, 17 auto-EOI. */
  Sint0: 0x40000090,
} as const;

const ENABLE = 1n;
const PAGE_BITS = 0xffff_ffff_ffff_f000n;
const SINT_VECTOR = 0xffn;
const SINT_MASKED = 1n << 16n;
const SINT_AUTO_EOI = 1n << 17n;

const SLOT_BYTES = 256;
const FLAG_WORDS = SLOT_BYTES / 4;
const SLOT_SIZE = 4;
const SLOT_FLAGS = 5;
const SLOT_PAYLOAD = 16;
const MESSAGE_PENDING = 1;
const MAX_PAYLOAD = 240;

// A peer on another thread may refill as fast as we drain: a poll ends all the same.
const MESSAGES_PER_POLL = 64;
const INTERRUPTS_PER_POLL = 256;

/** What the endpoint needs of a virtual processor. A microkernel `Vp` is one. */
export interface SynicVp {
  /** The guest's memory, in which message and event pages lie. */
  readonly memory: GuestMemory;
  /** The register's value, or anything that is not a bigint where the read faults. */
  readMsr(index: number): unknown;
  /** Writes an MSR. Answers `undefined` when that was allowed. */
  writeMsr(index: number, value: bigint): unknown;
  /** Acknowledges and returns the highest pending vector, or -1. */
  takeInterrupt(): number;
}

/** Handles one message; `payload` is valid only during the call. `false` leaves the message in its slot. */
export type MessageHandler = (type: number, payload: Uint8Array) => boolean;

/** One VP's message slot and event flags of one SINT. Poll it whenever the VP may have interrupts. */
export class SynicEndpoint {
  readonly #vp: SynicVp;
  readonly #words: Int32Array;
  readonly #messagePage: number;
  readonly #eventPage: number;
  readonly #sint: number;
  readonly #vector: number;
  readonly #payload = new Uint8Array(MAX_PAYLOAD);
  // Offsets in the memory of our two slots; -1 while disabled. Found once: the overlays stay until disable().
  #messageSlot = -1;
  #flagSlot = -1;
  #message: MessageHandler = () => true;
  #event: (flag: number) => void = () => {};
  #interrupt: (vector: number) => void = () => {};

  /**
   * @param pages - two page-aligned guest physical addresses that nothing else uses
   * @param options - SINT 2 and vector 0xf3 unless told: what VMBus uses
   */
  constructor(
    vp: SynicVp,
    pages: { readonly messagePageGpa: number; readonly eventPageGpa: number },
    options: { readonly sint?: number; readonly vector?: number } = {},
  ) {
    invariant(pages.messagePageGpa % PAGE_SIZE === 0, 'the message page is page-aligned');
    invariant(pages.eventPageGpa % PAGE_SIZE === 0, 'the event flags page is page-aligned');
    this.#vp = vp;
    this.#words = vp.memory.words;
    this.#messagePage = pages.messagePageGpa;
    this.#eventPage = pages.eventPageGpa;
    this.#sint = options.sint ?? 2;
    this.#vector = options.vector ?? 0xf3;
  }

  /** Whether messages and events can arrive. */
  get enabled(): boolean {
    return this.#messageSlot >= 0;
  }

  /** Programs the VP: message page, event flags page, SINT, then the SynIC itself. */
  enable(): void {
    this.#modify(SynicMsr.MessagePage, PAGE_BITS | ENABLE, BigInt(this.#messagePage) | ENABLE);
    this.#modify(SynicMsr.EventFlagsPage, PAGE_BITS | ENABLE, BigInt(this.#eventPage) | ENABLE);
    this.#modify(
      SynicMsr.Sint0 + this.#sint,
      SINT_VECTOR | SINT_MASKED | SINT_AUTO_EOI,
      BigInt(this.#vector) | SINT_AUTO_EOI,
    );
    this.#modify(SynicMsr.Control, ENABLE, ENABLE);
    // Located now and not before: enabling may lay another system page over the guest page.
    const { memory } = this.#vp;
    const messages = memory.locate(this.#messagePage, 4, Access.ReadWrite);
    const flags = memory.locate(this.#eventPage, 4, Access.ReadWrite);
    invariant(messages >= 0 && flags >= 0, 'the SynIC pages are mapped, readable and writable');
    this.#messageSlot = messages + this.#sint * SLOT_BYTES;
    this.#flagSlot = flags + this.#sint * SLOT_BYTES;
  }

  /** Undoes {@link enable}: SINT masked, pages and SynIC off. What was not polled is lost. */
  disable(): void {
    this.#messageSlot = -1;
    this.#flagSlot = -1;
    this.#modify(SynicMsr.Sint0 + this.#sint, SINT_MASKED, SINT_MASKED);
    this.#modify(SynicMsr.MessagePage, PAGE_BITS | ENABLE, 0n);
    this.#modify(SynicMsr.EventFlagsPage, PAGE_BITS | ENABLE, 0n);
    this.#modify(SynicMsr.Control, ENABLE, 0n);
  }

  /** Installs the one message handler. Messages of all types come to it: 1 is VMBus, 0x80000010 an expired timer. */
  onMessage(handler: MessageHandler): void {
    this.#message = handler;
  }

  /** Installs the one event handler. A flag is already cleared when it is called; flag 0 is never a channel's. */
  onEvent(handler: (flag: number) => void): void {
    this.#event = handler;
  }

  /** Installs the handler for vectors other than the SINT's: timers in direct mode, interrupts between VPs. */
  onInterrupt(handler: (vector: number) => void): void {
    this.#interrupt = handler;
  }

  /**
   * Takes the VP's interrupts, then hands out event flags, then messages.
   *
   * @returns whether it stopped at its bound, so that the caller should poll again soon
   */
  poll(): boolean {
    let interrupts = 0;
    for (let vector = this.#vp.takeInterrupt(); vector >= 0; vector = this.#vp.takeInterrupt()) {
      if (vector !== this.#vector) this.#interrupt(vector);
      if (++interrupts === INTERRUPTS_PER_POLL) break;
    }
    if (this.#flagSlot >= 0) this.#drainFlags();
    return this.#drainMessages() || interrupts === INTERRUPTS_PER_POLL;
  }

  #drainFlags(): void {
    const words = this.#words;
    const first = this.#flagSlot >>> 2;
    for (let word = 0; word < FLAG_WORDS; word++) {
      // A plain look first: an atomic exchange on all 64 words would cost more than the rest of the poll.
      if (words[first + word] === 0) continue;
      let bits = Atomics.exchange(words, first + word, 0);
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        this.#event(word * 32 + bit);
        if (this.#flagSlot < 0) return; // the handler disabled us
      }
    }
  }

  #drainMessages(): boolean {
    const { memory } = this.#vp;
    for (let handled = 0; handled < MESSAGES_PER_POLL; handled++) {
      const slot = this.#messageSlot;
      if (slot < 0) return false;
      const type = Atomics.load(this.#words, slot >>> 2);
      if (type === 0) return false;
      const size = Math.min(memory.bytes[slot + SLOT_SIZE]!, MAX_PAYLOAD);
      for (let i = 0; i < size; i++) this.#payload[i] = memory.bytes[slot + SLOT_PAYLOAD + i]!;
      if (!this.#message(type >>> 0, this.#payload.subarray(0, size))) return false;
      if (this.#messageSlot !== slot) return false; // the handler disabled us: the slot is not ours to free
      // Freed by compare-and-swap and only then looked at for "more are queued": the sender sets that bit and then
      // looks at the type again, so one of the two sees the other (TLFS, "SynIC Message Flags").
      Atomics.compareExchange(this.#words, slot >>> 2, type, 0);
      const flags = Atomics.load(this.#words, (slot + SLOT_SIZE) >>> 2) >>> ((SLOT_FLAGS - SLOT_SIZE) * 8);
      if ((flags & MESSAGE_PENDING) !== 0) this.#vp.writeMsr(SynicMsr.EndOfMessage, 0n);
    }
    return this.#messageSlot >= 0 && Atomics.load(this.#words, this.#messageSlot >>> 2) !== 0;
  }

  #modify(msr: number, mask: bigint, bits: bigint): void {
    const old = this.#vp.readMsr(msr);
    invariant(typeof old === 'bigint', `the VP has a SynIC (MSR 0x${msr.toString(16)})`);
    this.#vp.writeMsr(msr, (old & ~mask) | bits);
  }
}
