/** Echo: answers every packet with its own bytes. The smallest useful device. */
import { type Channel, type Packet, protocol, u32, type Vsp } from 'ringlet/device';

export const Protocol = protocol({
  name: 'echo',
  interfaceId: '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10',
  instanceId: '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01',
  messages: { Echo: { tag: 1, from: 'both', about: 'bytes, which come back', fields: { length: u32 } } },
});

export default class Echo implements Vsp<{ answered: number }> {
  readonly protocol = Protocol;
  readonly offer: typeof Protocol.offer = Protocol.offer;
  #answered = 0;

  packet(request: Packet, channel: Channel): boolean {
    if (!channel.complete(request, request.payload())) return false;
    this.#answered++;
    return true;
  }

  save = () => ({ answered: this.#answered });
  restore = (state: { answered: number }) => void (this.#answered = state.answered);
  inspect = () => ({ answered: this.#answered });
}
