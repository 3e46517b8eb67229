/** A port for tests: it keeps what is sent, and can be told what to answer. */
import type { FrameOffload, NetworkPort } from '../../backends/network/network-port.ts';

/** A port that keeps what is sent, and can be told what to answer. */
export class TestPort implements NetworkPort {
  readonly mtu: number;
  readonly sent: { frame: Uint8Array; offload: FrameOffload | undefined }[] = [];
  accepting = true;
  /** Hands a frame to the adapter. */
  deliver: (frame: Uint8Array, offload?: FrameOffload) => boolean = () => false;
  plugged = false;
  #changed: (up: boolean) => void = () => {};
  readonly link = { up: true, onChange: (change: (up: boolean) => void) => void (this.#changed = change) };

  constructor(mtu = 1500) {
    this.mtu = mtu;
  }

  setLink(up: boolean): void {
    this.link.up = up;
    this.#changed(up);
  }

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    if (this.accepting) this.sent.push({ frame: frame.slice(), offload: offload && { ...offload } });
    return this.accepting;
  }

  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void {
    this.plugged = sink !== undefined;
    this.deliver = sink ?? (() => false);
  }

  inspect(): Record<string, unknown> {
    return { kind: 'test' };
  }

  dispose(done: () => void): void {
    done();
  }
}
