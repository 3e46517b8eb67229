import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyboardEvent, KeyboardLeds, KeyboardProtocolRequest, KeyboardProtocolResponse } from './keyboard.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

test('messages survive their codecs, and too few bytes are no message', () => {
  fc.assert(
    fc.property(u32, u32, u16, (type, word, half) => {
      const event = { type, makeCode: half, flags: word };
      expect(KeyboardEvent.decode(KeyboardEvent.encode(event))).toEqual(event);
      const request = { type, version: word };
      expect(KeyboardProtocolRequest.decode(KeyboardProtocolRequest.encode(request))).toEqual(request);
      const response = { type, status: word };
      expect(KeyboardProtocolResponse.decode(KeyboardProtocolResponse.encode(response))).toEqual(response);
      const leds = { type, leds: half };
      expect(KeyboardLeds.decode(KeyboardLeds.encode(leds))).toEqual(leds);
    }),
  );
  expect(KeyboardEvent.decode(new Uint8Array(11))).toBeUndefined();
});

test('a key event is twelve bytes: type, code, nothing, flags', () => {
  expect(Array.from(KeyboardEvent.encode({ type: 3, makeCode: 0x48, flags: 6 }))).toEqual(
    [
      [3, 0, 0, 0],
      [0x48, 0, 0, 0],
      [6, 0, 0, 0],
    ].flat(),
  );
});
