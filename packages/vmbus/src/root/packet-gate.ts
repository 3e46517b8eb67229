/**
 * Packet gate: holds back packets of chosen devices, for a debugger. A packet that is held back stays in its ring, as if the
 * device had no room for it, and its channel waits; the device gets it when the gate lets go.
 */
import type { Channel } from '../channel/channel.ts';
import type { Packet } from '../channel/packet.ts';

/** Hears of a packet that is held back; it may be looked at during the call. */
export type PacketHeld = (device: string, packet: Packet, channel: Channel) => void;

/** The gate of one machine's bus. */
export class PacketGate {
  /** Some device's packets are held back. While this is false nothing else of the gate is asked. */
  active = false;
  readonly #held: PacketHeld;
  #devices: ReadonlySet<string> = new Set();
  readonly #waiting = new Set<Channel>();
  /** Channels whose next packet was held back already. */
  readonly #let = new Set<Channel>();

  constructor(held: PacketHeld) {
    this.#held = held;
  }

  /** Whose packets are held back from now on. */
  hold(devices: readonly string[]): void {
    this.#devices = new Set(devices);
    this.active = devices.length > 0;
  }

  /** Whether a packet that is about to be given to a device is held back. */
  holds(device: string, packet: Packet, channel: Channel): boolean {
    if (!this.#devices.has(device) || this.#let.delete(channel)) return false;
    this.#waiting.add(channel);
    this.#held(device, packet, channel);
    return true;
  }

  /** Lets go of what was held back: each device gets its packet. */
  release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const channel of waiting) {
      this.#let.add(channel);
      channel.resume();
    }
  }

  /** A channel is no more. */
  forget(channel: Channel): void {
    this.#waiting.delete(channel);
    this.#let.delete(channel);
  }
}
