/** Ethernet frames for tests, and what must hold for those that go on a wire. */

/** What a frame is made of. */
export interface FrameSpec {
  readonly version: 4 | 6;
  readonly protocol: 'tcp' | 'udp';
  readonly payload: Uint8Array;
  /** Bytes of TCP or IPv4 options, multiples of 4. */
  readonly options?: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly identification?: number;
  /** 802.1Q tag inside the frame. */
  readonly tag?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

const DESTINATION = [2, 0, 0, 0, 0, 2];
const SOURCE = [2, 0, 0, 0, 0, 1];

/** A frame whose checksums are zero, and whose lengths are right. */
export function unfinishedFrame(spec: FrameSpec): Uint8Array {
  const { version, protocol, payload, options = 0 } = spec;
  const link = spec.tag === undefined ? 14 : 18;
  const network = version === 4 ? 20 + options : 40;
  const transport = protocol === 'tcp' ? 20 + options : 8;
  const frame = new Uint8Array(link + network + transport + payload.length);
  const view = new DataView(frame.buffer);
  frame.set(DESTINATION, 0);
  frame.set(SOURCE, 6);
  if (spec.tag !== undefined) {
    view.setUint16(12, 0x8100);
    view.setUint16(14, spec.tag);
  }
  view.setUint16(link - 2, version === 4 ? 0x0800 : 0x86dd);
  if (version === 4) {
    frame[link] = 0x40 | (network / 4);
    view.setUint16(link + 2, frame.length - link);
    view.setUint16(link + 4, spec.identification ?? 7);
    frame[link + 6] = 0x40;
    frame[link + 8] = 64;
    frame[link + 9] = protocol === 'tcp' ? 6 : 17;
    frame.set([10, 0, 0, 1, 10, 0, 0, 2], link + 12);
    frame.fill(1, link + 20, link + network);
    view.setUint16(link + 10, ~sumOf(frame, link, link + network) & 0xffff);
  } else {
    frame[link] = 0x60;
    view.setUint16(link + 4, frame.length - link - 40);
    frame[link + 6] = protocol === 'tcp' ? 6 : 17;
    frame[link + 7] = 64;
    frame.set([0xfd, 1], link + 8);
    frame[link + 23] = 1;
    frame.set([0xfd, 1], link + 24);
    frame[link + 39] = 2;
  }
  const at = link + network;
  view.setUint16(at, spec.sourcePort ?? 40_000);
  view.setUint16(at + 2, spec.destinationPort ?? 5201);
  if (protocol === 'tcp') {
    view.setUint32(at + 4, spec.sequence ?? 1000);
    view.setUint32(at + 8, 1);
    frame[at + 12] = (transport / 4) << 4;
    frame[at + 13] = spec.flags ?? 0x18;
    view.setUint16(at + 14, 0xffff);
    frame.fill(1, at + 20, at + transport);
  } else {
    view.setUint16(at + 4, transport + payload.length);
  }
  frame.set(payload, at + transport);
  return frame;
}

/** A frame's parts, as a receiver sees them. */
export interface ReadFrame {
  readonly tag: number | undefined;
  readonly payload: Uint8Array;
  readonly sequence: number;
  readonly flags: number;
  readonly identification: number;
  /** What is wrong with lengths and checksums; empty when nothing is. */
  readonly faults: string[];
}

/** Reads a frame with nothing but the specifications: slow, and not the code that is tested. */
export function readFrame(frame: Uint8Array): ReadFrame {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const faults: string[] = [];
  const tagged = view.getUint16(12) === 0x8100;
  const link = tagged ? 18 : 14;
  const four = view.getUint16(link - 2) === 0x0800;
  const network = four ? (frame[link]! & 0xf) * 4 : 40;
  const length = four ? view.getUint16(link + 2) : 40 + view.getUint16(link + 4);
  if (link + length !== frame.length) faults.push(`IP length ${length} in a frame of ${frame.length}`);
  if (four && sumOf(frame, link, link + network) !== 0xffff) faults.push('IPv4 checksum');
  const protocol = frame[link + (four ? 9 : 6)]!;
  const at = link + network;
  const pseudo = new Uint8Array(four ? 12 : 40);
  const addresses = four ? frame.subarray(link + 12, link + 20) : frame.subarray(link + 8, link + 40);
  pseudo.set(addresses);
  pseudo[pseudo.length - 3] = protocol;
  new DataView(pseudo.buffer).setUint16(pseudo.length - 2, frame.length - at);
  // The order of the pseudo-header's words does not matter to a sum.
  const whole = new Uint8Array(pseudo.length + 1 + frame.length - at);
  pseudo[pseudo.length - 3] = 0;
  whole.set(pseudo);
  whole.set(frame.subarray(at), pseudo.length);
  const sum = sumOf(whole, 0, whole.length) + protocol;
  if ((sum >>> 16) + (sum & 0xffff) !== 0xffff) faults.push(`checksum of protocol ${protocol}`);
  const tcp = protocol === 6;
  const header = tcp ? (frame[at + 12]! >> 4) * 4 : 8;
  if (!tcp && view.getUint16(at + 4) !== frame.length - at) faults.push('UDP length');
  if (!tcp && view.getUint16(at + 6) === 0) faults.push('UDP checksum absent');
  return {
    tag: tagged ? view.getUint16(14) : undefined,
    payload: frame.slice(at + header),
    sequence: tcp ? view.getUint32(at + 4) : 0,
    flags: tcp ? frame[at + 13]! : 0,
    identification: four ? view.getUint16(link + 4) : 0,
    faults,
  };
}

/** The folded ones' complement sum, word by word as RFC 1071 has it. */
function sumOf(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at < end; at += 2) {
    sum += (bytes[at]! << 8) | (at + 1 < end ? bytes[at + 1]! : 0);
    sum = (sum >>> 16) + (sum & 0xffff);
  }
  return sum;
}
