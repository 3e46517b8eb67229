import {
  NvspBuffer,
  NvspIndirectionTable,
  NvspInit,
  NvspInitComplete,
  NvspNdisConfig,
  NvspReceiveBufferComplete,
  NvspRevoke,
  nvspSize,
  NvspSendBufferComplete,
  NvspStatus,
  NvspSubchannel,
  NvspSubchannelComplete,
  NvspType,
  NvspVersion,
} from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { NetworkBench, RECEIVE_GPADL, SEND_GPADL } from './network-fixture.ts';

const init = (version: number, highest = version) => NvspInit.encode({ type: NvspType.Init, lowest: version, highest });
const subchannels = (count: number, operation = 1) =>
  NvspSubchannel.encode({ type: NvspType.Subchannel, operation, count });

test('N1: each version is agreed to, and answered in messages of its own size', () => {
  for (const version of Object.values(NvspVersion)) {
    const bench = new NetworkBench();
    bench.open();

    const answer = bench.request(init(version));

    expect(NvspInitComplete.decode(answer)).toEqual({
      type: NvspType.InitComplete,
      version: version === NvspVersion.V1 ? 2 : 0xffff_ffff,
      maximumMdlChain: 34,
      status: NvspStatus.Success,
    });
    // A ring's packets are multiples of eight long.
    expect(answer.length).toBe(Math.ceil(nvspSize(version) / 8) * 8);
  }
});

test('N1: a version that no one knows is refused, and the next one is still possible', () => {
  const bench = new NetworkBench();
  bench.open();

  expect(NvspInitComplete.decode(bench.request(init(0x0007_0000)))!.status).toBe(NvspStatus.None);
  expect(NvspInitComplete.decode(bench.request(init(NvspVersion.V5, NvspVersion.V6)))!.status).toBe(NvspStatus.None);
  expect(NvspInitComplete.decode(bench.request(init(NvspVersion.V6)))!.status).toBe(NvspStatus.Success);
  expect(bench.guestErrors).toEqual([]);
});

test('a second version, and messages before the first, change nothing and are counted', () => {
  const bench = new NetworkBench();
  bench.open();
  bench.request(NvspBuffer.encode({ type: NvspType.SendSendBuffer, gpadl: SEND_GPADL, id: 0 }));
  bench.request(init(NvspVersion.V5));

  expect(NvspInitComplete.decode(bench.request(init(NvspVersion.V61)))!.status).toBe(NvspStatus.None);

  expect(bench.vsp.save().negotiation.version).toBe(NvspVersion.V5);
  expect(bench.guestErrors).toEqual(['a message before a version was agreed', 'a second initialization']);
  expect(bench.held.get(SEND_GPADL)).toBeUndefined();
});

test('N9: the receive buffer is cut for the MTU that was asked for', () => {
  const sizes = [
    { mtu: 1500, portMtu: 9000, size: 2048 },
    { mtu: 3000, portMtu: 9000, size: 4096 },
    { mtu: 9000, portMtu: 9000, size: 12_288 },
    // Out of range: the standard.
    { mtu: 9000, portMtu: 1500, size: 2048 },
    { mtu: 60_000, portMtu: 9000, size: 2048 },
    { mtu: 20, portMtu: 9000, size: 2048 },
  ];
  for (const { mtu, portMtu, size } of sizes) {
    const bench = new NetworkBench({ portMtu });
    bench.open();
    bench.request(init(NvspVersion.V5));
    bench.tell(NvspNdisConfig.encode({ type: NvspType.SendNdisConfig, mtu: mtu + 14, capabilities: 0n }));
    bench.version = NvspVersion.V5;

    const answer = bench.request(
      NvspBuffer.encode({ type: NvspType.SendReceiveBuffer, gpadl: RECEIVE_GPADL, id: 0xcafe }),
    );

    const count = Math.floor((256 * 4096) / size);
    expect(NvspReceiveBufferComplete.decode(answer)).toMatchObject({
      status: NvspStatus.Success,
      sections: 1,
      size,
      count,
      endOffset: size * count,
    });
  }
});

