/** An echo device that records what it is told, and what a guest does with it. */
import type { Channel } from '../src/channel/channel.ts';
import type { Packet } from '../src/channel/packet.ts';
import type { OfferDescription, Vsp, VspBus } from '../src/device.ts';
import { device } from './bus-harness.ts';
import type { BusMachine } from './bus-machine.ts';

/** Answers every packet with its own payload. */
export class Echo implements Vsp {
  readonly offer: OfferDescription;
  bus: VspBus | undefined;
  channel: Channel | undefined;
  readonly calls: string[] = [];
  /** Called by the test, when set, instead of closing at once. */
  finishClose: (() => void) | undefined;
  closeLater = false;

  constructor(n = 1, more: Partial<OfferDescription> = {}) {
    this.offer = device(n, { name: `echo ${n}`, ...more });
  }

  attached(bus: VspBus): void {
    this.bus = bus;
  }

  opened(channel: Channel): boolean | void {
    this.calls.push(`opened ${channel.subchannelIndex}`);
    if (channel.subchannelIndex === 0) this.channel = channel;
  }

  reopened(channel: Channel): void {
    this.calls.push('reopened');
    this.channel = channel;
  }

  packet(packet: Packet, channel: Channel): void {
    channel.complete(packet, packet.payload());
  }

  closed(channel: Channel, done: () => void): void {
    this.calls.push(`closed ${channel.subchannelIndex}`);
    if (this.closeLater) this.finishClose = done;
    else done();
  }

  retargeted(_channel: Channel, vp: number): void {
    this.calls.push(`retargeted ${vp}`);
  }
}

/** Eight bytes that begin with these. */
export const bytes = (...values: number[]) => Uint8Array.from({ length: 8 }, (_, i) => values[i] ?? 0);

/** Sends one request and gives the answer's first byte. */
export async function ask(machine: BusMachine, channel: Channel, value: number): Promise<number | undefined> {
  let answer: number | undefined;
  channel.onPacket((packet) => void (answer = packet.u8(0)));
  channel.request(bytes(value), value, 0);
  channel.flush();
  await machine.settle();
  return answer;
}

/** Connects and opens the primary channel of a device. */
export async function opened(machine: BusMachine, index = 0): Promise<Channel> {
  await machine.during(machine.client.connect());
  const offer = machine.client.offers.filter((each) => each.subchannelIndex === 0)[index]!;
  return machine.during(machine.client.open(offer, { ringPages: 4 }));
}
