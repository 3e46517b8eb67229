/** The guest's half of echo: a promise for each packet sent. */
import type { Channel, Packet } from 'ringlet';

export default class EchoClient {
  static readonly interfaceId = '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10';
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (answer: Uint8Array) => void>();
  #next = 1;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  echo(bytes: Uint8Array): Promise<Uint8Array> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (!this.#channel.request(bytes, id, 0)) return reject(new Error('the ring is full'));
      this.#waiting.set(id, resolve);
      this.#channel.flush();
    });
  }

  packet(answer: Packet): void {
    this.#waiting.get(answer.transactionLow)?.(answer.payload());
    this.#waiting.delete(answer.transactionLow);
  }
}
