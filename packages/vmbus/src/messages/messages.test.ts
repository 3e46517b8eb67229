import fc from 'fast-check';
import { guid, i32, isGuid, u16, u32, u64, u8, type Field } from '@ringlet/wire';
import { describe, expect, test } from 'vitest';
import { HEADER_BYTES, MAX_MESSAGE_BYTES, messages, type MessageName, type MessageRow } from './catalogue.ts';
import {
  decodeToChild,
  decodeToRoot,
  encodeMessage,
  isFault,
  packContactTarget,
  unpackContactTarget,
} from './codec.ts';
import { USER_BYTES } from './connection.ts';
import { BODY_TAIL_BYTES, HEADER_TAIL_BYTES } from './gpadl-ranges.ts';
import { findInterface, interfaces, vsockPort, vsockService } from './interfaces.ts';
import { FeatureFlag, findVersion, Version, versions } from './version.ts';

const EVERYTHING = { version: Version.V6_0, features: 0x7f };
const NEWEST = { version: Version.V5_3, features: 0 };
const rows = Object.entries(messages) as [MessageName, MessageRow][];

const anyOf = new Map<Field<any>, fc.Arbitrary<unknown>>([
  [u8, fc.integer({ min: 0, max: 0xff })],
  [u16, fc.integer({ min: 0, max: 0xffff })],
  [u32, fc.integer({ min: 0, max: 0xffff_ffff })],
  [i32, fc.integer()],
  [u64, fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })],
  [guid, fc.uuid()],
]);

/** Bodies generated from the catalogue's own declarations: a new row is tested without a new test. */
function bodies(name: MessageName, row: MessageRow): fc.Arbitrary<any> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [key, field] of Object.entries(row.body.shape as Record<string, Field<any>>)) {
    if (key.startsWith('_')) continue;
    fields[key] = anyOf.get(field) ?? fc.uint8Array({ minLength: field.size, maxLength: field.size });
  }
  // The contact is decoded by the version and the features that it asks for itself.
  if (name === 'InitiateContact') fields['version'] = fc.constantFrom(...versions.map((each) => each.value));
  if (name === 'InitiateContact2') {
    fields['version'] = fc.constant(Version.V6_0);
    fields['interruptPageOrTarget'] = fc.constant(
      packContactTarget({ sint: 2, vtl: 0, featureFlags: FeatureFlag.ClientId }),
    );
  }
  if (row.tail) {
    const most = (MAX_MESSAGE_BYTES - HEADER_BYTES - row.body.size) >> 3;
    fields['tail'] = fc
      .integer({ min: 0, max: most })
      .chain((n) => fc.uint8Array({ minLength: n * 8, maxLength: n * 8 }));
  }
  return fc.record(fields);
}

describe.each(rows)('%s', (name, row) => {
  const decode = row.direction === 'to-root' ? decodeToRoot : decodeToChild;

  test('what is encoded is decoded', () => {
    fc.assert(
      fc.property(bodies(name, row), (body) => {
        expect(decode(encodeMessage(name, body), EVERYTHING)).toEqual({ name, body });
      }),
      { numRuns: 40 },
    );
  });

  test('vmbus gotcha 7: the length on the wire is the header and the declared body, at most 240 bytes', () => {
    const [body] = fc.sample(bodies(name, row), { seed: 1, numRuns: 1 });
    const data = encodeMessage(name, row.tail ? { ...body, tail: new Uint8Array(0) } : body);
    expect(data.length).toBe(HEADER_BYTES + row.body.size);
    expect(data.length).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
  });

  test('the other direction is refused', () => {
    const other = row.direction === 'to-root' ? decodeToChild : decodeToRoot;
    const [body] = fc.sample(bodies(name, row), { seed: 1, numRuns: 1 });
    expect(other(encodeMessage(name, body), EVERYTHING)).toEqual({ fault: 'wrong-direction', type: row.type });
  });
});

