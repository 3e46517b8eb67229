/** The guest's half of echo: a promise for each packet sent. */
import type { Channel, Packet } from 'ringlet';
import { Protocol } from './echo.ts';

export default class EchoClient {
  static readonly interfaceId = Protocol.interfaceId;
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (answer: Uint8Array) => void>();
  #next = 1;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  echo(bytes: Uint8Array): Promise<Uint8Array> {
    const id = this.#next++;
    const message = Uint8Array.of(...Protocol.encode('Echo', { length: bytes.length }), ...bytes);
    return new Promise((resolve, reject) => {
      if (!this.#channel.request(message, id, 0)) return reject(new Error('the ring is full'));
      this.#waiting.set(id, resolve);
      this.#channel.flush();
    });
  }

  packet(answer: Packet): void {
    this.#waiting.get(answer.transactionLow)?.(answer.payload().subarray(8, 8 + answer.u32(4)));
    this.#waiting.delete(answer.transactionLow);
  }
}