test('a buffer that is not there, or a second one, is refused', () => {
  const bench = new NetworkBench();
  bench.openReady();
  const receive = (gpadl: number) =>
    NvspReceiveBufferComplete.decode(
      bench.request(NvspBuffer.encode({ type: NvspType.SendReceiveBuffer, gpadl, id: 1 })),
    )!.status;
  const send = (gpadl: number) =>
    NvspSendBufferComplete.decode(bench.request(NvspBuffer.encode({ type: NvspType.SendSendBuffer, gpadl, id: 0 })))!
      .status;

  expect([receive(RECEIVE_GPADL), send(SEND_GPADL)]).toEqual([NvspStatus.Fail, NvspStatus.Fail]);
  bench.tell(NvspRevoke.encode({ type: NvspType.RevokeReceiveBuffer, id: 0xcafe }));
  bench.tell(NvspRevoke.encode({ type: NvspType.RevokeSendBuffer, id: 0 }));
  expect([...bench.held.values()]).toEqual([0, 0]);
  expect([receive(99), receive(0), send(99)]).toEqual([NvspStatus.Fail, NvspStatus.Fail, NvspStatus.Fail]);
  expect([receive(RECEIVE_GPADL), send(SEND_GPADL)]).toEqual([NvspStatus.Success, NvspStatus.Success]);
});

test('buffers are let go when the channel closes, and when the device is disposed of', () => {
  for (const end of ['close', 'dispose'] as const) {
    const bench = new NetworkBench();
    const line = bench.openReady();
    expect([...bench.held.values()]).toEqual([1, 1]);

    if (end === 'close') bench.vsp.closed(line.root, () => {});
    else bench.vsp.dispose(() => {});

    expect([...bench.held.values()]).toEqual([0, 0]);
  }
});

test('a buffer taken back that was never given is a mistake', () => {
  const bench = new NetworkBench();
  bench.openReady();

  bench.tell(NvspRevoke.encode({ type: NvspType.RevokeReceiveBuffer, id: 1 }));

  expect(bench.guestErrors).toEqual(['a buffer taken back that was not given']);
  expect(bench.held.get(RECEIVE_GPADL)).toBe(1);
});

test('N39: subchannels are offered after the answer, up to as many as there are', () => {
  const bench = new NetworkBench({ maxSubchannels: 3 });
  bench.openReady();
  const ask = (count: number, operation?: number) =>
    NvspSubchannelComplete.decode(bench.request(subchannels(count, operation)));

  for (const count of [0, 4, 0xffff_ffff]) expect(ask(count)).toMatchObject({ status: NvspStatus.Fail, count: 0 });
  expect(ask(2, 2)).toMatchObject({ status: NvspStatus.Fail });
  expect(ask(3)).toEqual({ type: NvspType.Subchannel, status: NvspStatus.Success, count: 3 });

  expect(bench.offered).toEqual([]);
  bench.pass();
  expect(bench.offered).toEqual([3]);
});

test('before version 5 there are no subchannels', () => {
  const bench = new NetworkBench({ maxSubchannels: 3 });
  bench.openReady({ version: NvspVersion.V4 });

  expect(NvspSubchannelComplete.decode(bench.request(subchannels(1)))).toMatchObject({ status: NvspStatus.Fail });
  expect(bench.open(1)).toBeUndefined();
});

test('N40: the table of channels to send by comes when all of them are open', () => {
  const bench = new NetworkBench({ maxSubchannels: 2 });
  const line = bench.openReady();
  expect(bench.open(1)).toBeUndefined();
  bench.request(subchannels(2));

  bench.open(1);
  bench.settle();
  expect(line.inBand).toEqual([]);
  bench.open(2);
  bench.settle();

  expect(line.inBand.map((bytes) => NvspIndirectionTable.decode(bytes))).toEqual([
    {
      type: NvspType.SendIndirectionTable,
      count: 16,
      offset: 12,
      table: [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0],
    },
  ]);
});

test('a switch to a virtual function is answered with nothing, and counted', () => {
  const bench = new NetworkBench();
  bench.openReady();

  expect(bench.request(Uint8Array.of(NvspType.SwitchDataPath, 0, 0, 0)).length).toBe(0);
  expect(bench.guestErrors).toEqual(['a switch to a virtual function that is not there']);
});
