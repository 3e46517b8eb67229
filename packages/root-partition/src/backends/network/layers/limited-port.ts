/** A port that carries so many bits a second, each way, and queues a little of what is more. */
import { FrameFinisher } from '../finish-frame.ts';
import type { NetworkClock } from '../network-clock.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { FrameQueue } from './frame-queue.ts';
import { PortLayer } from './port-layer.ts';

/** A port with a limit. */
export class LimitedPort extends PortLayer {
  readonly #bitsPerSecond: number;
  readonly #out: FrameQueue;
  readonly #in: FrameQueue;
  /** A frame of many segments would be served at once, and then nobody else for a while. */
  readonly #finisher = new FrameFinisher();
  #taken = true;

  constructor(inner: NetworkPort, bitsPerSecond: number, clock: NetworkClock) {
    super(inner);
    this.#bitsPerSecond = bitsPerSecond;
    this.#out = new FrameQueue(clock, bitsPerSecond, (frame, offload) => this.inner.send(frame, offload));
    this.#in = new FrameQueue(clock, bitsPerSecond, (frame, offload) => this.sink?.(frame, offload) ?? false);
  }

  readonly #queue = (frame: Uint8Array): void => {
    if (!this.#out.add(frame)) this.#taken = false;
  };

  override send(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.#taken = true;
    return this.#finisher.finish(frame, offload, this.#queue) > 0 && this.#taken;
  }

  protected override receive(frame: Uint8Array, offload?: FrameOffload): boolean {
    return this.#in.add(frame, offload);
  }

  override inspect(): Record<string, unknown> {
    const limit = {
      bitsPerSecond: this.#bitsPerSecond,
      droppedOut: this.#out.dropped,
      droppedIn: this.#in.dropped,
    };
    return { ...super.inspect(), limit };
  }

  override dispose(done: () => void): void {
    this.#out.stop();
    this.#in.stop();
    super.dispose(done);
  }
}
