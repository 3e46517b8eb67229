/** The guest's driver of multiplier: a promise for each question. */
import type { Channel, Packet } from 'ringlet/device';
import { Protocol } from './multiplier.protocol.ts';

type Answer = { readonly value: number; readonly count: number };

export default class MultiplierClient {
  static readonly interfaceId = Protocol.interfaceId;
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #lastId = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** The answer; `undefined` when there is none: the device was taken away. */
  ask(value: number): Promise<Answer | undefined> {
    const id = ++this.#lastId;
    return new Promise((answered) => {
      if (!this.#channel.request(Protocol.encode('Ask', { value }), id, 0)) return answered(undefined);
      this.#waiting.set(id, answered);
      this.#channel.flush();
    });
  }

  packet(packet: Packet): void {
    const answer = Protocol.decode(packet.payload());
    this.#waiting.get(packet.transactionLow)?.(answer?.message === 'Answer' ? answer : undefined);
    this.#waiting.delete(packet.transactionLow);
  }

  closed(): void {
    for (const answered of this.#waiting.values()) answered(undefined);
    this.#waiting.clear();
  }
}
