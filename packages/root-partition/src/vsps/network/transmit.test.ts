import fc from 'fast-check';
import { encodeLargeSend, infoOfTag, NvspStatus, NvspType, PacketInfo, TransmitChecksum } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { unfinishedFrame } from '../../backends/network/frame-fixture.ts';
import { DATA_GPA, MISSING_GPA, NetworkBench, SECTION } from './network-fixture.ts';
import { EVERYTHING, rndisPacket, someFrame } from './rndis-fixture.ts';

const tcp = (payload: number, options: { version?: 4 | 6; sourcePort?: number } = {}): Uint8Array =>
  unfinishedFrame({ version: 4, protocol: 'tcp', payload: new Uint8Array(payload).fill(7), ...options });

const ready = (...options: ConstructorParameters<typeof NetworkBench>): NetworkBench => {
  const bench = new NetworkBench(...options);
  bench.openReady({ filter: EVERYTHING, mtu: bench.port.mtu });
  return bench;
};

test('a frame goes to the port, whether it came by the send buffer or from pages', () => {
  const bench = ready();
  const frame = someFrame(1514);

  expect(bench.sendBySection(rndisPacket(frame), 7)).toBe(NvspStatus.Success);
  expect(bench.sendDirect(rndisPacket(frame), { offset: 4001 })).toBe(NvspStatus.Success);

  expect(bench.port.sent).toEqual([
    { frame, offload: undefined },
    { frame, offload: undefined },
  ]);
  expect(bench.vsp.inspect()).toMatchObject({
    statistics: { transmitted: { frames: 2, bytes: 3028, broadcastFrames: 2 }, malformed: 0 },
  });
});

test('frames of all lengths, wherever they lie, arrive as they are', () => {
  const bench = ready();
  fc.assert(
    fc.property(fc.integer({ min: 14, max: 1518 }), fc.nat(4095), fc.nat(255), (length, offset, number) => {
      const frame = someFrame(length, number);
      bench.sendDirect(rndisPacket(frame), { offset });
      expect(Buffer.from(bench.port.sent.pop()!.frame).equals(Buffer.from(frame))).toBe(true);
    }),
  );
});

test('N22: several messages in one packet are several frames', () => {
  const bench = ready();
  const frames = [someFrame(60), someFrame(61, 1), someFrame(300, 2)];
  const messages = frames.map((frame) => {
    const message = rndisPacket(frame);
    const padded = new Uint8Array(Math.ceil(message.length / 8) * 8);
    padded.set(message);
    new DataView(padded.buffer).setUint32(4, padded.length, true);
    return padded;
  });

  expect(bench.sendBySection(Uint8Array.from(messages.flatMap((message) => [...message])))).toBe(NvspStatus.Success);

  expect(bench.port.sent.map(({ frame }) => frame)).toEqual(frames);
});

test('a header in the send buffer and the rest in pages are one message', () => {
  const bench = ready();
  const frame = someFrame(1000);
  const message = rndisPacket(frame);
  bench.memory.write(512 * 4096, message.subarray(0, 44));
  bench.memory.write(DATA_GPA + 100, message.subarray(44));
  const payload = new Uint8Array(40);
  const view = new DataView(payload.buffer);
  view.setUint32(0, NvspType.SendRndisPacket, true);
  view.setUint32(12, 44, true);

  bench.lines[0]!.guest.requestDirect(payload, [DATA_GPA / 4096], 100, 1000, 77, 0);
  bench.lines[0]!.guest.flush();
  bench.settle();

  expect(bench.port.sent.map((each) => each.frame)).toEqual([frame]);
});

test('what is left to the hardware is told to the port', () => {
  const bench = ready();
  const small = tcp(100);
  const large = tcp(60_000);
  const six = tcp(60_000, { version: 6 });

  bench.sendDirect(rndisPacket(small, [[PacketInfo.Checksum, TransmitChecksum.Ipv4 | TransmitChecksum.Tcp]]));
  bench.sendDirect(rndisPacket(small, [[PacketInfo.Ieee8021q, infoOfTag(0x6005)]]));
  bench.sendDirect(
    rndisPacket(large, [
      [PacketInfo.LargeSend, encodeLargeSend({ segmentSize: 1460, transportOffset: 34, version: 2, ipv6: false })],
      [PacketInfo.Ieee8021q, infoOfTag(0x6005)],
    ]),
  );
  bench.sendDirect(
    rndisPacket(six, [
      [PacketInfo.LargeSend, encodeLargeSend({ segmentSize: 1440, transportOffset: 54, version: 2, ipv6: true })],
    ]),
  );
  bench.sendDirect(
    rndisPacket(large, [
      [PacketInfo.LargeSend, encodeLargeSend({ segmentSize: 1460, transportOffset: 34, version: 1, ipv6: false })],
    ]),
  );

  expect(bench.port.sent.map(({ offload }) => offload)).toEqual([
    { segmentSize: 0, checksumPartial: true, vlan: undefined },
    { segmentSize: 0, checksumPartial: false, vlan: 0x6005 },
    { segmentSize: 1460, checksumPartial: true, vlan: 0x6005 },
    { segmentSize: 1440, checksumPartial: true, vlan: undefined },
    { segmentSize: 1460, checksumPartial: true, vlan: undefined },
  ]);
  expect(bench.port.sent.map(({ frame }) => frame.length)).toEqual([154, 154, 60_054, 60_074, 60_054]);
  expect(bench.guestErrors).toEqual([]);
});

