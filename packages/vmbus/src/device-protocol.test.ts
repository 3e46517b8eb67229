import { array, bytes, reserved, u16, u32, u64 } from '@ringlet/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { protocol } from './device-protocol.ts';

const interfaceId = '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a10';
const instanceId = '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a11';
const Thermometer = protocol({
  name: 'thermometer',
  interfaceId,
  instanceId,
  messages: {
    Read: { tag: 1, from: 'guest', about: 'asks', fields: { sensor: u16, _pad: reserved(2), key: u64 } },
    Warmth: { tag: 0x8000_0001, from: 'host', about: 'answers', fields: { millikelvin: array(u32, 2), raw: bytes(3) } },
  },
});

test('what is encoded is decoded, whatever the fields hold', () => {
  const read = fc.record({ sensor: fc.nat(0xffff), key: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });
  const warmth = fc.record({
    millikelvin: fc.array(fc.nat(0xffff_ffff), { minLength: 2, maxLength: 2 }),
    raw: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  });
  fc.assert(
    fc.property(read, warmth, fc.uint8Array(), (r, w, behind) => {
      const padded = (data: Uint8Array): Uint8Array => Uint8Array.of(...data, ...behind);
      expect(Thermometer.decode(padded(Thermometer.encode('Read', r)))).toEqual({ message: 'Read', ...r });
      expect(Thermometer.decode(padded(Thermometer.encode('Warmth', w)))).toEqual({ message: 'Warmth', ...w });
    }),
  );
});

test('bytes that are no message, or not all of one, decode to nothing', () => {
  const whole = Thermometer.encode('Read', { sensor: 1, key: 2n });
  for (let length = 0; length < whole.length; length++) {
    expect(Thermometer.decode(whole.subarray(0, length))).toBeUndefined();
  }
  expect(Thermometer.decode(new Uint8Array(64).fill(7))).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (data) => void Thermometer.decode(data)));
});

test('its description has each message whole: the tag, then the fields', () => {
  expect(Thermometer.messages.map(({ name, tag, from, struct }) => [name, tag, from, struct.size])).toEqual([
    ['Read', 1, 'guest', 16],
    ['Warmth', 0x8000_0001, 'host', 15],
  ]);
  expect(Thermometer.messages[0]!.struct.at).toEqual({ tag: 0, sensor: 4, _pad: 6, key: 8 });
  expect(Thermometer.offer).toEqual({ name: 'thermometer', interfaceId, instanceId });
});

test('a declaration that contradicts itself is refused when it is loaded', () => {
  const row = { tag: 1, from: 'guest', about: '', fields: {} } as const;
  expect(() => protocol({ name: 'x', interfaceId, instanceId, messages: { A: row, B: row } })).toThrow(
    'A and B have the same tag, 1',
  );
  expect(() => protocol({ name: 'x', interfaceId: 'GUID', instanceId, messages: {} })).toThrow('not a GUID');
  const fields = { tag: u32 };
  expect(() => protocol({ name: 'x', interfaceId, instanceId, messages: { A: { ...row, fields } } })).toThrow('field');
});
