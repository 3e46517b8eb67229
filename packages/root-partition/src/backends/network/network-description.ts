/** What a NIC is plugged into, as plain data: what a machine file or `--net` says. */
import type { FaultDescription } from './layers/faulty-port.ts';
import type { MembershipDescription } from './switch/membership.ts';

/** One of these, by its `kind`. */
export type NetworkDescription =
  NoNetworkDescription | NatDescription | SwitchDescription | StreamDescription | PasstDescription | TapDescription;

/** What can lie between any NIC and its network. */
export interface LayerDescription {
  /** Bits a second, each way. */
  readonly bandwidth?: number;
  /** Capture file (pcapng) for every frame; it is replaced. */
  readonly capture?: string;
  /** Faults, for tests. */
  readonly faults?: FaultDescription;
}

/** Plugged into nothing: the link is down. */
export interface NoNetworkDescription extends LayerDescription {
  /** Tells it from the others. */
  readonly kind: 'none';
}

/** A port of the host that leads to a port of a guest. */
export interface ForwardDescription {
  /** `tcp` when absent. */
  readonly protocol?: 'tcp' | 'udp';
  /** Address of this host that is listened on; 127.0.0.1 when absent: this host only. */
  readonly hostIp?: string;
  /** Port of the host, 1 to 65535. */
  readonly hostPort: number;
  /** The first guest's address when absent. */
  readonly guestIp?: string;
  /** Port of the guest that it leads to. */
  readonly guestPort: number;
}

/** A network inside this process, whose guests reach out as the host's own programs do. */
export interface NatDescription extends LayerDescription {
  /** Tells it from the others. */
  readonly kind: 'nat';
  /** Such as `10.0.2.0/24`, which it is when absent: 8 to 28 bits. */
  readonly subnet?: string;
  /** Ports of the host that lead to guests; none when absent. */
  readonly forwards?: readonly ForwardDescription[];
  /** Name that guests are given by DHCP. */
  readonly hostname?: string;
  /** Resolvers to ask instead of the host's: addresses, or `address:port`. */
  readonly dns?: readonly string[];
  /** Largest packet, 576 to 9000 bytes; 1500 when absent. */
  readonly mtu?: number;
  /** Guests reach services of this host at the gateway's address; true when absent. */
  readonly hostAccess?: boolean;
}

/** A port of a switch, where machines of this and of other processes meet. */
export interface SwitchDescription extends LayerDescription, MembershipDescription {
  /** Tells it from the others. */
  readonly kind: 'switch';
  /** The switch's socket. */
  readonly path: string;
  /** What the switch calls this port; the machine's name, say. */
  readonly name?: string;
  /** The adapter's address: the switch refuses a second port that has it. */
  readonly mac?: string;
  /** Largest packet, 576 to 9000 bytes; 1500 when absent. */
  readonly mtu?: number;
}

/** A Unix socket that carries frames as QEMU's `-netdev stream` does. */
export interface StreamDescription extends LayerDescription {
  /** Tells it from the others. */
  readonly kind: 'stream';
  /** Path of the socket that somebody listens at. */
  readonly path: string;
  /** Largest packet in bytes; 1500 when absent. */
  readonly mtu?: number;
}

/** A network that the program passt makes; the guest shares the host's addresses. */
export interface PasstDescription extends LayerDescription {
  /** Tells it from the others. */
  readonly kind: 'passt';
  /** Ports of the host that lead to the guest. `guestIp` has no meaning here. */
  readonly forwards?: readonly ForwardDescription[];
  /** Largest packet in bytes; 1500 when absent. */
  readonly mtu?: number;
  /** The guest reaches services of this host at the gateway's address; true when absent. */
  readonly hostAccess?: boolean;
}

/** A TAP interface of a Linux host. */
export interface TapDescription extends LayerDescription {
  /** Tells it from the others. */
  readonly kind: 'tap';
  /** The interface. */
  readonly name: string;
  /** Largest packet in bytes; 1500 when absent. */
  readonly mtu?: number;
}
