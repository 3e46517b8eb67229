import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeDirt,
  decodeResolutions,
  encodeDirt,
  encodeResolutions,
  FeatureChange,
  pointerBytes,
  PointerPosition,
  PointerShapeHeader,
  VideoSituation,
  videoVersion,
  VramLocation,
} from './video.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const i32 = fc.integer();
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

test('messages survive their codecs', () => {
  fc.assert(
    fc.property(u64, u32, u8, i32, (context, word, byte, signed) => {
      const location = { context, specified: byte, gpa: context };
      expect(VramLocation.decode(VramLocation.encode(location))).toEqual(location);
      const picture = { outputs: 1, active: byte, offset: word, depth: 32, width: word, height: word, pitch: word };
      const situation = { context, ...picture };
      expect(VideoSituation.decode(VideoSituation.encode(situation))).toEqual(situation);
      const position = { visible: byte, output: 0, x: signed, y: signed };
      expect(PointerPosition.decode(PointerPosition.encode(position))).toEqual(position);
      const shape = { part: byte, argb: 1, width: word, height: word, hotX: word, hotY: word };
      expect(PointerShapeHeader.decode(PointerShapeHeader.encode(shape))).toEqual(shape);
      const features = { dirt: byte, pointerPosition: 1, pointerShape: 1, situation: 0 };
      expect(FeatureChange.decode(FeatureChange.encode(features))).toEqual(features);
    }),
  );
});

test('lists of changed parts survive their codec', () => {
  const rectangle = fc.record({ left: i32, top: i32, right: i32, bottom: i32 });
  fc.assert(
    fc.property(fc.array(rectangle, { maxLength: 255 }), (rectangles) => {
      expect(decodeDirt(encodeDirt(rectangles))).toEqual(rectangles);
      // One byte less and it is none, whatever it holds.
      expect(decodeDirt(encodeDirt(rectangles).subarray(0, -1))).toBeUndefined();
    }),
  );
});

test('lists of resolutions survive their codec', () => {
  const list = fc.array(fc.record({ width: u16, height: u16 }), { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(list, fc.uint8Array({ minLength: 128, maxLength: 128 }), (resolutions, edid) => {
      const said = { edid, preferred: resolutions.length - 1, list: resolutions };
      expect(decodeResolutions(encodeResolutions(said))).toEqual(said);
    }),
  );
});

test('no bytes make the decoders of lists throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (payload) => {
      expect(decodeDirt(payload)?.length ?? 0).toBeLessThanOrEqual(payload.length / 16);
      expect(decodeResolutions(payload)?.list.length ?? 0).toBeLessThanOrEqual(payload.length / 4);
    }),
  );
});

test('version 3.5 has its minor part above', () => {
  expect(videoVersion(3, 5)).toBe(0x0005_0003);
});

test('a pointer has four bytes a pixel, or two bits in rows of whole bytes', () => {
  expect(pointerBytes({ argb: 1, width: 96, height: 96 })).toBe(36_864);
  expect(pointerBytes({ argb: 0, width: 9, height: 3 })).toBe(12);
});
