/** ICMP (RFC 792) of a NAT: echo, answered by the gateway itself or by whom the host can ask, and errors to guests. */
import { formatIp } from '../packet/address.ts';
import { write16, write32 } from '../packet/bytes.ts';
import { checksum } from '../packet/checksum.ts';
import type { IpPacket } from '../packet/ip-packet.ts';
import { IPV4_HEADER, IpProtocol, writeIpv4 } from '../packet/ipv4.ts';
import type { Counters } from './counters.ts';
import { HostPing } from './host-ping.ts';
import type { NatNetwork } from './nat-network.ts';
import { type Outlet, PAYLOAD } from './outlet.ts';
import type { Endpoints } from './tcp/connection-table.ts';

const Type = { EchoReply: 0, Unreachable: 3, Echo: 8, TimeExceeded: 11 } as const;
/** Why something is unreachable. */
export const UnreachableCode = { Network: 0, Host: 1, Port: 3, Prohibited: 13 } as const;
const HEADER = 8;
/** An error quotes the header and so much of what followed. */
const QUOTED = 8;

/** ICMP of one NAT. */
export class Icmp {
  readonly #network: NatNetwork;
  readonly #outlet: Outlet;
  readonly #counters: Counters;
  readonly #pings = new HostPing();
  #echoes = 0;
  #errors = 0;

  constructor(network: NatNetwork, outlet: Outlet, counters: Counters) {
    this.#network = network;
    this.#outlet = outlet;
    this.#counters = counters;
  }

  /** Takes a packet from a guest. @param ours - it is for the gateway or the name server */
  receive(packet: IpPacket, ours: boolean): void {
    const { bytes, payload, end, source, destination } = packet;
    if (end - payload < HEADER || checksum(bytes, payload, end) !== 0) return this.#counters.drop('icmp');
    if (bytes[payload] !== Type.Echo || bytes[payload + 1] !== 0) return this.#counters.drop('icmp');
    this.#echoes++;
    if (ours) return this.#answer(bytes, payload, end, source, destination);
    const question = bytes.slice(payload, end);
    const asked = this.#pings.ping(formatIp(destination), end - payload - HEADER, () =>
      this.#answer(question, 0, question.length, source, destination),
    );
    if (!asked) this.#counters.drop('too-many-pings');
  }

  #answer(bytes: Uint8Array, start: number, end: number, guest: number, remote: number): void {
    const { frame } = this.#outlet;
    frame.set(bytes.subarray(start, end), PAYLOAD);
    frame[PAYLOAD] = Type.EchoReply;
    this.#send(remote, guest, end - start);
  }

  /** Tells a guest that its packet went no further: its time to live was over. */
  timeExceeded(packet: IpPacket): void {
    this.#quote(packet, Type.TimeExceeded, 0);
  }

  /** Tells a guest that what its packet was for cannot be reached. */
  unreachable(packet: IpPacket, code: number): void {
    this.#quote(packet, Type.Unreachable, code);
  }

  #quote({ bytes, start, payload, end, source }: IpPacket, type: number, code: number): void {
    const quoted = Math.min(end, payload + QUOTED) - start;
    this.#outlet.frame.set(bytes.subarray(start, start + quoted), PAYLOAD + HEADER);
    this.#error(source, type, code, quoted);
  }

  /** Tells a guest that its TCP connection cannot be made: quotes the SYN, of which this is what a guest looks at. */
  unreachableTcp({ guestIp, guestPort, remoteIp, remotePort }: Endpoints, sequence: number, code: number): void {
    const { frame } = this.#outlet;
    const at = PAYLOAD + HEADER;
    const header = { identification: 0, length: 20, fragmentOffset: 0, moreFragments: false };
    writeIpv4(frame, at, { source: guestIp, destination: remoteIp, protocol: IpProtocol.Tcp, ...header });
    write16(frame, at + IPV4_HEADER, guestPort);
    write16(frame, at + IPV4_HEADER + 2, remotePort);
    write32(frame, at + IPV4_HEADER + 4, sequence);
    this.#error(guestIp, Type.Unreachable, code, IPV4_HEADER + QUOTED);
  }

  #error(guest: number, type: number, code: number, quoted: number): void {
    const { frame } = this.#outlet;
    write32(frame, PAYLOAD, (type << 24) | (code << 16));
    write32(frame, PAYLOAD + 4, 0);
    this.#errors++;
    this.#send(this.#network.gateway, guest, HEADER + quoted);
  }

  #send(from: number, to: number, length: number): void {
    const { frame } = this.#outlet;
    write16(frame, PAYLOAD + 2, 0);
    write16(frame, PAYLOAD + 2, checksum(frame, PAYLOAD, PAYLOAD + length));
    this.#outlet.sendIp(from, to, IpProtocol.Icmp, length);
  }

  /** Ends the pings that wait. */
  stop(): void {
    this.#pings.stop();
  }

  inspect(): Record<string, unknown> {
    return { echoes: this.#echoes, errors: this.#errors, ...(this.#pings.absent && { pingOfTheHost: 'absent' }) };
  }
}
