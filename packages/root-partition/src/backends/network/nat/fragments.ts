/**
 * Puts fragments of IPv4 packets together (RFC 791, section 3.2). A few packets at once, for a short time; fragments that
 * overlap cost the guest its packet (RFC 5722 gives the reason).
 */
import type { NetworkClock } from '../network-clock.ts';
import type { IpPacket } from '../packet/ip-packet.ts';

const MOST_PACKETS = 16;
const MOST_FRAGMENTS = 128;
const MOST_BYTES = 65_515;
const LIFE_MS = 15_000;

interface Assembly {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly identification: number;
  readonly dies: number;
  /** Header, and payload as far as it has come. */
  readonly bytes: Uint8Array;
  readonly header: number;
  readonly starts: number[];
  readonly ends: number[];
  received: number;
  total: number;
}

/** Packets of which parts have come. */
export class Fragments {
  readonly #clock: NetworkClock;
  readonly #assemblies: Assembly[] = [];

  constructor(clock: NetworkClock) {
    this.#clock = clock;
  }

  /**
   * Takes a fragment.
   *
   * @returns `whole` when the packet is complete: `packet` is the whole then; `wrong` when the packet is given up
   */
  take(packet: IpPacket): 'whole' | 'wait' | 'wrong' {
    const assembly = this.#find(packet);
    const { payload, end, fragmentOffset, moreFragments } = packet;
    const to = fragmentOffset + end - payload;
    const even = !moreFragments || (end - payload) % 8 === 0;
    const last = !moreFragments && assembly.total !== Infinity && assembly.total !== to;
    const fits = to <= MOST_BYTES && to <= assembly.total && end > payload && assembly.starts.length < MOST_FRAGMENTS;
    const overlaps = assembly.starts.some((start, index) => start < to && assembly.ends[index]! > fragmentOffset);
    const short = !moreFragments && assembly.ends.some((other) => other > to);
    if (!even || last || !fits || overlaps || short) {
      this.#forget(assembly);
      return 'wrong';
    }
    assembly.bytes.set(packet.bytes.subarray(payload, end), assembly.header + fragmentOffset);
    assembly.starts.push(fragmentOffset);
    assembly.ends.push(to);
    assembly.received += to - fragmentOffset;
    if (!moreFragments) assembly.total = to;
    if (assembly.received < assembly.total) return 'wait';
    this.#forget(assembly);
    packet.bytes = assembly.bytes;
    packet.start = 0;
    packet.payload = assembly.header;
    packet.end = assembly.header + assembly.total;
    packet.fragmentOffset = 0;
    packet.moreFragments = false;
    return 'whole';
  }

  #find(packet: IpPacket): Assembly {
    const { source, destination, protocol, identification, bytes, start, payload } = packet;
    const now = this.#clock.now();
    while (this.#assemblies.length > 0 && this.#assemblies[0]!.dies < now) this.#assemblies.shift();
    const known = this.#assemblies.find(
      (other) =>
        other.identification === identification &&
        other.source === source &&
        other.destination === destination &&
        other.protocol === protocol,
    );
    if (known) return known;
    if (this.#assemblies.length >= MOST_PACKETS) this.#assemblies.shift();
    const header = payload - start;
    const made: Assembly = {
      source,
      destination,
      protocol,
      identification,
      dies: now + LIFE_MS,
      bytes: new Uint8Array(header + MOST_BYTES),
      header,
      starts: [],
      ends: [],
      received: 0,
      total: Infinity,
    };
    made.bytes.set(bytes.subarray(start, payload));
    this.#assemblies.push(made);
    return made;
  }

  #forget(assembly: Assembly): void {
    const index = this.#assemblies.indexOf(assembly);
    if (index >= 0) this.#assemblies.splice(index, 1);
  }
}
