/** Adapter: what the guest's driver asks for and sets by OIDs, as the rest of the device sees it. */
import {
  ChecksumSupport,
  ENCAPSULATION_802_3,
  LargeSendIpv6Support,
  NDIS_OFFLOAD_SIZES,
  NdisObjectType,
  NdisOffload,
} from '@ringlet/protocols';
import { FrameFilter } from './packet-filter.ts';
import { ReceiveScaling, type SavedScaling } from './receive-scaling.ts';
import { NetworkStatistics } from './statistics.ts';

/** Largest frame that a driver may leave to be cut: headers included, its packet stays below 64 KiB. */
const LARGEST_SEND = 0xf800;
const LEAST_SEGMENTS = 2;

/** What does not change while the device lives. */
export interface AdapterFacts {
  readonly permanentAddress: Uint8Array;
  readonly mtu: number;
  /** Bits a second. */
  readonly linkSpeed: number;
  readonly friendlyName: string;
}

/** An adapter as plain data. */
export interface SavedAdapter {
  /** Between INITIALIZE and HALT. */
  readonly initialized: boolean;
  /** The six bytes that the driver has set as its address. */
  readonly address: readonly number[];
  /** Which frames it wants: bits of NDIS_PACKET_TYPE. */
  readonly filter: number;
  /** Addresses of its list, six bytes each. */
  readonly multicast: readonly number[];
  /** OID_GEN_CURRENT_LOOKAHEAD, which changes nothing. */
  readonly lookahead: number;
  /** The checksum and large-send fields that the driver has set last. */
  readonly offload: readonly number[];
  /** How frames are spread over channels. */
  readonly scaling: SavedScaling;
  /** What the driver believes the link to be. */
  readonly toldLink: boolean;
}

/** The state of one adapter. */
export class Adapter {
  readonly facts: AdapterFacts;
  readonly filter: FrameFilter;
  readonly scaling = new ReceiveScaling();
  readonly statistics = new NetworkStatistics();
  /** Between INITIALIZE and HALT. */
  initialized = false;
  /** Queues that the guest may use: its channels. */
  queues = 1;
  /** Bytes of frames that need no cutting. */
  frameBytes = 1514;
  lookahead = 0;
  /** Values of the checksum and large-send fields of the parameters that the driver has set last. */
  offload: readonly number[] = [];
  link = false;
  /** What the driver believes the link to be. */
  toldLink = false;

  constructor(facts: AdapterFacts) {
    this.facts = facts;
    this.filter = new FrameFilter(facts.permanentAddress.slice());
  }

  /** The driver is gone, or begins anew. The counters go on. */
  reset(): void {
    this.initialized = false;
    this.filter.wanted = 0;
    this.filter.multicast = new Uint8Array(0);
    this.filter.address.set(this.facts.permanentAddress);
    this.scaling.disable();
    this.lookahead = 0;
    this.offload = [];
  }

  save(): SavedAdapter {
    return {
      initialized: this.initialized,
      address: Array.from(this.filter.address),
      filter: this.filter.wanted,
      multicast: Array.from(this.filter.multicast),
      lookahead: this.lookahead,
      offload: [...this.offload],
      scaling: this.scaling.save(),
      toldLink: this.toldLink,
    };
  }

  restore(saved: SavedAdapter): void {
    this.initialized = saved.initialized;
    this.filter.address.set(saved.address);
    this.filter.wanted = saved.filter;
    this.filter.multicast = Uint8Array.from(saved.multicast);
    this.lookahead = saved.lookahead;
    this.offload = saved.offload;
    this.scaling.restore(saved.scaling);
    this.toldLink = saved.toldLink;
  }
}

const IPV4 = ChecksumSupport.IpOptions | ChecksumSupport.TcpOptions | ChecksumSupport.Tcp | ChecksumSupport.Udp;
const IPV6 = ChecksumSupport.IpOptions | ChecksumSupport.TcpOptions | ChecksumSupport.Tcp | ChecksumSupport.Udp;

/** What the adapter can do for a driver, as the revision that it asks for. */
export function offloadCapabilities(revision: number): Uint8Array {
  const known = Math.min(Math.max(revision, 1), 3);
  const size = NDIS_OFFLOAD_SIZES[known as 1 | 2 | 3];
  const whole = NdisOffload.encode({
    header: { type: NdisObjectType.Offload, revision: known, size },
    ipv4TransmitEncapsulation: ENCAPSULATION_802_3,
    ipv4Transmit: IPV4 | ChecksumSupport.Ip,
    ipv4ReceiveEncapsulation: ENCAPSULATION_802_3,
    ipv4Receive: IPV4 | ChecksumSupport.Ip,
    ipv6TransmitEncapsulation: ENCAPSULATION_802_3,
    ipv6Transmit: IPV6,
    ipv6ReceiveEncapsulation: ENCAPSULATION_802_3,
    ipv6Receive: IPV6,
    lsoV1Encapsulation: ENCAPSULATION_802_3,
    lsoV1MaximumSize: LARGEST_SEND,
    lsoV1MinimumSegments: LEAST_SEGMENTS,
    // 1: supported.
    lsoV1TcpOptions: 1,
    lsoV1IpOptions: 1,
    lsoV2Ipv4Encapsulation: ENCAPSULATION_802_3,
    lsoV2Ipv4MaximumSize: LARGEST_SEND,
    lsoV2Ipv4MinimumSegments: LEAST_SEGMENTS,
    lsoV2Ipv6Encapsulation: ENCAPSULATION_802_3,
    lsoV2Ipv6MaximumSize: LARGEST_SEND,
    lsoV2Ipv6MinimumSegments: LEAST_SEGMENTS,
    lsoV2Ipv6Options: LargeSendIpv6Support.Extensions | LargeSendIpv6Support.TcpOptions,
    flags: 0,
    coalesceIpv4: 0,
    coalesceIpv6: 0,
    encapsulatedFlags: 0,
    encapsulatedMaximumHeader: 0,
  });
  return whole.subarray(0, size);
}
