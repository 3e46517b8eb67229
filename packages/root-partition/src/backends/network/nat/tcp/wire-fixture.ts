/** Two TCPs joined by a wire that may lose, repeat, delay and reorder, under a virtual clock. */
import { ETHERNET_HEADER } from '../../packet/ethernet.ts';
import { IpPacket } from '../../packet/ip-packet.ts';
import { readIpv4 } from '../../packet/ipv4.ts';
import type { VirtualClock } from '../../virtual-clock-fixture.ts';
import { Counters } from '../counters.ts';
import { natNetwork } from '../nat-network.ts';
import { Neighbours } from '../neighbours.ts';
import { Outlet } from '../outlet.ts';
import type { HostStream, HostStreamEvents } from './host-stream.ts';
import { Tcp } from './tcp.ts';

/** What the wire does to frames: chances from 0 to 1, and a delay. */
export interface WireFaults {
  readonly loss: number;
  readonly duplicate: number;
  /** Milliseconds, drawn anew for each frame. */
  readonly jitter: number;
  readonly random: () => number;
}

/** A host end in memory, which takes what it is given after a while. */
export class MemoryHost implements HostStream {
  events: HostStreamEvents = {
    connected: () => {},
    data: () => {},
    ended: () => {},
    failed: () => {},
    drained: () => {},
  };
  pending = 0;
  readonly received: Uint8Array[] = [];
  ended = false;
  destroyed: 'no' | 'closed' | 'reset' = 'no';
  paused = true;
  whenConnected = (): void => {};
  /** Milliseconds until written bytes have been taken. */
  readonly #slowness: number;
  readonly #clock: VirtualClock;
  #toSend: Uint8Array = new Uint8Array(0);
  #sent = 0;
  #finishes = false;

  constructor(clock: VirtualClock, slowness: number) {
    this.#clock = clock;
    this.#slowness = slowness;
  }

  /** It has connected; then it begins to say what it has to. */
  connects(): void {
    this.events.connected();
    this.whenConnected();
  }

  /** What this host says, and whether it ends after that. */
  says(bytes: Uint8Array, finishes: boolean): void {
    this.#toSend = bytes;
    this.#finishes = finishes;
    this.paused = false;
    this.#say();
  }

  #say(): void {
    if (this.paused || this.destroyed !== 'no') return;
    if (this.#sent < this.#toSend.length) {
      const part = this.#toSend.slice(this.#sent, this.#sent + 40_000);
      this.#sent += part.length;
      this.events.data(part);
      this.#clock.soon(() => this.#say());
    } else if (this.#finishes) {
      this.#finishes = false;
      this.events.ended();
    }
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    this.received.push(bytes.slice(start, end));
    this.pending += end - start;
    this.#clock.after(this.#slowness, () => {
      this.pending -= end - start;
      this.events.drained();
    });
  }

  flush(): void {}

  end(): void {
    this.ended = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#clock.soon(() => this.#say());
  }

  destroy(reset: boolean): void {
    if (this.destroyed === 'no') this.destroyed = reset ? 'reset' : 'closed';
  }
}

/** What the host takes to connect. */
const CONNECTING_MS = 5;
const LEFT = 0x0a000202;
const RIGHT = 0x0a00020f;
const MAC = 0x52_54_00_00_00_00;

/** `left` has what it opens accepted by `right`. */
export function joinedTcps(
  clock: VirtualClock,
  faults: WireFaults,
  mtu: number,
  hosts: { left: MemoryHost; right: MemoryHost },
) {
  const make = (connect: () => HostStream | undefined) => {
    const counters = new Counters();
    const neighbours = new Neighbours();
    neighbours.learn(LEFT, MAC);
    neighbours.learn(RIGHT, MAC + 1);
    const outlet = new Outlet(natNetwork(LEFT, 24), mtu, neighbours, counters);
    return { counters, outlet, tcp: new Tcp({ outlet, counters, clock, mtu, connect, unreachable: () => {} }) };
  };
  const left = make(() => undefined);
  // Asked once the SYN has come through, which may be the second or the third.
  const right = make(() => {
    clock.after(CONNECTING_MS, () => hosts.right.connects());
    return hosts.right;
  });
  const join = (from: typeof left, to: typeof left) => {
    from.outlet.sink = (frame) => {
      const copies = faults.random() < faults.loss ? 0 : faults.random() < faults.duplicate ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const bytes = frame.slice();
        clock.after(0.1 + faults.random() * faults.jitter, () => {
          const packet = new IpPacket();
          const wrong = readIpv4(packet, bytes, ETHERNET_HEADER, bytes.length, false);
          if (wrong) throw new Error(wrong);
          to.tcp.receive(packet, false);
        });
      }
      return true;
    };
  };
  join(left, right);
  join(right, left);
  const open = () => {
    left.tcp.forward({ guestIp: RIGHT, guestPort: 22, remoteIp: LEFT, remotePort: 40_000 }, hosts.left);
  };
  return { left, right, open };
}
