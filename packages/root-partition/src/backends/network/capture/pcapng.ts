/**
 * Capture files (pcapng, draft-ietf-opsawg-pcapng): a section, interfaces, and packets with nanosecond time stamps.
 *
 *     block: type u32 │ length u32 │ body, padded to 4 │ length u32                little-endian throughout
 */

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
/** What the packets of an interface are. The second is for whoever says so himself: DLT USER0. */
export const LinkType = { Ethernet: 1, User0: 147 } as const;
/** Options. */
const APPLICATION = 4;
const INTERFACE_NAME = 2;
const TIME_RESOLUTION = 9;
const PACKET_FLAGS = 2;
const NANOSECONDS = 9;

/** Which way a packet went, as seen by its interface. */
export const PcapngDirection = { In: 1, Out: 2 } as const;

/** The first block of a file. */
export function sectionBlock(application: string): Uint8Array {
  const body = new DataView(new ArrayBuffer(16));
  body.setUint32(0, BYTE_ORDER_MAGIC, true);
  body.setUint16(4, 1, true);
  // The length of the section is not known.
  body.setBigInt64(8, -1n, true);
  return block(SECTION_HEADER, [new Uint8Array(body.buffer), option(APPLICATION, text(application)), END]);
}

/** Declares an interface: the first is number 0. @param linkType - one of {@link LinkType} */
export function interfaceBlock(name: string, linkType: number): Uint8Array {
  const body = new DataView(new ArrayBuffer(8));
  body.setUint16(0, linkType, true);
  return block(INTERFACE_DESCRIPTION, [
    new Uint8Array(body.buffer),
    option(INTERFACE_NAME, text(name)),
    option(TIME_RESOLUTION, Uint8Array.of(NANOSECONDS)),
    END,
  ]);
}

/**
 * One packet.
 *
 * @param nanoseconds - since 1970
 * @param direction - one of {@link PcapngDirection}
 * @param length - bytes that the packet had, when not all of them are there
 */
export function packetBlock(
  index: number,
  nanoseconds: bigint,
  frame: Uint8Array,
  direction: number,
  length = frame.length,
): Uint8Array {
  const head = new DataView(new ArrayBuffer(20));
  head.setUint32(0, index, true);
  head.setUint32(4, Number(nanoseconds >> 32n), true);
  head.setUint32(8, Number(nanoseconds & 0xffff_ffffn), true);
  head.setUint32(12, frame.length, true);
  head.setUint32(16, length, true);
  const flags = option(PACKET_FLAGS, Uint8Array.of(direction, 0, 0, 0));
  return block(ENHANCED_PACKET, [new Uint8Array(head.buffer), padded(frame), flags, END]);
}

const END = new Uint8Array(4);

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(at, length, true);
  return bytes;
}

function option(code: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + padded(value).length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  bytes.set(value, 4);
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const whole = new Uint8Array((bytes.length + 3) & ~3);
  whole.set(bytes);
  return whole;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
