/** What a NAT has dropped, by reason, and what it has passed. The reasons are fixed: a guest cannot add one. */

/** Why a frame, or what it asks for, was dropped. */
export type DropReason =
  | 'frame-short'
  | 'frame-long'
  | 'not-for-us'
  | 'vlan-tag'
  | 'ether-type'
  | 'arp'
  | 'ipv4-header'
  | 'ipv4-length'
  | 'ipv4-checksum'
  | 'ipv4-protocol'
  | 'ipv6-header'
  | 'ipv6-length'
  | 'ipv6-protocol'
  | 'neighbour-discovery'
  | 'source-address'
  | 'destination-address'
  | 'multicast'
  | 'fragments'
  | 'icmp'
  | 'udp-header'
  | 'udp-checksum'
  | 'tcp-header'
  | 'tcp-checksum'
  | 'tcp-no-connection'
  | 'dhcp'
  | 'too-many-flows'
  | 'too-many-pings'
  | 'too-many-queries'
  | 'host-refused'
  | 'no-neighbour'
  | 'unplugged'
  | 'guest-full';

/** Counts of one NAT. */
export class Counters {
  readonly dropped: { [Reason in DropReason]?: number } = {};
  framesIn = 0;
  bytesIn = 0;
  framesOut = 0;
  bytesOut = 0;

  /** Counts one dropped frame. */
  drop(reason: DropReason): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + 1;
  }

  inspect(): Record<string, unknown> {
    const { framesIn, bytesIn, framesOut, bytesOut } = this;
    return { framesIn, bytesIn, framesOut, bytesOut, dropped: { ...this.dropped } };
  }
}
