/**
 * Receive-side scaling: which queue a received frame goes to, by a Toeplitz hash of its addresses and ports.
 *
 * The hash of an input is the exclusive or, over its set bits, of the 32 bits of the key that begin at the same place. It
 * is linear, so the contribution of each byte value at each place is looked up: 36 places for TCP over IPv6.
 */
import { RSS_KEY_SIZE, RssHashType } from '@ringlet/protocols';
import { FrameHeaders, IpProtocol } from '../../backends/network/frame-headers.ts';

/** Entries of the table of indirection, at most; hv_netvsc and DPDK use as many as they are told. */
export const RSS_ENTRIES = 128;

const PLACES = 36;
const IPV4_SOURCE = 12;
const IPV6_SOURCE = 8;

/** What a driver has set, as plain data. */
export interface SavedScaling {
  /** Bits of {@link RssHashType}; 0 without scaling. */
  readonly hashTypes: number;
  /** The Toeplitz key, 40 bytes. */
  readonly key: readonly number[];
  /** Which channel each value of the hash's lower bits goes to. */
  readonly table: readonly number[];
}

/** The scaling of one adapter. */
export class ReceiveScaling {
  /** Bits of {@link RssHashType}; 0 while there is no scaling. */
  hashTypes = 0;
  /** The hash of the frame that {@link queueOf} saw last. */
  hash = 0;
  #key = new Uint8Array(RSS_KEY_SIZE);
  #table: Uint8Array = new Uint8Array(1);
  readonly #contributions = new Int32Array(PLACES * 256);
  readonly #headers = new FrameHeaders();

  /** Turns scaling off: everything goes to queue 0. */
  disable(): void {
    this.hashTypes = 0;
  }

  /** @param key - of {@link RSS_KEY_SIZE} bytes */
  setKey(key: Uint8Array): void {
    this.#key = key.slice();
    for (let place = 0; place < PLACES; place++) {
      const base = place * 256;
      for (let value = 1; value < 256; value++) {
        const lowest = value & -value;
        const bit = 8 * place + Math.clz32(lowest) - 24;
        // A value is its lowest set bit and a smaller value, which is there already.
        this.#contributions[base + value] = this.#contributions[base + (value ^ lowest)]! ^ this.#keyWord(bit);
      }
    }
  }

  /** @param table - queue numbers, at least one */
  setTable(table: Uint8Array): void {
    this.#table = table.slice();
  }

  /** The queue of a frame; 0 for those that are not hashed. {@link hash} is 0 for them too. */
  queueOf(frame: Uint8Array): number {
    this.hash = 0;
    if (this.hashTypes === 0) return 0;
    const headers = this.#headers;
    headers.find(frame, 0, frame.length);
    const { version, protocol, network } = headers;
    if (version === 0) return 0;
    const tcp = protocol === IpProtocol.Tcp;
    const four = version === 4;
    const withPorts = tcp && (this.hashTypes & (four ? RssHashType.TcpIpv4 : RssHashType.TcpIpv6)) !== 0;
    if (!withPorts && (this.hashTypes & (four ? RssHashType.Ipv4 : RssHashType.Ipv6)) === 0) return 0;
    const length = four ? 8 : 32;
    let hash = this.#hashOf(frame, network + (four ? IPV4_SOURCE : IPV6_SOURCE), length, 0);
    if (withPorts) hash ^= this.#hashOf(frame, headers.transport, 4, length);
    this.hash = hash >>> 0;
    return this.#table[this.hash % this.#table.length]!;
  }

  save(): SavedScaling {
    return { hashTypes: this.hashTypes, key: Array.from(this.#key), table: Array.from(this.#table) };
  }

  restore({ hashTypes, key, table }: SavedScaling): void {
    this.hashTypes = hashTypes;
    this.setKey(Uint8Array.from(key));
    this.setTable(Uint8Array.from(table));
  }

  #hashOf(frame: Uint8Array, start: number, length: number, place: number): number {
    let hash = 0;
    for (let i = 0; i < length; i++) hash ^= this.#contributions[(place + i) * 256 + frame[start + i]!]!;
    return hash;
  }

  /** The 32 bits of the key that begin at a bit. */
  #keyWord(bit: number): number {
    let word = 0;
    for (let i = 0; i < 32; i++) {
      const at = bit + i;
      const set = ((this.#key[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
      word = (word << 1) | set;
    }
    return word;
  }
}
