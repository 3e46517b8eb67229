/** Ticker: a device that speaks unasked, by the clock of its world. */
import { type Channel, type DeviceWorld, type Packet, protocol, u32, type Vsp } from 'ringlet/device';

const SECOND = 10_000_000; // in units of 100 ns, as every clock here counts

export const Protocol = protocol({
  name: 'ticker',
  interfaceId: '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a10',
  instanceId: '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a11',
  messages: {
    Tick: { tag: 1, from: 'host', about: 'another second has passed', fields: { seconds: u32 } },
  },
});

export default class Ticker implements Vsp<{ seconds: number }> {
  readonly offer = Protocol.offer;
  readonly protocol = Protocol;
  readonly #world: DeviceWorld;
  #seconds = 0;
  #cancel = (): void => {};

  constructor(world: DeviceWorld) {
    this.#world = world;
  }

  opened(channel: Channel): void {
    this.#cancel = this.#world.after(SECOND, () => {
      // A guest that does not read loses ticks: a device never waits for one.
      channel.send(Protocol.encode('Tick', { seconds: ++this.#seconds }));
      channel.flush(); // outside packet(), publishing is yours to do
      this.opened(channel);
    });
  }

  packet(_packet: Packet): void {
    this.#world.log.guestError('a ticker takes no packets');
  }

  closed(_channel: Channel, done: () => void): void {
    this.#cancel();
    done();
  }

  save = () => ({ seconds: this.#seconds });
  restore = (state: { seconds: number }) => void (this.#seconds = state.seconds);
  inspect = () => ({ seconds: this.#seconds });
}
