/** The two buffers that a guest gives its adapter: one to send from, one to receive in. */
import type { GuestMemory } from '@ringlet/microkernel';
import type { GpadlView } from '@ringlet/vmbus';
import { VLAN_TAG } from '../../backends/network/frame-headers.ts';
import { GuestBuffer } from './guest-buffer.ts';
import { ReceiveBuffer, sectionSizeFor } from './receive-buffer.ts';

/** Bytes of a section of the send buffer: a frame of the standard MTU, or several small ones. */
export const SEND_SECTION = 6144;

/** The buffers of one adapter. */
export class Buffers {
  receive: ReceiveBuffer | undefined = undefined;
  send: GuestBuffer | undefined = undefined;
  readonly #memory: GuestMemory;
  readonly #gpadl: (id: number) => GpadlView | undefined;

  /** @param gpadl - holds the GPADL of that number, if there is one */
  constructor(memory: GuestMemory, gpadl: (id: number) => GpadlView | undefined) {
    this.#memory = memory;
    this.#gpadl = gpadl;
  }

  /**
   * Takes a receive buffer.
   *
   * @param frameBytes - of the largest frame, without a tag
   * @returns its suballocations; none when it cannot be used
   */
  takeReceive(gpadl: number, id: number, frameBytes: number): { readonly size: number; readonly count: number } {
    const buffer = this.#hold(gpadl);
    this.receive = buffer && ReceiveBuffer.of(this.#memory, buffer, id, sectionSizeFor(frameBytes + VLAN_TAG));
    if (this.receive === undefined) buffer?.release();
    return { size: this.receive?.size ?? 0, count: this.receive?.count ?? 0 };
  }

  /** Takes a send buffer. @returns bytes of its sections; 0 when it cannot be used */
  takeSend(gpadl: number): number {
    const buffer = this.#hold(gpadl);
    if (buffer === undefined || buffer.byteLength >= SEND_SECTION) this.send = buffer;
    else buffer.release();
    return this.send === undefined ? 0 : SEND_SECTION;
  }

  releaseReceive(): void {
    this.receive?.release();
    this.receive = undefined;
  }

  releaseSend(): void {
    this.send?.release();
    this.send = undefined;
  }

  /** A buffer that begins with a page, as those of all drivers do. */
  #hold(id: number): GuestBuffer | undefined {
    const view = this.#gpadl(id);
    if (view === undefined) return undefined;
    if (view.offset === 0) return new GuestBuffer(this.#memory, view);
    view.release();
    return undefined;
  }
}
