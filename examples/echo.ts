/** Echo: answers every packet with its own bytes. The smallest useful device. */
import type { Channel, Packet, Vsp } from 'ringlet';

export default class Echo implements Vsp<{ answered: number }> {
  readonly offer = {
    name: 'echo',
    interfaceId: '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10',
    instanceId: '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01',
  };

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
