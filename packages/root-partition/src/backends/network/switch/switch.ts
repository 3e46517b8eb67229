/**
 * A learning switch (IEEE 802.1D, 802.1Q without spanning tree: its ports are ends, not other switches).
 *
 *     frame in ──► VLAN of the port ──► learn source ──► port of the destination, or all of the VLAN ──► tag or not
 */
import type { NetworkClock } from '../network-clock.ts';
import { formatMac, isGroupMac, readMac } from '../packet/address.ts';
import { read16, write16 } from '../packet/bytes.ts';
import { ETHERNET_HEADER, EtherType, LARGEST_UNCUT_FRAME } from '../packet/ethernet.ts';
import { MacTable } from './mac-table.ts';
import { Membership, type MembershipDescription } from './membership.ts';

const ADDRESSES = 12;
const TAG = 4;
/** Ports of one switch. */
const MOST_PORTS = 256;

/** What is plugged in. */
export interface SwitchPortOptions extends MembershipDescription {
  /** For people. */
  readonly name: string;
  /** Address of the adapter behind it, if that is known. */
  readonly mac?: string;
  /** Takes a frame for it; the bytes are only valid during the call. @returns false when it could not */
  deliver(frame: Uint8Array): boolean;
}

/** Sees every frame that comes in. */
export type Mirror = (port: string, frame: Uint8Array) => void;

/** One port of a switch. */
export class SwitchPort {
  readonly name: string;
  readonly mac: string | undefined;
  readonly membership: Membership;
  readonly deliver: SwitchPortOptions['deliver'];
  readonly counts = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, dropped: 0 };
  #owner: Switch | undefined;

  constructor(owner: Switch, options: SwitchPortOptions) {
    this.#owner = owner;
    this.name = options.name;
    this.mac = options.mac;
    this.membership = new Membership(options);
    this.deliver = (frame) => options.deliver(frame);
  }

  /** A frame comes in. */
  receive(frame: Uint8Array): void {
    this.#owner?.forward(this, frame);
  }

  /** Unplugs it. */
  detach(): void {
    this.#owner?.remove(this);
    this.#owner = undefined;
  }
}

/** A switch. */
export class Switch {
  /** Sees every frame that comes in, if set. */
  mirror: Mirror | undefined;
  readonly #clock: NetworkClock;
  readonly #ports = new Set<SwitchPort>();
  readonly #table = new MacTable<SwitchPort>();
  readonly #tagged = new Uint8Array(LARGEST_UNCUT_FRAME);
  readonly #untagged = new Uint8Array(LARGEST_UNCUT_FRAME);
  #flooded = 0;

  constructor(clock: NetworkClock) {
    this.#clock = clock;
  }

  get portCount(): number {
    return this.#ports.size;
  }

  /** Plugs something in. @returns undefined when every port is taken */
  attach(options: SwitchPortOptions): SwitchPort | undefined {
    if (this.#ports.size >= MOST_PORTS) return undefined;
    const port = new SwitchPort(this, options);
    this.#ports.add(port);
    return port;
  }

  /** The port that has an address in a VLAN that is to have another of it. */
  holderOf(mac: string, description: MembershipDescription): SwitchPort | undefined {
    const membership = new Membership(description);
    return [...this.#ports].find((port) => port.mac === mac && port.membership.meets(membership));
  }

  /** Called by the port itself. */
  remove(port: SwitchPort): void {
    this.#ports.delete(port);
    this.#table.forget(port);
  }

  /** Called by the port that a frame came in at. */
  forward(from: SwitchPort, frame: Uint8Array): void {
    if (frame.length < ETHERNET_HEADER || frame.length > LARGEST_UNCUT_FRAME - TAG) {
      from.counts.dropped++;
      return;
    }
    from.counts.framesIn++;
    from.counts.bytesIn += frame.length;
    this.mirror?.(from.name, frame);
    const hasTag = read16(frame, ADDRESSES) === EtherType.Vlan && frame.length >= ETHERNET_HEADER + TAG;
    const tag = hasTag ? read16(frame, ADDRESSES + 2) : undefined;
    const vlan = from.membership.vlanOf(tag);
    const source = readMac(frame, 6);
    if (vlan === undefined || isGroupMac(source)) {
      from.counts.dropped++;
      return;
    }
    const now = this.#clock.now();
    this.#table.learn(vlan, source, from, now);
    const destination = readMac(frame, 0);
    const known = isGroupMac(destination) ? undefined : this.#table.find(vlan, destination, now);
    if (known) return this.#pass(from, known, vlan, tag, frame);
    this.#flooded++;
    for (const port of this.#ports) this.#pass(from, port, vlan, tag, frame);
  }

  #pass(from: SwitchPort, to: SwitchPort, vlan: number, tag: number | undefined, frame: Uint8Array): void {
    if (to === from || (from.membership.isolated && to.membership.isolated)) return;
    const egress = to.membership.egress(vlan);
    if (egress === 'no') return;
    const whole = egress === 'tagged' ? this.#withTag(frame, tag, vlan) : this.#withoutTag(frame, tag);
    if (!to.deliver(whole)) {
      to.counts.dropped++;
      return;
    }
    to.counts.framesOut++;
    to.counts.bytesOut += whole.length;
  }

  #withTag(frame: Uint8Array, tag: number | undefined, vlan: number): Uint8Array {
    if (tag !== undefined && (tag & 0xfff) === vlan) return frame;
    const bytes = this.#tagged;
    const rest = tag === undefined ? ADDRESSES : ADDRESSES + TAG;
    bytes.set(frame.subarray(0, ADDRESSES), 0);
    write16(bytes, ADDRESSES, EtherType.Vlan);
    write16(bytes, ADDRESSES + 2, ((tag ?? 0) & 0xf000) | vlan);
    bytes.set(frame.subarray(rest), ADDRESSES + TAG);
    return bytes.subarray(0, ADDRESSES + TAG + frame.length - rest);
  }

  #withoutTag(frame: Uint8Array, tag: number | undefined): Uint8Array {
    if (tag === undefined) return frame;
    const bytes = this.#untagged;
    bytes.set(frame.subarray(0, ADDRESSES), 0);
    bytes.set(frame.subarray(ADDRESSES + TAG), ADDRESSES);
    return bytes.subarray(0, frame.length - TAG);
  }

  inspect(): Record<string, unknown> {
    this.#table.age(this.#clock.now());
    return {
      ports: [...this.#ports].map(({ name, membership: { vlan, isolated }, counts }) => ({
        name,
        vlan,
        isolated,
        ...counts,
      })),
      addresses: [...this.#table.entries()]
        .slice(0, MOST_SHOWN)
        .map(({ vlan, mac, port }) => ({ vlan, mac: formatMac(mac), port: port.name })),
      flooded: this.#flooded,
    };
  }
}

/** Addresses that `inspect` lists. */
const MOST_SHOWN = 256;