test.each([
  ['OfferChannel', 196],
  ['RescindChannelOffer', 12],
  ['RequestOffers', 8],
  ['AllOffersDelivered', 8],
  ['OpenChannel', 148],
  ['OpenResult', 20],
  ['CloseChannel', 12],
  ['GpadlHeader', 20],
  ['GpadlBody', 16],
  ['GpadlCreated', 20],
  ['GpadlTeardown', 16],
  ['GpadlTorndown', 12],
  ['RelidReleased', 12],
  ['InitiateContact', 40],
  ['VersionResponse', 16],
  ['Unload', 8],
  ['UnloadResponse', 8],
  ['TlConnectRequest', 40],
  ['TlConnectRequest2', 56],
  ['ModifyChannel', 16],
  ['ModifyChannelResponse', 16],
] as const)('vmbus gotcha 1: %s takes the %i bytes that Linux sends or demands', (name, size) => {
  expect(HEADER_BYTES + messages[name].body.size).toBe(size);
});

test('random bytes decode to a message or a fault, at either end and in any version', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 260 }),
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom(0, ...versions.map((each) => each.value), Version.V6_0),
      fc.integer({ min: 0, max: 0xff }),
      (data, type, version, features) => {
        if (data.length > 3) data.set([type, 0, 0, 0]);
        for (const decode of [decodeToRoot, decodeToChild]) {
          const result = decode(data, { version, features });
          expect('fault' in result || 'name' in result).toBe(true);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('V14: bytes beyond the struct are ignored, a missing byte is a fault', () => {
  const data = encodeMessage('CloseChannel', { relid: 7 });
  const longer = new Uint8Array(100);
  longer.set(data);
  expect(decodeToRoot(longer, NEWEST)).toEqual({ name: 'CloseChannel', body: { relid: 7 } });
  expect(decodeToRoot(data.subarray(0, 11), NEWEST)).toEqual({ fault: 'too-short', type: 7 });
});

test('V20: a header is a type and a zero word, and nothing is longer than one SynIC message', () => {
  expect(Array.from(encodeMessage('RequestOffers', {}))).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  expect(decodeToRoot(new Uint8Array(MAX_MESSAGE_BYTES + 1).fill(3), NEWEST)).toMatchObject({ fault: 'too-long' });
  expect(decodeToRoot(new Uint8Array(7), NEWEST)).toEqual({ fault: 'too-short', type: -1 });
});

test('a message of a newer version than the negotiated one is refused', () => {
  const modify = encodeMessage('ModifyChannel', { relid: 1, targetVp: 2 });
  expect(decodeToRoot(modify, { version: Version.V4_0, features: 0 })).toEqual({ fault: 'not-negotiated', type: 22 });
  expect(isFault(decodeToRoot(modify, { version: Version.V4_1, features: 0 }))).toBe(false);
});

test('vmbus gotcha 10: messages from 25 on need version 6.0 and their feature, which no connection has', () => {
  const newer = rows.filter(([, row]) => row.type >= 25);
  expect(newer.map(([, row]) => row.type)).toEqual([25, 26, 27, 28, 29]);
  expect(newer.every(([, row]) => row.since === Version.V6_0 && row.features !== 0)).toBe(true);
  expect(findVersion(Version.V6_0)).toBeUndefined();
});

test('V3: of two forms of one message the size alone decides', () => {
  const ids = { endpointId: interfaces.scsi.interfaceId, serviceId: vsockService(80) };
  const short = encodeMessage('TlConnectRequest', ids);
  const long = encodeMessage('TlConnectRequest2', { ...ids, siloId: interfaces.ide.interfaceId });
  expect(decodeToRoot(short, NEWEST)).toMatchObject({ name: 'TlConnectRequest' });
  expect(decodeToRoot(long, NEWEST)).toMatchObject({ name: 'TlConnectRequest2' });
});

test('V19: the short socket request is accepted in versions that have the long one', () => {
  const ids = { endpointId: interfaces.scsi.interfaceId, serviceId: vsockService(80) };
  const decoded = decodeToRoot(encodeMessage('TlConnectRequest', ids), { version: Version.V5_2, features: 0 });
  expect(decoded).toEqual({ name: 'TlConnectRequest', body: ids });
});

test('H8: before 5.2 the silo of a socket request is not read', () => {
  const long = { endpointId: interfaces.scsi.interfaceId, serviceId: vsockService(80), siloId: vsockService(1) };
  const decoded = decodeToRoot(encodeMessage('TlConnectRequest2', long), { version: Version.V5_1, features: 0 });
  expect(decoded).toMatchObject({ name: 'TlConnectRequest' });
});

test('V4: a contact that promises a client id but is too short to hold one is malformed', () => {
  const contact = encodeMessage('InitiateContact', {
    version: Version.V6_0,
    targetVp: 0,
    interruptPageOrTarget: packContactTarget({ sint: 2, vtl: 0, featureFlags: FeatureFlag.ClientId }),
    monitorPageToChild: 0n,
    monitorPageToRoot: 0n,
  });
  expect(decodeToRoot(contact, EVERYTHING)).toEqual({ fault: 'malformed', type: 14 });
});

test('T13: the range data of a GPADL header starts at byte 20, that of a body at byte 16', () => {
  const tail = Uint8Array.from({ length: 8 }, (_, i) => i + 1);
  const header = encodeMessage('GpadlHeader', { relid: 1, gpadl: 2, rangeBufferLength: 8, rangeCount: 1, tail });
  const body = encodeMessage('GpadlBody', { messageNumber: 0, gpadl: 2, tail });
  expect(Array.from(header.subarray(20))).toEqual(Array.from(tail));
  expect(Array.from(body.subarray(16))).toEqual(Array.from(tail));
  expect([HEADER_TAIL_BYTES, BODY_TAIL_BYTES]).toEqual([27 * 8, 28 * 8]);
});

test('G2: bytes of a GPADL message that do not make a whole unit are ignored', () => {
  const data = new Uint8Array(MAX_MESSAGE_BYTES);
  data.set(
    encodeMessage('GpadlHeader', { relid: 1, gpadl: 2, rangeBufferLength: 8, rangeCount: 1, tail: new Uint8Array(0) }),
  );
  const decoded = decodeToRoot(data, NEWEST);
  expect((decoded as { body: { tail: Uint8Array } }).body.tail.length).toBe(HEADER_TAIL_BYTES);
});

test('a decoded body is a copy: what the peer writes afterwards does not change it', () => {
  const data = encodeMessage('OpenChannel', {
    relid: 1,
    openId: 1,
    ringGpadl: 9,
    targetVp: 0,
    downstreamPageOffset: 4,
    userData: new Uint8Array(USER_BYTES).fill(5),
  });
  const decoded = decodeToRoot(data, NEWEST) as { body: { userData: Uint8Array } };
  data.fill(0xff);
  expect(decoded.body.userData.every((byte) => byte === 5)).toBe(true);
});

test('V5: the contact target is SINT, VTL and feature flags in one word', () => {
  const target = { sint: 2, vtl: 1, featureFlags: 0x8000_0005 };
  expect(packContactTarget(target)).toBe(0x8000_0005_0000_0102n);
  expect(unpackContactTarget(packContactTarget(target))).toEqual(target);
});

test('a body too long for its declaration is our own mistake', () => {
  const tail = new Uint8Array(BODY_TAIL_BYTES + 8);
  expect(() => encodeMessage('GpadlBody', { messageNumber: 0, gpadl: 1, tail })).toThrow('fits one SynIC message');
});

test('versions are listed newest first, each once', () => {
  const values = versions.map((each) => each.value);
  expect(values).toEqual([...new Set(values)].toSorted((a, b) => b - a));
  expect(versions.map((each) => each.name)).toEqual(['5.3', '5.2', '5.1', '5.0', '4.1', '4.0', '3.0', '2.4']);
});

test('interface ids are GUIDs in lower case and distinct', () => {
  const ids = Object.values(interfaces).map((each) => each.interfaceId);
  expect(ids.every(isGuid)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(findInterface('ba6163d9-04a1-4d29-b605-72e2ffb1dc7f')?.name).toBe('SCSI controller');
});

test('H9: an AF_VSOCK port is the first group of its service GUID', () => {
  expect(vsockService(1024)).toBe('00000400-facb-11e6-bd58-64006a7986d3');
  expect(vsockPort('00000400-facb-11e6-bd58-64006a7986d3')).toBe(1024);
  expect(vsockPort(interfaces.scsi.interfaceId)).toBeUndefined();
});
