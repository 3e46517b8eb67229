import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mouseDescription, MouseDeviceInfo, MouseMessage, MouseReport } from './mouse.ts';
import { decodeSynthetic, encodeSynthetic, SyntheticHeader } from './synthetic-message.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });

test('reports survive their codec', () => {
  const report = fc.record({
    buttons: fc.integer({ min: 0, max: 255 }),
    x: u16,
    y: u16,
    wheel: fc.integer({ min: -0x8000, max: 0x7fff }),
  });
  fc.assert(
    fc.property(report, (value) => {
      expect(MouseReport.decode(MouseReport.encode(value))).toEqual(value);
    }),
  );
});

test('the description has the 67 bytes of its report descriptor right after 41 bytes of who it is', () => {
  const description = mouseDescription();
  const info = MouseDeviceInfo.decode(description)!;
  expect(info).toMatchObject({ infoBytes: 32, vendor: 0x045e, product: 0x0621, descriptorBytes: 9, reportBytes: 67 });
  expect(description.length).toBe(41 + 67);
});

/** Bits that the items of a HID report descriptor add up to. */
function inputBits(descriptor: Uint8Array): number {
  let [size, count, bits] = [0, 0, 0];
  for (let at = 0; at < descriptor.length;) {
    const prefix = descriptor[at]!;
    const bytes = [0, 1, 2, 4][prefix & 3]!;
    const value = descriptor[at + 1]!;
    if ((prefix & 0xfc) === 0x74) size = value;
    if ((prefix & 0xfc) === 0x94) count = value;
    if ((prefix & 0xfc) === 0x80) bits += size * count;
    at += 1 + bytes;
  }
  return bits;
}

test('the report descriptor describes exactly the report', () => {
  expect(inputBits(mouseDescription().subarray(MouseDeviceInfo.size))).toBe(8 * MouseReport.size);
});

test('what the framing encodes, it decodes, whatever the packet is padded with', () => {
  fc.assert(
    fc.property(u16, fc.uint8Array({ maxLength: 60 }), fc.nat(9), (type, payload, padding) => {
      const message = encodeSynthetic(type, payload, 0);
      const packet = new Uint8Array(message.length + padding).fill(0xee);
      packet.set(message);
      expect(decodeSynthetic(packet)).toEqual({ type, payload });
    }),
  );
});

test('a message whose pipe header promises more than there is, or less than a header, is none', () => {
  const message = encodeSynthetic(MouseMessage.InputReport, new Uint8Array(7), 0);
  const view = new DataView(message.buffer);
  for (const size of [0, 7, 16, 0xffff_ffff]) {
    view.setUint32(SyntheticHeader.at.pipeSize, size, true);
    expect(decodeSynthetic(message)).toBeUndefined();
  }
});
