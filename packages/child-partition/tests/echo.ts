/** A device that answers every packet with its own payload, and its driver. */
import type { Channel, Packet, Vsp, VspBus } from '@ringlet/vmbus';
import type { Vsc } from '../src/index.ts';

/** Interface GUID of both. */
export const ECHO = 'e5ec5d1e-0000-4000-8000-000000000001';

/** Answers every packet with its own payload. */
export class Echo implements Vsp {
  readonly offer;
  readonly channels: Channel[] = [];
  bus: VspBus | undefined;
  closes = 0;

  constructor(instance = 1, interfaceId = ECHO) {
    const instanceId = `e5ec5d1e-0000-4000-9000-${String(instance).padStart(12, '0')}`;
    this.offer = { name: `echo ${instance}`, interfaceId, instanceId, maxSubchannels: 4 };
  }

  attached(bus: VspBus): void {
    this.bus = bus;
  }

  opened(channel: Channel): void {
    this.channels.push(channel);
  }

  packet(packet: Packet, channel: Channel): boolean {
    return channel.complete(packet, packet.payload());
  }

  closed(_channel: Channel, done: () => void): void {
    this.closes++;
    done();
  }
}

/** The echo device's driver: sends, and gives each answer to whoever asked. */
export class EchoVsc implements Vsc {
  static readonly interfaceId = ECHO;
  static readonly ringPages = 3;
  readonly channel: Channel;
  readonly #waiting = new Map<number, (answer: Uint8Array) => void>();
  isClosed = false;
  #next = 1;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  packet(packet: Packet): void {
    this.#waiting.get(packet.transactionLow)!(packet.payload());
  }

  closed(): void {
    this.isClosed = true;
  }

  ask(bytes: Uint8Array): Promise<Uint8Array> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.channel.whenRoom(bytes.length, () => {
        this.channel.request(bytes, id, 0);
        this.channel.flush();
      });
    });
  }
}
