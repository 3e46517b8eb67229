/** Something between a NIC and its port: sees every frame, both ways, and is a port itself. */
import type { FrameOffload, NetworkPort } from '../network-port.ts';

/** What a NIC, or a layer above, does with frames for the guest. */
export type Sink = (frame: Uint8Array, offload?: FrameOffload) => boolean;

/** A layer that passes everything. */
export class PortLayer implements NetworkPort {
  readonly link: NetworkPort['link'];
  readonly mtu: number;
  protected readonly inner: NetworkPort;
  protected sink: Sink | undefined;

  constructor(inner: NetworkPort) {
    this.inner = inner;
    this.link = inner.link;
    this.mtu = inner.mtu;
  }

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    return this.inner.send(frame, offload);
  }

  /** A frame for the guest. */
  protected receive(frame: Uint8Array, offload?: FrameOffload): boolean {
    return this.sink?.(frame, offload) ?? false;
  }

  onReceive(sink: Sink | undefined): void {
    this.sink = sink;
    this.inner.onReceive(sink && ((frame, offload) => this.receive(frame, offload)));
  }

  inspect(): Record<string, unknown> {
    return this.inner.inspect();
  }

  dispose(done: () => void): void {
    this.inner.dispose(done);
  }
}
