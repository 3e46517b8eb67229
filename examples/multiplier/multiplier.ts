/** multiplier: the device. Multiplies what it is asked, and counts. */
import { type Channel, type DeviceWorld, type Packet, type Vsp, z } from 'ringlet/device';
import { Protocol } from './multiplier.protocol.ts';

const options = z.strictObject({
  factor: z.int().min(1).max(1000).default(2).describe('What each value is multiplied by'),
});

export default class Multiplier implements Vsp<{ count: number }> {
  static readonly options = options;
  readonly protocol = Protocol;
  // 100 µs: what programs of Linux, by uio_hv_generic, signal with.
  readonly offer = { ...Protocol.offer, monitorLatency: 1_000 };
  readonly #world: DeviceWorld;
  readonly #factor: number;
  #count = 0;

  constructor(world: DeviceWorld, { factor }: z.output<typeof options>) {
    this.#world = world;
    this.#factor = factor;
  }

  packet(packet: Packet, channel: Channel): boolean {
    const question = Protocol.decode(packet.payload());
    if (question?.message !== 'Ask') {
      this.#world.log.guestError('no question');
      return channel.complete(packet, Protocol.encode('Refusal', {}));
    }
    const value = (question.value * this.#factor) >>> 0;
    // No room for the answer: leave the question in the ring, it comes again.
    if (!channel.complete(packet, Protocol.encode('Answer', { value, count: this.#count + 1 }))) return false;
    this.#count++;
    return true;
  }

  save = () => ({ count: this.#count });
  restore = (state: { count: number }) => void (this.#count = state.count);
  inspect = () => ({ count: this.#count, factor: this.#factor });
}
