/** Writes one connection's segments into the outlet's frame and sends them. Offsets become sequence numbers here. */
import { write32 } from '../../packet/bytes.ts';
import { IPV4_HEADER, IpProtocol } from '../../packet/ipv4.ts';
import { IPV6_HEADER } from '../../packet/ipv6.ts';
import { isIpv6 } from '../../packet/ipv6-addresses.ts';
import { type Outlet, PAYLOAD } from '../outlet.ts';
import type { Endpoints } from './connection-table.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import { finishSegment, TCP_HEADER, TcpFlag, writeHeader, writeSackHeader, writeSynOptions } from './segment.ts';

/** Our shift of windows: with it the largest window fits. */
const WINDOW_SCALE = 3;
const MOST_WINDOW = 0xffff;
const MOST_BLOCKS = 4;

/** Sends for one connection. */
export class SegmentWriter {
  /** Sequence numbers of the two SYNs. */
  readonly ours: number;
  theirs = 0;
  /** The guest scales windows. */
  scaled = false;
  /** The guest understands selective acknowledgment. */
  sack = false;
  readonly #ends: Endpoints;
  readonly #outlet: Outlet;
  /** The largest TCP segment, header included. */
  readonly #most: number;

  constructor(ends: Endpoints, outlet: Outlet, mtu: number, firstSequence: number) {
    this.#ends = ends;
    this.#outlet = outlet;
    this.#most = mtu - (isIpv6(ends.guestIp) ? IPV6_HEADER : IPV4_HEADER);
    this.ours = firstSequence;
  }

  /** Data bytes of the largest segment. */
  get segmentSize(): number {
    return this.#most - TCP_HEADER;
  }

  /** A SYN, or the answer to one. @returns whether it was taken */
  syn(answer: boolean): boolean {
    const options = writeSynOptions(this.#outlet.frame, PAYLOAD + TCP_HEADER, {
      segmentSize: this.segmentSize,
      windowScale: answer && !this.scaled ? -1 : WINDOW_SCALE,
      sackPermitted: !answer || this.sack,
    });
    const flags = answer ? TcpFlag.Syn | TcpFlag.Ack : TcpFlag.Syn;
    this.#header(this.ours, answer ? this.theirs + 1 : 0, flags, MOST_WINDOW, TCP_HEADER + options);
    return this.#send(TCP_HEADER + options);
  }

  /** A reset. */
  reset(next: number, expected: number): void {
    this.#header(this.ours + next, this.theirs + expected, TcpFlag.Reset | TcpFlag.Ack, 0, TCP_HEADER);
    this.#send(TCP_HEADER);
  }

  /**
   * `[offset, offset + length)` of the stream, a FIN after it if `fin`, and what the guest should know of its own.
   *
   * @param pending - bytes that the host has not taken yet
   * @returns whether it was taken
   */
  data(sender: Sender, receiver: Receiver, pending: number, offset: number, length: number, fin: boolean): boolean {
    const { frame } = this.#outlet;
    const blocks = this.sack && receiver.hasGap ? this.#writeBlocks(receiver, length) : 0;
    const headerLength = TCP_HEADER + (blocks > 0 ? 4 + 8 * blocks : 0);
    const window = receiver.offer(pending);
    let flags: number = fin ? TcpFlag.Ack | TcpFlag.Fin : TcpFlag.Ack;
    if (length > 0 && (fin || length < sender.segmentSize)) flags |= TcpFlag.Push;
    const shown = Math.min(this.scaled ? window >>> WINDOW_SCALE : window, MOST_WINDOW);
    this.#header(this.ours + offset, this.theirs + receiver.next, flags, shown, headerLength);
    if (length > 0) sender.ring.copy(offset - sender.unacked, length, frame, PAYLOAD + headerLength);
    return this.#send(headerLength + length);
  }

  #writeBlocks(receiver: Receiver, length: number): number {
    const { frame } = this.#outlet;
    const room = this.#most - TCP_HEADER - length - 4;
    let at = PAYLOAD + TCP_HEADER + 4;
    const blocks = receiver.forEachRange(Math.min(MOST_BLOCKS, Math.floor(room / 8)), (start, end) => {
      write32(frame, at, this.theirs + start);
      write32(frame, at + 4, this.theirs + end);
      at += 8;
    });
    if (blocks > 0) writeSackHeader(frame, PAYLOAD + TCP_HEADER, blocks);
    return blocks;
  }

  #header(sequence: number, acknowledgment: number, flags: number, window: number, length: number): void {
    const { guestPort: destinationPort, remotePort: sourcePort } = this.#ends;
    const header = { sourcePort, destinationPort, sequence, acknowledgment, flags, window };
    writeHeader(this.#outlet.frame, PAYLOAD, header, length);
  }

  #send(length: number): boolean {
    const { guestIp, remoteIp } = this.#ends;
    finishSegment(this.#outlet.frame, PAYLOAD, length, remoteIp, guestIp);
    return this.#outlet.sendIp(remoteIp, guestIp, IpProtocol.Tcp, length);
  }
}
