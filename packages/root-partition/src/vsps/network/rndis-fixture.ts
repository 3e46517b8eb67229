/** RNDIS messages for tests: what a driver sends, and how it reads what it gets. */
import {
  INFO_SIZE,
  PacketFilter,
  QUERY_INFO_OFFSET,
  RNDIS_HEADER_SIZE,
  RNDIS_PACKET_SIZE,
  RndisOidRequest,
  RndisPacket,
  RndisType,
} from '@ringlet/protocols';
import { invariant } from '@ringlet/wire';

/** A frame as the guest reads it from its RNDIS PACKET. */
export interface ReceivedFrame {
  readonly frame: Uint8Array;
  /** Per-packet information by type. */
  readonly infos: ReadonlyMap<number, number>;
}

/** A QUERY or SET. */
export function oidRequest(type: number, oid: number, info: Uint8Array = new Uint8Array(0)): Uint8Array {
  const message = new Uint8Array(RndisOidRequest.size + info.length);
  RndisOidRequest.write(new DataView(message.buffer), 0, {
    type,
    length: message.length,
    requestId: 7,
    oid,
    infoLength: info.length,
    infoOffset: info.length === 0 ? 0 : QUERY_INFO_OFFSET,
  });
  message.set(info, RndisOidRequest.size);
  return message;
}

/** An RNDIS PACKET, with one word of information of each type. */
export function rndisPacket(
  frame: Uint8Array,
  infos: readonly (readonly [type: number, word: number])[] = [],
): Uint8Array {
  const header = RNDIS_PACKET_SIZE + INFO_SIZE * infos.length;
  const message = new Uint8Array(header + frame.length);
  const view = new DataView(message.buffer);
  RndisPacket.write(view, 0, {
    type: RndisType.Packet,
    length: message.length,
    dataOffset: header - RNDIS_HEADER_SIZE,
    dataLength: frame.length,
    outOfBandOffset: 0,
    outOfBandLength: 0,
    outOfBandCount: 0,
    infoOffset: infos.length === 0 ? 0 : RNDIS_PACKET_SIZE - RNDIS_HEADER_SIZE,
    infoLength: INFO_SIZE * infos.length,
  });
  infos.forEach(([type, word], i) => {
    const at = RNDIS_PACKET_SIZE + INFO_SIZE * i;
    view.setUint32(at, INFO_SIZE, true);
    view.setUint32(at + 4, type, true);
    view.setUint32(at + 8, 12, true);
    view.setUint32(at + 12, word, true);
  });
  message.set(frame, header);
  return message;
}

/** A broadcast frame of so many bytes, numbered. */
export function someFrame(length: number, number = 0): Uint8Array {
  const frame = Uint8Array.from({ length }, (_, i) => i * 3 + number);
  frame.fill(0xff, 0, 6);
  frame.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], 6);
  return frame;
}

/** What a driver wants that wants everything. */
export const EVERYTHING = PacketFilter.Promiscuous;

/** Reads an RNDIS PACKET as a driver does. */
export function readPacket(message: Uint8Array): ReceivedFrame {
  const packet = RndisPacket.decode(message)!;
  invariant(packet.length === message.length, 'a range holds exactly its message');
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const infos = new Map<number, number>();
  let at = RNDIS_HEADER_SIZE + packet.infoOffset;
  for (const end = at + packet.infoLength; at < end; at += view.getUint32(at, true)) {
    infos.set(view.getUint32(at + 4, true), view.getUint32(at + view.getUint32(at + 8, true), true));
  }
  const start = RNDIS_HEADER_SIZE + packet.dataOffset;
  return { frame: message.subarray(start, start + packet.dataLength), infos };
}
