/** A port whose other end is elsewhere: what comes from there is handed in when whoever holds it says so. */
import { LinkState } from './link-state.ts';
import type { FrameOffload, NetworkPort } from './network-port.ts';

/** What a {@link RelayedPort} is made with. */
export interface RelayedPortOptions {
  /** Largest packet in bytes, without the Ethernet header. */
  readonly mtu: number;
  /** Takes the guest's frames. The bytes are only valid during the call. */
  readonly sent: (frame: Uint8Array, offload?: FrameOffload) => void;
}

/** A port for a run that is to be repeated: the guest never learns whether a frame was taken. */
export class RelayedPort implements NetworkPort {
  readonly link = new LinkState(false);
  readonly mtu: number;
  readonly #sent: RelayedPortOptions['sent'];
  #sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined;
  #counts = { sent: 0, received: 0, dropped: 0 };

  constructor({ mtu, sent }: RelayedPortOptions) {
    this.mtu = mtu;
    this.#sent = sent;
  }

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.#counts.sent++;
    this.#sent(frame, offload);
    return true;
  }

  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void {
    this.#sink = sink;
  }

  /** Hands in a frame from the other end. */
  receive(frame: Uint8Array, offload?: FrameOffload): void {
    if (this.#sink?.(frame, offload) === true) this.#counts.received++;
    else this.#counts.dropped++;
  }

  inspect(): Record<string, unknown> {
    return { kind: 'relayed', mtu: this.mtu, up: this.link.up, ...this.#counts };
  }

  dispose(done: () => void): void {
    done();
  }
}
