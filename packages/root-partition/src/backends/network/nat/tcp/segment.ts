/**
 * TCP segments (RFC 9293, section 3.1) and the options that matter here:
 *
 *      0  source port │ destination port        options: maximum segment size (RFC 9293), window scale (RFC 7323),
 *      4  sequence                                       selective acknowledgment (RFC 2018)
 *      8  acknowledgment
 *     12  data offset │ flags │ window
 *     16  checksum │ urgent pointer
 *     20  options, then data
 */
import { read16, read32, write16, write32 } from '../../packet/bytes.ts';
import { addToSum, foldSum, pseudoHeaderSum } from '../../packet/checksum.ts';
import type { IpPacket } from '../../packet/ip-packet.ts';
import { IpProtocol } from '../../packet/ipv4.ts';

/** Control bits. */
export const TcpFlag = { Fin: 1, Syn: 2, Reset: 4, Push: 8, Ack: 16 } as const;
/** Bytes of a header without options. */
export const TCP_HEADER = 20;
/** What a peer takes that does not say (RFC 9293, section 3.7.1). */
const DEFAULT_SEGMENT = 536;
const MOST_SCALE = 14;
const MOST_BLOCKS = 4;

const Option = { End: 0, None: 1, SegmentSize: 2, WindowScale: 3, SackPermitted: 4, Sack: 5 } as const;

/** One segment, where it lies: filled in by {@link readSegment}, used again for the next. */
export class TcpSegment {
  bytes: Uint8Array = new Uint8Array(0);
  /** Where its data begins and ends. */
  data = 0;
  end = 0;
  sourcePort = 0;
  destinationPort = 0;
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** As on the wire: not scaled. */
  window = 0;
  segmentSize = DEFAULT_SEGMENT;
  /** Shift of later windows; -1 when not offered. */
  windowScale = -1;
  sackPermitted = false;
  blockCount = 0;
  /** Selective acknowledgment: starts and ends as sequence numbers. */
  readonly blockStart = new Uint32Array(MOST_BLOCKS);
  readonly blockEnd = new Uint32Array(MOST_BLOCKS);
}

/**
 * Reads and checks the segment in a packet.
 *
 * @param unfinished - its checksum is still to be filled in
 * @returns what is wrong with it, or undefined
 */
export function readSegment(
  segment: TcpSegment,
  { bytes, payload, end, source, destination }: IpPacket,
  unfinished: boolean,
): 'tcp-header' | 'tcp-checksum' | undefined {
  const length = end - payload;
  if (length < TCP_HEADER) return 'tcp-header';
  const header = (bytes[payload + 12]! >>> 4) * 4;
  if (header < TCP_HEADER || header > length) return 'tcp-header';
  if (!unfinished) {
    const sum = pseudoHeaderSum(source, destination, IpProtocol.Tcp, length);
    if (foldSum(addToSum(sum, bytes, payload, end)) !== 0xffff) return 'tcp-checksum';
  }
  segment.bytes = bytes;
  segment.sourcePort = read16(bytes, payload);
  segment.destinationPort = read16(bytes, payload + 2);
  segment.sequence = read32(bytes, payload + 4);
  segment.acknowledgment = read32(bytes, payload + 8);
  segment.flags = bytes[payload + 13]! & 0x3f;
  segment.window = read16(bytes, payload + 14);
  segment.data = payload + header;
  segment.end = end;
  readOptions(segment, bytes, payload + TCP_HEADER, payload + header);
  return undefined;
}

/** Options end where one contradicts its length: what came before counts (RFC 9293, section 3.1). */
function readOptions(segment: TcpSegment, bytes: Uint8Array, start: number, end: number): void {
  segment.segmentSize = DEFAULT_SEGMENT;
  segment.windowScale = -1;
  segment.sackPermitted = false;
  segment.blockCount = 0;
  for (let at = start; at < end;) {
    const kind = bytes[at]!;
    if (kind === Option.End) return;
    if (kind === Option.None) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) return;
    if (kind === Option.SegmentSize && length === 4) segment.segmentSize = read16(bytes, at + 2);
    else if (kind === Option.WindowScale && length === 3) segment.windowScale = Math.min(bytes[at + 2]!, MOST_SCALE);
    else if (kind === Option.SackPermitted && length === 2) segment.sackPermitted = true;
    else if (kind === Option.Sack) readBlocks(segment, bytes, at + 2, at + length);
    at += length;
  }
}

function readBlocks(segment: TcpSegment, bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at + 8 <= end && segment.blockCount < MOST_BLOCKS; at += 8) {
    segment.blockStart[segment.blockCount] = read32(bytes, at);
    segment.blockEnd[segment.blockCount++] = read32(bytes, at + 4);
  }
}

/** What goes into a header. */
export interface TcpHeader {
  sourcePort: number;
  destinationPort: number;
  sequence: number;
  acknowledgment: number;
  flags: number;
  /** As on the wire. */
  window: number;
}

/** Writes a header without options and checksum. */
export function writeHeader(bytes: Uint8Array, at: number, header: TcpHeader, headerLength: number): void {
  write16(bytes, at, header.sourcePort);
  write16(bytes, at + 2, header.destinationPort);
  write32(bytes, at + 4, header.sequence);
  write32(bytes, at + 8, header.acknowledgment);
  write16(bytes, at + 12, ((headerLength >>> 2) << 12) | header.flags);
  write16(bytes, at + 14, header.window);
  write32(bytes, at + 16, 0);
}

/** Writes the options of a SYN. @returns bytes written */
export function writeSynOptions(
  bytes: Uint8Array,
  at: number,
  options: { segmentSize: number; windowScale: number; sackPermitted: boolean },
): number {
  let end = at;
  write32(bytes, end, (Option.SegmentSize << 24) | (4 << 16) | options.segmentSize);
  end += 4;
  if (options.windowScale >= 0) {
    write32(bytes, end, (Option.None << 24) | (Option.WindowScale << 16) | (3 << 8) | options.windowScale);
    end += 4;
  }
  if (options.sackPermitted) {
    write32(bytes, end, (Option.None << 24) | (Option.None << 16) | (Option.SackPermitted << 8) | 2);
    end += 4;
  }
  return end - at;
}

/** Begins a selective acknowledgment of `blocks` ranges, which the caller writes after it. @returns bytes written */
export function writeSackHeader(bytes: Uint8Array, at: number, blocks: number): number {
  write32(bytes, at, (Option.None << 24) | (Option.None << 16) | (Option.Sack << 8) | (2 + 8 * blocks));
  return 4;
}

/** Fills in the checksum of the segment of `length` bytes at `at`. */
export function finishSegment(
  bytes: Uint8Array,
  at: number,
  length: number,
  source: number,
  destination: number,
): void {
  const sum = pseudoHeaderSum(source, destination, IpProtocol.Tcp, length);
  write16(bytes, at + 16, ~foldSum(addToSum(sum, bytes, at, at + length)) & 0xffff);
}
