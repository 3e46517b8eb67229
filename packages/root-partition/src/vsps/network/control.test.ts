import {
  MediaState,
  NdisOffload,
  NdisOffloadParameters,
  NdisRssCapabilities,
  NdisRssParameters,
  NvspStatus,
  Oid,
  RndisConfigParameter,
  RndisIndicateStatus,
  RndisInitialize,
  RndisInitializeComplete,
  RndisStatus,
  RndisType,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { type NetworkOptions } from './network-options.ts';
import { NetworkBench } from './network-fixture.ts';
import { oidRequest, rndisPacket, someFrame } from './rndis-fixture.ts';

const MAC = Uint8Array.of(2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee);
const ready = (options: NetworkOptions & { portMtu?: number } = {}): NetworkBench => {
  const bench = new NetworkBench({ mac: MAC, ...options });
  bench.openReady();
  return bench;
};
const word = (info: Uint8Array): number => new DataView(info.buffer, info.byteOffset).getUint32(0, true);
const utf16 = (text: string): number[] => Array.from(text, (letter) => [letter.charCodeAt(0), 0]).flat();

test('N12: the initialization tells how packets may be batched', () => {
  const bench = new NetworkBench();
  bench.openReady();
  const { answer } = bench.control(
    RndisInitialize.encode({ type: 2, length: 24, requestId: 5, major: 1, minor: 0, maxTransferSize: 0x4000 }),
  );

  expect(answer!.length).toBe(RndisInitializeComplete.size);
  expect(RndisInitializeComplete.decode(answer!)).toMatchObject({
    type: RndisType.InitializeComplete,
    requestId: 5,
    status: RndisStatus.Success,
    maxPackets: 8,
    alignment: 3,
  });
});

test('an initialization of another version is refused', () => {
  const bench = new NetworkBench();
  bench.openReady();
  const { answer } = bench.control(
    RndisInitialize.encode({ type: 2, length: 24, requestId: 5, major: 2, minor: 0, maxTransferSize: 0x4000 }),
  );
  expect(RndisInitializeComplete.decode(answer!)!.status).toBe(RndisStatus.BadVersion);
});

test('each answer has exactly the length that hv_netvsc has room for', () => {
  const bench = ready({ name: 'uplink' });
  const offload = NdisOffload.encode({ header: { type: 0xa7, revision: 3, size: 156 } } as never);
  const lengths: [oid: number, length: number, info?: Uint8Array][] = [
    [Oid.GenMaximumFrameSize, 4],
    [Oid.Ieee8023PermanentAddress, 6],
    [Oid.Ieee8023CurrentAddress, 6],
    [Oid.GenFriendlyName, 12],
    [Oid.GenMediaConnectStatus, 4],
    [Oid.GenLinkSpeed, 4],
    [Oid.TcpOffloadHardwareCapabilities, 156, offload],
    [Oid.TcpOffloadHardwareCapabilities, 144, Uint8Array.of(0xa7, 2, 144, 0)],
    [Oid.TcpOffloadHardwareCapabilities, 112, Uint8Array.of(0xa7, 1, 112, 0)],
    [Oid.GenReceiveScaleCapabilities, 18, Uint8Array.of(0x88, 2, 18, 0)],
    [Oid.GenReceiveScaleCapabilities, 16, Uint8Array.of(0x88, 1, 16, 0)],
  ];
  for (const [oid, length, info] of lengths) {
    const answer = bench.queryOid(oid, info);
    expect({ oid, ...answer, info: answer.info.length }).toEqual({ oid, status: 0, length, info: length });
  }
});

test('what the adapter is', () => {
  const bench = ready({ name: 'uplink', mtu: 9000, portMtu: 9000, linkSpeed: 1e9, maxSubchannels: 3 });

  expect(word(bench.queryOid(Oid.GenMaximumFrameSize).info)).toBe(9000);
  expect(bench.queryOid(Oid.Ieee8023PermanentAddress).info).toEqual(MAC);
  expect([...bench.queryOid(Oid.GenFriendlyName).info]).toEqual(utf16('uplink'));
  expect(word(bench.queryOid(Oid.GenLinkSpeed).info)).toBe(1e7);
  expect(word(bench.queryOid(Oid.GenMediaConnectStatus).info)).toBe(MediaState.Connected);
  expect(NdisRssCapabilities.decode(bench.queryOid(Oid.GenReceiveScaleCapabilities).info)).toMatchObject({
    receiveQueues: 4,
    indirectionEntries: 128,
  });
  // No large send is announced without its size, which Linux would take for its own.
  const offload = NdisOffload.decode(bench.queryOid(Oid.TcpOffloadHardwareCapabilities).info)!;
  expect(offload).toMatchObject({ ipv4Transmit: 0x155, ipv6Transmit: 0x55, lsoV2Ipv4MaximumSize: 0xf800 });
});

test('every OID of the list of supported ones is answered, and any other is not supported, with nothing', () => {
  const bench = ready();
  const { info } = bench.queryOid(Oid.GenSupportedList);
  const supported = Array.from({ length: info.length / 4 }, (_, i) => word(info.subarray(4 * i)));

  expect(supported.length).toBeGreaterThan(45);
  for (const oid of supported) expect({ oid, status: bench.queryOid(oid).status }).toEqual({ oid, status: 0 });
  expect(bench.queryOid(0xfc01_0299)).toMatchObject({ status: RndisStatus.NotSupported, length: 0 });
  expect(bench.setOid(0xfc01_0299, new Uint8Array(4))).toBe(RndisStatus.NotSupported);
  expect(bench.guestErrors).toEqual([]);
});

test('the statistics count what went each way', () => {
  const bench = ready();
  bench.sendDirect(rndisPacket(someFrame(100)));
  bench.sendDirect(rndisPacket(someFrame(60).subarray(0, 10)));
  bench.port.deliver(someFrame(200));
  bench.port.deliver(someFrame(300));

  const count = (oid: number): number => word(bench.queryOid(oid).info);
  expect([count(Oid.GenTransmitOk), count(Oid.GenTransmitError)]).toEqual([1, 1]);
  expect([count(Oid.GenReceiveOk), count(Oid.GenBroadcastBytesReceived)]).toEqual([2, 500]);
});

test('offload parameters are taken when they mean something', () => {
  const bench = ready();
  const parameters = (value: number, type = 0x80): Uint8Array => {
    const info = new Uint8Array(28);
    info.set([type, 3, 28, 0]);
    info.fill(value, 4, 13);
    return info;
  };

  expect(bench.setOid(Oid.TcpOffloadParameters, parameters(2))).toBe(RndisStatus.Success);
  expect(bench.vsp.save().adapter.offload).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
  expect(bench.setOid(Oid.TcpOffloadParameters, parameters(0))).toBe(RndisStatus.Success);
  expect(bench.vsp.save().adapter.offload).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
  expect(bench.setOid(Oid.TcpOffloadParameters, parameters(5))).toBe(RndisStatus.InvalidData);
  expect(bench.setOid(Oid.TcpOffloadParameters, parameters(1, 0xa7))).toBe(RndisStatus.BadVersion);
  const tooShort = parameters(1).subarray(0, NdisOffloadParameters.size - 1);
  expect(bench.setOid(Oid.TcpOffloadParameters, tooShort)).toBe(RndisStatus.InvalidLength);
});

test('another address is taken by name, and frames to it are wanted', () => {
  const bench = ready();
  const set = (name: string, value: string, type = 2): number => {
    const info = new Uint8Array(20 + 2 * (name.length + value.length));
    RndisConfigParameter.write(new DataView(info.buffer), 0, {
      nameOffset: 20,
      nameLength: 2 * name.length,
      type,
      valueOffset: 20 + 2 * name.length,
      valueLength: 2 * value.length,
    });
    info.set([...utf16(name), ...utf16(value)], 20);
    return bench.setOid(Oid.GenRndisConfigParameter, info);
  };

  expect(set('NetworkAddress', '02000000002A')).toBe(RndisStatus.Success);
  expect([...bench.queryOid(Oid.Ieee8023CurrentAddress).info]).toEqual([2, 0, 0, 0, 0, 0x2a]);
  expect(bench.queryOid(Oid.Ieee8023PermanentAddress).info).toEqual(MAC);
  const frame = someFrame(60);
  frame.set([2, 0, 0, 0, 0, 0x2a]);
  bench.port.deliver(frame);
  expect(bench.frames()).toHaveLength(1);

  expect(set('NetworkAddress', '03000000002A')).toBe(RndisStatus.InvalidData);
  expect(set('NetworkAddress', '02')).toBe(RndisStatus.InvalidData);
  expect(set('Colour', 'red')).toBe(RndisStatus.NotSupported);
  expect(bench.setOid(Oid.GenRndisConfigParameter, new Uint8Array(20).fill(0xff))).toBe(RndisStatus.InvalidLength);
});

test('N17: a table of queues that there are not, or of no queues, or half a key, changes nothing', () => {
  const bench = ready({ maxSubchannels: 1 });
  const set = (changes: Partial<NdisRssParameters>, queue = 1): number => {
    const info = new Uint8Array(40 + 4 + 40);
    NdisRssParameters.write(new DataView(info.buffer), 0, {
      header: { type: 0x89, revision: 2, size: 40 },
      flags: 0,
      baseCpu: 0,
      hashInformation: 0x1701,
      indirectionSize: 4,
      indirectionOffset: 40,
      keySize: 40,
      keyOffset: 44,
      processorMasksOffset: 0,
      processorMasks: 0,
      processorMasksEntry: 0,
      ...changes,
    });
    info[40] = queue;
    return bench.setOid(Oid.GenReceiveScaleParameters, info);
  };
  const before = bench.vsp.save().adapter.scaling;

  expect(set({}, 2)).toBe(RndisStatus.InvalidData);
  expect(set({ hashInformation: 2 })).toBe(RndisStatus.InvalidData);
  expect(set({ indirectionSize: 0 })).toBe(RndisStatus.InvalidLength);
  expect(set({ indirectionSize: 3 })).toBe(RndisStatus.InvalidLength);
  expect(set({ indirectionOffset: 0xffff_ffff })).toBe(RndisStatus.InvalidLength);
  expect(set({ keySize: 20 })).toBe(RndisStatus.InvalidLength);
  expect(set({ keyOffset: 45 })).toBe(RndisStatus.InvalidLength);
  expect(set({ header: { type: 0x88, revision: 2, size: 40 } })).toBe(RndisStatus.BadVersion);
  expect(bench.vsp.save().adapter.scaling).toEqual(before);
  expect(set({})).toBe(RndisStatus.Success);
});

test('KEEPALIVE and RESET are answered, HALT is not, and after it nothing is known', () => {
  const bench = ready();
  const request = (type: number) => bench.control(Uint8Array.of(type, 0, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0));

  expect(word(request(RndisType.KeepAlive).answer!)).toBe(RndisType.KeepAliveComplete);
  expect(word(request(RndisType.Reset).answer!)).toBe(RndisType.ResetComplete);
  expect(bench.vsp.inspect()).toMatchObject({ filter: 0 });
  expect(request(RndisType.Halt)).toEqual({ status: NvspStatus.Success, answer: undefined });
  expect(bench.queryOid(Oid.GenLinkSpeed).status).toBe(RndisStatus.Failure);
  expect(bench.sendDirect(rndisPacket(someFrame(60)))).toBe(NvspStatus.InvalidRndisPacket);
});

test('messages that are cut off, or that no one knows, are refused with a status', () => {
  const bench = ready();
  const query = oidRequest(RndisType.Query, Oid.GenLinkSpeed, new Uint8Array(8));
  const tooLong = query.slice();
  tooLong[4] = 200;
  const outside = query.slice();
  outside[20] = 30;

  expect(bench.control(query.subarray(0, 8)).status).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.control(tooLong).status).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.control(Uint8Array.of(77, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0)).status).toBe(NvspStatus.InvalidRndisPacket);
  expect(bench.control(new Uint8Array(9000)).status).toBe(NvspStatus.InvalidRndisPacket);
  expect(new DataView(bench.control(outside).answer!.buffer).getUint32(12, true)).toBe(RndisStatus.InvalidLength);
  expect(bench.guestErrors).toHaveLength(4);
});

