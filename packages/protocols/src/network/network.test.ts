import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Struct, type Shape } from '@ringlet/wire';
import * as ndis from './ndis.ts';
import * as nvsp from './nvsp.ts';
import {
  encodeLargeSend,
  infoOfTag,
  isLargeSendIpv6,
  isLargeSendV2,
  largeSendSegment,
  largeSendTransport,
  tagOfInfo,
} from './packet-info.ts';
import * as rndis from './rndis.ts';

const isStruct = (value: unknown): value is Struct<Shape> =>
  typeof value === 'object' && value !== null && 'shape' in value && 'decode' in value;
const structs = [ndis, nvsp, rndis].flatMap((module) => Object.values<unknown>(module).filter(isStruct));

test('every message survives its wire form, and none is read from too few bytes', () => {
  expect(structs.length).toBeGreaterThan(25);
  for (const each of structs) {
    const bytes = fc.uint8Array({ minLength: each.size, maxLength: each.size });
    fc.assert(
      fc.property(bytes, fc.nat(each.size - 1), (wire, fewer) => {
        const value = each.decode(wire)!;
        expect(each.decode(each.encode(value))).toEqual(value);
        expect(each.decode(wire.subarray(0, fewer))).toBeUndefined();
      }),
      { numRuns: 30 },
    );
  }
});

test('the fields lie where hv_netvsc reads them', () => {
  expect(nvsp.NvspInitComplete.at).toMatchObject({ version: 4, maximumMdlChain: 8, status: 12 });
  expect(nvsp.NvspReceiveBufferComplete.at).toMatchObject({ status: 4, sections: 8, offset: 12, size: 16, count: 20 });
  expect(nvsp.NvspRndisPacket.at).toEqual({ type: 0, channel: 4, section: 8, sectionSize: 12 });
  expect(nvsp.NvspNdisConfig.at).toMatchObject({ mtu: 4, capabilities: 12 });
  expect(nvsp.NvspIndirectionTable.at).toEqual({ type: 0, count: 4, offset: 8, table: 12 });
  expect(rndis.RndisInitializeComplete.at).toMatchObject({ maxPackets: 32, maxTransferSize: 36, alignment: 40 });
  expect(rndis.RndisPacket.at).toMatchObject({ dataOffset: 8, dataLength: 12, infoOffset: 28, infoLength: 32 });
  expect(rndis.QUERY_COMPLETE_INFO_OFFSET).toBe(16);
  expect(rndis.QUERY_INFO_OFFSET).toBe(20);
  expect(ndis.NdisOffload.at).toMatchObject({
    ipv4Transmit: 8,
    ipv4Receive: 16,
    ipv6Transmit: 24,
    ipv6Receive: 32,
    lsoV1Encapsulation: 36,
    lsoV2Ipv4Encapsulation: 80,
    lsoV2Ipv6Encapsulation: 92,
    lsoV2Ipv6Options: 104,
    coalesceIpv4: 144,
    coalesceIpv6: 145,
  });
  expect(ndis.NdisRssParameters.at).toMatchObject({
    hashInformation: 8,
    indirectionSize: 12,
    keySize: 20,
    keyOffset: 24,
  });
  expect(ndis.NdisRssCapabilities.at).toMatchObject({ receiveQueues: 12, indirectionEntries: 16 });
});

test('messages of all versions before 6.1 have one size, and those since then another', () => {
  expect(Object.values(nvsp.NvspVersion).map(nvsp.nvspSize)).toEqual([28, 28, 28, 28, 28, 40]);
});

test('a VLAN tag survives the order of bits that its information has', () => {
  fc.assert(fc.property(fc.nat(0xffff), (tag) => tagOfInfo(infoOfTag(tag)) === tag));
  // Priority 5, DEI, VLAN 0x123: as hv_netvsc packs them.
  expect(infoOfTag(0xb123)).toBe(5 | 8 | (0x123 << 4));
});

test('a large send survives its packing', () => {
  const send = fc.record({
    segmentSize: fc.nat(0xf_ffff),
    transportOffset: fc.nat(0x3ff),
    version: fc.constantFrom(1 as const, 2 as const),
    ipv6: fc.boolean(),
  });
  fc.assert(
    fc.property(send, (value) => {
      const word = encodeLargeSend(value);
      expect({
        segmentSize: largeSendSegment(word),
        transportOffset: largeSendTransport(word),
        version: isLargeSendV2(word) ? 2 : 1,
        ipv6: isLargeSendIpv6(word),
      }).toEqual(value);
    }),
  );
});
