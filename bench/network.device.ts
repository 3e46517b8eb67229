/** A network adapter whose cable leads back to itself: whoever sends a frame gets it. */
import { type FrameOffload, type NetworkPort, NetworkVsp } from '@ringlet/root-partition';
import type { DeviceWorld } from '@ringlet/vmbus';

type Sink = (frame: Uint8Array, offload?: FrameOffload) => boolean;

class LoopPort implements NetworkPort {
  readonly mtu = 9000;
  readonly link = { up: true, onChange: (): void => {} };
  #sink: Sink | undefined;

  send(frame: Uint8Array): boolean {
    return this.#sink?.(frame) ?? false;
  }

  onReceive(sink: Sink | undefined): void {
    this.#sink = sink;
  }

  inspect(): Record<string, unknown> {
    return {};
  }

  dispose(done: () => void): void {
    done();
  }
}

/** The adapter. */
export default class Loop extends NetworkVsp {
  constructor(world: DeviceWorld) {
    super(world, { name: 'loop', port: new LoopPort() });
  }
}