test('N11: a guest that asks without reading is refused in the end, and answered when it reads', () => {
  const bench = ready();
  bench.reading = false;
  const statuses = Array.from(
    { length: 2000 },
    () => bench.control(oidRequest(RndisType.Query, Oid.GenLinkSpeed)).status,
  );
  const refused = statuses.indexOf(NvspStatus.InvalidRndisPacket);
  expect(refused).toBeGreaterThan(64);
  expect(bench.guestErrors[0]).toBe('control messages without reading the answers');

  bench.reading = true;
  for (const { id } of bench.lines[0]!.received.slice(-520)) bench.giveBack(id);
  bench.settle();
  bench.settle();
  expect(bench.vsp.inspect()).toMatchObject({ answersWaiting: 0 });
  expect(bench.queryOid(Oid.GenLinkSpeed).status).toBe(RndisStatus.Success);
});

// Link.

const told = (bench: NetworkBench): number[] => {
  bench.settle();
  const { received } = bench.lines[0]!;
  const statuses = received
    .splice(0)
    .flatMap(({ messages }) => messages)
    .filter((message) => word(message) === RndisType.IndicateStatus)
    .map((message) => RndisIndicateStatus.decode(message)!.status);
  return statuses;
};

test('N18: the guest is told when the link goes and when it comes back', () => {
  const bench = ready();

  bench.port.setLink(false);
  expect(told(bench)).toEqual([RndisStatus.MediaDisconnect]);
  bench.port.setLink(false);
  expect(told(bench)).toEqual([]);
  bench.port.setLink(true);
  expect(told(bench)).toEqual([RndisStatus.MediaConnect]);
});

