/**
 * Frame headers: where the headers of an Ethernet frame are, as far as TCP or UDP.
 *
 * Reads IEEE 802.1Q and 802.1ad tags, IPv4 (RFC 791), IPv6 (RFC 8200) with the extension headers that may come before
 * the transport's, TCP (RFC 9293) and UDP (RFC 768).
 */

/** Bytes of an Ethernet header without tags: two addresses and the type. */
export const ETHERNET_HEADER = 14;
/** Bytes of one VLAN tag. */
export const VLAN_TAG = 4;

export const EtherType = { Ipv4: 0x0800, Vlan: 0x8100, Ipv6: 0x86dd, ServiceVlan: 0x88a8 } as const;
export const IpProtocol = { Tcp: 6, Udp: 17 } as const;

const MOST_TAGS = 2;
const MOST_EXTENSIONS = 8;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TCP_HEADER = 20;
const UDP_HEADER = 8;

/** Where a frame's headers are: one object, filled in for frame after frame. */
export class FrameHeaders {
  /** 4, 6, or 0 when it is no IP packet. */
  version: 0 | 4 | 6 = 0;
  /** Offset of the IP header. */
  network = 0;
  /** One of {@link IpProtocol}; 0 for other protocols, fragments, and headers that are cut off. */
  protocol = 0;
  /** Offset of the TCP or UDP header; 0 when there is none. */
  transport = 0;
  /** Offset of what follows the TCP or UDP header; 0 when there is none. */
  payload = 0;

  /**
   * Finds the headers.
   *
   * @param bytes - holds the frame at `start`
   * @param start - offset of the frame; all offsets found are counted from offset 0 of `bytes`
   * @param end - offset of the frame's end
   */
  find(bytes: Uint8Array, start: number, end: number): void {
    this.version = 0;
    this.protocol = 0;
    this.transport = 0;
    this.payload = 0;
    let at = start + ETHERNET_HEADER - 2;
    if (at + 2 > end) return;
    let type = big16(bytes, at);
    for (let tags = 0; (type === EtherType.Vlan || type === EtherType.ServiceVlan) && tags < MOST_TAGS; tags++) {
      at += VLAN_TAG;
      if (at + 2 > end) return;
      type = big16(bytes, at);
    }
    this.network = at + 2;
    if (type === EtherType.Ipv4) this.#findInIpv4(bytes, end);
    else if (type === EtherType.Ipv6) this.#findInIpv6(bytes, end);
  }

  #findInIpv4(bytes: Uint8Array, end: number): void {
    const { network } = this;
    if (network + IPV4_HEADER > end || bytes[network]! >> 4 !== 4) return;
    const length = (bytes[network]! & 0xf) * 4;
    if (length < IPV4_HEADER || network + length > end) return;
    this.version = 4;
    const fragmented = (big16(bytes, network + 6) & 0x3fff) !== 0;
    if (!fragmented) this.#findTransport(bytes, network + length, end, bytes[network + 9]!);
  }

  #findInIpv6(bytes: Uint8Array, end: number): void {
    const { network } = this;
    if (network + IPV6_HEADER > end || bytes[network]! >> 4 !== 6) return;
    this.version = 6;
    let protocol = bytes[network + 6]!;
    let at = network + IPV6_HEADER;
    for (let seen = 0; seen < MOST_EXTENSIONS; seen++) {
      if (protocol === FRAGMENT) return;
      if (protocol !== HOP_BY_HOP && protocol !== ROUTING && protocol !== DESTINATION_OPTIONS) break;
      if (at + 8 > end) return;
      protocol = bytes[at]!;
      at += 8 + bytes[at + 1]! * 8;
    }
    this.#findTransport(bytes, at, end, protocol);
  }

  #findTransport(bytes: Uint8Array, at: number, end: number, protocol: number): void {
    if (protocol === IpProtocol.Udp && at + UDP_HEADER <= end) {
      this.payload = at + UDP_HEADER;
    } else if (protocol === IpProtocol.Tcp && at + TCP_HEADER <= end) {
      const length = (bytes[at + 12]! >> 4) * 4;
      if (length < TCP_HEADER || at + length > end) return;
      this.payload = at + length;
    } else {
      return;
    }
    this.protocol = protocol;
    this.transport = at;
  }
}

const big16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