test('the checksum of an IPv4 header is filled in, as no port does that', () => {
  const bench = ready();
  const frame = unfinishedFrame({ version: 4, protocol: 'tcp', payload: new Uint8Array(1), options: 8 });
  const right = frame.slice(24, 26);
  frame.fill(0xee, 24, 26);

  bench.sendDirect(rndisPacket(frame, [[PacketInfo.Checksum, TransmitChecksum.Ipv4 | TransmitChecksum.IpHeader]]));

  expect(bench.port.sent[0]!.frame.slice(24, 26)).toEqual(right);
  expect(bench.port.sent[0]!.offload).toBeUndefined();
});

test('a port that does not take a frame, and a link that is down, cost the frame and nothing else', () => {
  const bench = ready();
  bench.port.accepting = false;
  expect(bench.sendBySection(rndisPacket(someFrame(60)))).toBe(NvspStatus.Success);
  bench.port.setLink(false);
  expect(bench.sendBySection(rndisPacket(someFrame(60)))).toBe(NvspStatus.Success);

  expect(bench.vsp.inspect()).toMatchObject({ statistics: { transmitDropped: 1, transmitLinkDown: 1 } });
});

/** One change to a good message, and what is said of it. */
const damages: [what: string, message: Uint8Array][] = (() => {
  const good = rndisPacket(someFrame(60), [[PacketInfo.Checksum, 0]]);
  const changed = (at: number, word: number): Uint8Array => {
    const message = good.slice();
    new DataView(message.buffer).setUint32(at, word, true);
    return message;
  };
  const arp = someFrame(60);
  return [
    ['data that are no RNDIS PACKET', changed(0, 2)],
    ['an RNDIS message of an impossible length', changed(4, 43)],
    ['an RNDIS message of an impossible length', changed(4, 0xffff_ffff)],
    ['a frame outside its message', changed(8, 0)],
    ['a frame outside its message', changed(8, 0xffff_fff0)],
    ['a frame outside its message', changed(12, 0xffff_ffff)],
    ['a frame outside its message', changed(12, 61)],
    ['a frame of an impossible length', changed(12, 13)],
    ['out-of-band data, which no one has', changed(20, 4)],
    ['information outside its message', changed(28, 35)],
    ['information outside its message', changed(32, 0xffff_ffff)],
    ['malformed per-packet information', changed(32, 15)],
    ['malformed per-packet information', changed(44, 0)],
    ['malformed per-packet information', changed(44, 11)],
    ['malformed per-packet information', changed(44, 17)],
    ['malformed per-packet information', changed(52, 17)],
    ['malformed per-packet information', changed(52, 0)],
    ['an RNDIS message that is cut off', good.subarray(0, 43)],
    ['a frame larger than the MTU', rndisPacket(someFrame(1519))],
    ['a checksum for a frame that has none', rndisPacket(arp, [[PacketInfo.Checksum, TransmitChecksum.Tcp]])],
    ['a checksum for a frame that has none', rndisPacket(arp, [[PacketInfo.Checksum, TransmitChecksum.IpHeader]])],
    ['a large send that is not TCP', rndisPacket(arp, [[PacketInfo.LargeSend, 1460]])],
    ['a large send that is not TCP', rndisPacket(tcp(3000), [[PacketInfo.LargeSend, 34 << 20]])],
    [
      'a large send whose TCP header is elsewhere',
      rndisPacket(tcp(3000), [[PacketInfo.LargeSend, (1460 | (30 << 20)) >>> 0]]),
    ],
  ];
})();

test.each(damages)('refused with a status, counted, and the channel lives: %s', (what, message) => {
  const bench = ready();

  expect(bench.sendDirect(message, { offset: 8 })).toBe(NvspStatus.InvalidRndisPacket);

  expect(bench.guestErrors).toEqual([what]);
  expect(bench.port.sent).toEqual([]);
  expect(bench.sendDirect(rndisPacket(someFrame(60)))).toBe(NvspStatus.Success);
  expect(bench.vsp.inspect()).toMatchObject({ statistics: { malformed: 1, transmitted: { frames: 1 } } });
});

test('places that are not there are refused', () => {
  const bench = ready();
  const message = rndisPacket(someFrame(60));

  expect(bench.sendBySection(message, 0, SECTION + 1)).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.sendBySection(message.subarray(0, 0), 0xffff_fffe, 60)).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.sendBySection(message.subarray(0, 0), 0, 0)).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.sendDirect(message, { gpa: MISSING_GPA })).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.sendDirect(new Uint8Array(0x2_0001))).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.sendDirect(message, { channel: 2 })).toBe(NvspStatus.InvalidRndisPacket);

  expect(bench.guestErrors).toEqual([
    'data outside the send buffer',
    'data outside the send buffer',
    'a packet without a message',
    'a data range outside the guest’s memory',
    'more data than a packet can have',
    'a message on a channel that no one knows',
  ]);
});