test('a cable can be pulled out by the operator; frames stop both ways', () => {
  const bench = ready();
  bench.vsp.setLink(false);
  expect(told(bench)).toEqual([RndisStatus.MediaDisconnect]);
  bench.port.setLink(true);
  expect(told(bench)).toEqual([]);

  bench.sendDirect(rndisPacket(someFrame(60)));
  bench.port.deliver(someFrame(60));
  expect(bench.port.sent).toEqual([]);
  expect(bench.frames()).toEqual([]);
  bench.vsp.setLink(true);
  expect(told(bench)).toEqual([RndisStatus.MediaConnect]);
});

test('an adapter that is plugged into nothing has its link down from the beginning', () => {
  const bench = new NetworkBench();
  const lonely = bench.another({});
  bench.open(0, lonely);
  expect(lonely.inspect()).toMatchObject({ link: 'down', port: null });
});

test('a guest that does not listen is told of the last state only', () => {
  const bench = ready();
  bench.reading = false;
  for (let i = 0; i < 600; i++) bench.control(oidRequest(RndisType.Query, Oid.GenLinkSpeed));
  told(bench);
  for (let i = 0; i < 1001; i++) bench.port.setLink(i % 2 === 1);

  bench.reading = true;
  for (let id = 1; id <= 512; id++) bench.giveBack(id);
  const statuses = told(bench);
  expect(statuses.at(-1)).toBe(RndisStatus.MediaDisconnect);
  expect(statuses).toHaveLength(1);
});
