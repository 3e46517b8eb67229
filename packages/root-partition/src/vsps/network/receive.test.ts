import {
  infoOfTag,
  NvspRndisPacketComplete,
  NvspStatus,
  NvspSubchannel,
  NvspType,
  NdisRssParameters,
  Oid,
  PacketFilter,
  PacketInfo,
  ReceiveChecksum,
  RndisChannel,
  RSS_DISABLE,
  RssHashType,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { readFrame, unfinishedFrame } from '../../backends/network/frame-fixture.ts';
import { NetworkBench } from './network-fixture.ts';
import { EVERYTHING, rndisPacket, someFrame } from './rndis-fixture.ts';

const RECEIVE_SECTIONS = 512;
const RESERVED = 16;

const tcp = (payload: number, options: { version?: 4 | 6; sourcePort?: number } = {}): Uint8Array =>
  unfinishedFrame({ version: 4, protocol: 'tcp', payload: new Uint8Array(payload).fill(7), ...options });

const ready = (...options: ConstructorParameters<typeof NetworkBench>): NetworkBench => {
  const bench = new NetworkBench(...options);
  bench.openReady({ filter: EVERYTHING, mtu: bench.port.mtu });
  return bench;
};

test('frames that come together reach the guest as one packet, in order', () => {
  const bench = ready();
  const frames = Array.from({ length: 20 }, (_, i) => someFrame(60 + 70 * i, i));

  for (const frame of frames) expect(bench.port.deliver(frame)).toBe(true);
  bench.settle();

  expect(bench.lines[0]!.received.filter(({ channel }) => channel === RndisChannel.Data)).toHaveLength(1);
  expect(bench.frames().map(({ frame }) => frame)).toEqual(frames);
});

test('a guest that reads gets any number of frames', () => {
  const bench = ready();
  for (let round = 0; round < 125; round++) {
    for (let i = 0; i < 40; i++) expect(bench.port.deliver(someFrame(200, i))).toBe(true);
    expect(bench.frames()).toHaveLength(40);
  }
  expect(bench.vsp.inspect()).toMatchObject({ statistics: { received: { frames: 5000 }, receiveNoBuffer: 0 } });
});

test('a guest that stops reading costs itself its frames, which are counted; what it then reads is whole', () => {
  const bench = ready();
  bench.reading = false;
  bench.settle();
  const before = RECEIVE_SECTIONS - RESERVED;
  let taken = 0;
  for (let i = 0; i < 2000; i++) if (bench.port.deliver(someFrame(1000, i))) taken++;
  bench.settle();
  expect(taken).toBe(before);
  expect(bench.vsp.inspect()).toMatchObject({ statistics: { receiveNoBuffer: 2000 - before } });
  // Control messages still have their part.
  expect(bench.queryOid(Oid.GenReceiveNoBuffer).info).toEqual(new Uint8Array(Uint32Array.of(2000 - before).buffer));

  bench.reading = true;
  for (const { id } of bench.lines[0]!.received) bench.giveBack(id);
  expect(bench.frames().map(({ frame }) => frame[20])).toEqual(
    Array.from({ length: before }, (_, i) => someFrame(1000, i)[20]),
  );
  expect(bench.port.deliver(someFrame(60))).toBe(true);
});

test('a guest that leaves its ring full loses frames, and not the answers to its own', () => {
  const bench = ready();
  const { root } = bench.lines[0]!;
  // Only the root works: nothing is read at the other end.
  for (let i = 0; i < 2000 && bench.port.deliver(someFrame(60, i)); i++) bench.vsp.batchEnd();
  for (let i = 0; i < 2000; i++) {
    bench.port.deliver(someFrame(60, i));
    bench.vsp.batchEnd();
  }
  expect(root.state).toBe('open');
  expect(bench.sendBySection(rndisPacket(someFrame(60)))).toBe(NvspStatus.Success);
});

test('the packet filter says which frames are wanted', () => {
  const bench = new NetworkBench({ mac: Uint8Array.of(2, 1, 2, 3, 4, 5) });
  bench.openReady({ filter: 0 });
  const to = (...address: number[]): Uint8Array => {
    const frame = someFrame(60);
    frame.set(address);
    return frame;
  };
  const mine = to(2, 1, 2, 3, 4, 5);
  const other = to(2, 1, 2, 3, 4, 6);
  const everybody = to(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
  const listed = to(0x33, 0x33, 0, 0, 0, 1);
  const group = to(0x33, 0x33, 0, 0, 0, 2);
  bench.setOid(Oid.Ieee8023MulticastList, listed.subarray(0, 6));
  const admitted = (filter: number): Uint8Array[] => {
    bench.setOid(Oid.GenCurrentPacketFilter, Uint8Array.of(filter, 0, 0, 0));
    for (const frame of [mine, other, everybody, listed, group]) bench.port.deliver(frame);
    return bench.frames().map(({ frame }) => frame);
  };

  expect(admitted(0)).toEqual([]);
  expect(admitted(PacketFilter.Directed)).toEqual([mine]);
  expect(admitted(PacketFilter.Broadcast)).toEqual([everybody]);
  expect(admitted(PacketFilter.Multicast)).toEqual([listed]);
  expect(admitted(PacketFilter.AllMulticast)).toEqual([listed, group]);
  expect(admitted(PacketFilter.Promiscuous)).toEqual([mine, other, everybody, listed, group]);
});

test('what the port knows of a frame is told to the guest', () => {
  const bench = ready();
  bench.port.deliver(tcp(10), { segmentSize: 0, checksumPartial: true, vlan: 0x2007 });
  bench.port.deliver(tcp(10, { version: 6 }), { segmentSize: 0, checksumPartial: true });
  bench.port.deliver(tcp(10), { segmentSize: 0, checksumPartial: false });

  expect(bench.frames().map(({ infos }) => [...infos])).toEqual([
    [
      [PacketInfo.Checksum, ReceiveChecksum.IpSucceeded | ReceiveChecksum.TcpSucceeded],
      [PacketInfo.Ieee8021q, infoOfTag(0x2007)],
    ],
    [[PacketInfo.Checksum, ReceiveChecksum.TcpSucceeded]],
    [],
  ]);
});

test('a frame that is still to be cut is cut for the guest', () => {
  const bench = ready();
  const large = tcp(10_000);

  expect(bench.port.deliver(large, { segmentSize: 1460, checksumPartial: true })).toBe(true);

  const frames = bench.frames();
  expect(frames.map(({ frame }) => frame.length)).toEqual([...Array.from({ length: 6 }, () => 1514), 1240 + 54]);
  expect(frames.flatMap(({ frame }) => readFrame(frame.slice()).faults)).toEqual([]);
});

test('frames larger than the guest’s MTU are dropped and counted; those with a tag inside may be longer by it', () => {
  const bench = ready();
  bench.port.deliver(someFrame(1518));
  bench.port.deliver(someFrame(1519));
  bench.port.deliver(new Uint8Array(3));

  expect(bench.frames()).toHaveLength(1);
  expect(bench.vsp.inspect()).toMatchObject({ statistics: { receiveOversize: 1, receiveFiltered: 1 } });
});

test('frames of 9000 bytes go both ways, through pages that do not lie together', () => {
  const bench = ready({ portMtu: 9000 });
  const frame = someFrame(9014);

  expect(bench.sendDirect(rndisPacket(frame), { offset: 5 })).toBe(NvspStatus.Success);
  expect(bench.port.deliver(frame)).toBe(true);

  expect(bench.port.sent[0]!.frame).toEqual(frame);
  expect(bench.frames().map((each) => each.frame)).toEqual([frame]);
});

test('N34: a completion of what the guest does not have frees nothing', () => {
  const bench = ready();
  bench.reading = false;
  bench.port.deliver(someFrame(60));
  bench.port.deliver(someFrame(60));
  bench.settle();
  const { id } = bench.lines[0]!.received.at(-1)!;
  const { free } = bench.vsp.inspect()['receiveBuffer'] as { free: number };

  for (const wrong of [0, id + 1, 100_000, 0xffff_ffff]) bench.giveBack(wrong);
  bench.settle();
  expect(bench.vsp.inspect()).toMatchObject({ receiveBuffer: { free } });
  bench.giveBack(id);
  bench.giveBack(id);
  bench.settle();

  expect(bench.vsp.inspect()).toMatchObject({ receiveBuffer: { free: free + 2 } });
  expect(bench.guestErrors).toHaveLength(5);
});

test('a guest that cannot use a frame says so, and it is counted', () => {
  const bench = ready();
  bench.reading = false;
  bench.port.deliver(someFrame(60));
  bench.settle();

  bench.giveBack(bench.lines[0]!.received.at(-1)!.id, 0, NvspStatus.Fail);
  bench.settle();

  expect(bench.vsp.inspect()).toMatchObject({ statistics: { receiveRefused: 1 } });
  expect(NvspRndisPacketComplete.size).toBe(8);
});

// Several channels.

test('flows are spread over the channels by the table that the guest has set, and each stays on its own', () => {
  const bench = new NetworkBench({ maxSubchannels: 3 });
  bench.openReady({ filter: EVERYTHING });
  bench.request(NvspSubchannel.encode({ type: NvspType.Subchannel, operation: 1, count: 3 }));
  for (const index of [1, 2, 3]) bench.open(index);
  const key = Uint8Array.from({ length: 40 }, (_, i) => i * 37 + 11);
  const scaling = (flags: number): Uint8Array => {
    const info = new Uint8Array(NdisRssParameters.size + 4 * 128 + 40);
    const view = new DataView(info.buffer);
    NdisRssParameters.write(view, 0, {
      header: { type: 0x89, revision: 2, size: 40 },
      flags,
      baseCpu: 0,
      hashInformation: 1 | RssHashType.Ipv4 | RssHashType.TcpIpv4,
      indirectionSize: 4 * 128,
      indirectionOffset: 40,
      keySize: 40,
      keyOffset: 40 + 4 * 128,
      processorMasksOffset: 0,
      processorMasks: 0,
      processorMasksEntry: 0,
    });
    for (let i = 0; i < 128; i++) view.setUint32(40 + 4 * i, i % 4, true);
    info.set(key, 40 + 4 * 128);
    return info;
  };
  const flow = (port: number): void => {
    for (let i = 0; i < 3; i++) bench.port.deliver(tcp(10, { sourcePort: port }));
  };
  const perLine = (): number[] => [0, 1, 2, 3].map((index) => bench.frames(index).length);

  flow(1);
  expect(perLine()).toEqual([3, 0, 0, 0]);
  expect(bench.setOid(Oid.GenReceiveScaleParameters, scaling(0))).toBe(0);
  for (let port = 0; port < 150; port++) flow(port * 7);
  const spread = perLine();
  expect(spread.reduce((sum, count) => sum + count)).toBe(450);
  expect(spread.every((count) => count > 30 && count % 3 === 0)).toBe(true);
  expect(bench.setOid(Oid.GenReceiveScaleParameters, scaling(RSS_DISABLE))).toBe(0);
  flow(1);
  expect(perLine()).toEqual([3, 0, 0, 0]);
  // Sent by one of them, answered by it.
  expect(bench.sendBySection(rndisPacket(someFrame(60)), 0, undefined, 2)).toBe(NvspStatus.Success);
});
