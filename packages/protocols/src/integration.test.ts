import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeIc,
  decodeIcVersions,
  encodeIc,
  encodeIcVersions,
  IcHeader,
  IcHeartbeat,
  IcShutdown,
  IcTime,
  IcTimeReference,
  IntegrationService,
  newestIcVersion,
} from './integration.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const version = fc.record({ major: u16, minor: u16 });

test('IC2: a message is its header with both sizes filled in, then the payload', () => {
  const message = encodeIc(
    {
      framework: { major: 3, minor: 0 },
      type: 4,
      version: { major: 4, minor: 0 },
      status: 0,
      transaction: 9,
      flags: 3,
    },
    new Uint8Array([0xaa, 0xbb]),
  );

  expect(Array.from(message)).toEqual(
    [
      [1, 0, 0, 0, 22, 0, 0, 0], // pipe: data, 22 bytes follow
      [3, 0, 0, 0], // framework 3.0
      [4, 0], // time sync
      [4, 0, 0, 0], // message version 4.0
      [2, 0, 0, 0, 0, 0], // payload bytes, status
      [9, 3, 0, 0], // transaction, flags, reserved
      [0xaa, 0xbb],
    ].flat(),
  );
});

test('what a message encodes, it decodes', () => {
  const header = fc.record({ framework: version, type: u16, version, status: u32, transaction: u8, flags: u8 });
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 64 }), (fields, payload) => {
      const decoded = decodeIc(encodeIc(fields, payload))!;
      expect(decoded.header).toMatchObject(fields);
      expect(decoded.payload).toEqual(payload);
    }),
  );
});

test('a packet shorter than the header is not a message', () => {
  expect(decodeIc(new Uint8Array(IcHeader.size - 1))).toBeUndefined();
});

test('what a list of versions encodes, it decodes', () => {
  const versions = fc.array(version, { maxLength: 100 });
  fc.assert(
    fc.property(versions, versions, (framework, message) => {
      expect(decodeIcVersions(encodeIcVersions({ framework, message }))).toEqual({ framework, message });
    }),
  );
});

test('no bytes make the version decoder throw or read beyond them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 900 }), (payload) => {
      const decoded = decodeIcVersions(payload);
      const count = decoded ? decoded.framework.length + decoded.message.length : 0;
      expect(8 + 4 * count).toBeLessThanOrEqual(Math.max(payload.length, 8));
    }),
  );
});

test('the newest common version wins, whatever the order of the lists', () => {
  const ours = IntegrationService.shutdown.message;

  expect(
    newestIcVersion(ours, [
      { major: 3, minor: 1 },
      { major: 1, minor: 0 },
      { major: 9, minor: 0 },
    ]),
  ).toEqual({
    major: 3,
    minor: 1,
  });
  expect(newestIcVersion(ours, [{ major: 2, minor: 0 }])).toBeUndefined();
});

test('payloads survive their codecs', () => {
  fc.assert(
    fc.property(u64, u64, u64, u8, u32, (a, b, c, flags, word) => {
      const reference = { parentTime: a, referenceTime: b, flags, leap: 1, stratum: 2 };
      const time = { parentTime: a, childTime: b, roundTripTime: c, flags };
      const heartbeat = { sequence: a, applicationState: word };
      expect(IcTimeReference.decode(IcTimeReference.encode(reference))).toEqual(reference);
      expect(IcTime.decode(IcTime.encode(time))).toEqual(time);
      expect(IcHeartbeat.decode(IcHeartbeat.encode(heartbeat))).toEqual(heartbeat);
    }),
  );
});

test('IC8, ics gotcha 3: a shutdown message is 2088 bytes with its headers', () => {
  expect(IcHeader.size + IcShutdown.size).toBe(2088);
});
