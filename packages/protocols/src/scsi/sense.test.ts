import { expect, test } from 'vitest';
import { FixedSense, readSense, Sense, writeSense } from './sense.ts';

test.each(Object.entries(Sense))('sense data for %s survives its fixed format', (_, sense) => {
  const data = new Uint8Array(24).fill(0xee);

  writeSense(data, 2, sense);

  expect(readSense(data, 2)).toBe(sense);
  expect([data[1], data[22]]).toEqual([0xee, 0xee]);
  expect(FixedSense.decode(data.subarray(2))).toMatchObject({
    responseCode: 0x70,
    additionalLength: 10,
    information: 0,
  });
});

test('sense data in descriptor format is read too, and anything else says nothing', () => {
  expect(readSense(Uint8Array.of(0x72, 0x06, 0x2a, 0x09))).toBe(Sense.CapacityDataChanged);
  expect(readSense(new Uint8Array(20))).toBe(Sense.None);
});
