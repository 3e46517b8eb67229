import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeBzImage, refusal } from '../boot-fixture.ts';
import { isBzImage, parseBzImage } from './bzimage.ts';

const PAYLOAD = new TextEncoder().encode('payload of some kind');

test('header, protected-mode code and payload are found', () => {
  const image = parseBzImage(makeBzImage(PAYLOAD));
  expect(new TextDecoder().decode(image.payload)).toBe('payload of some kind');
  expect(image.protectedModeCode[0]).toBe(0x90);
  expect(image.header.length).toBe(0x202 + 0x6a - 0x1f1);
  expect(image).toMatchObject({ preferredAddress: 0x20_0000, initSize: 0x10_0000, commandLineSize: 0x7ff });
});

test('a file may go on after the kernel, as signed ones do', () => {
  const signed = Buffer.concat([makeBzImage(PAYLOAD), new Uint8Array(100)]);
  expect(parseBzImage(signed).protectedModeCode.length).toBe(Math.ceil((0x240 + PAYLOAD.length) / 16) * 16);
});

test('a header never reaches into what follows it in boot_params', () => {
  expect(parseBzImage(makeBzImage(PAYLOAD, { jump: 0xff })).header.length).toBe(0x290 - 0x1f1);
});

test.each([
  ['boot protocol 2.11', makeBzImage(PAYLOAD, { version: 0x020b })],
  ['below 1 MiB', makeBzImage(PAYLOAD, { loadFlags: 0 })],
  ['a 32-bit kernel', makeBzImage(PAYLOAD, { extendedLoadFlags: 0 })],
  ['cut short', makeBzImage(PAYLOAD).slice(0, -16)],
  ['no protected-mode code', makeBzImage(PAYLOAD, { syssize: 0 })],
  ['payload lies outside', makeBzImage(PAYLOAD, { payloadSize: 0x1000 })],
  ['payload lies outside', makeBzImage(PAYLOAD, { payloadOffset: 0xffff_ffff })],
  ['load address is out of range', makeBzImage(PAYLOAD, { preferredAddress: 1n << 40n })],
  ['less memory than it fills', makeBzImage(PAYLOAD, { initSize: 16 })],
  ['header is too short', makeBzImage(PAYLOAD, { jump: 0x10 })],
])('refused: %s', (message, file) => {
  expect(() => parseBzImage(file)).toThrow(message);
});

test('what has no setup header is no bzImage', () => {
  expect(isBzImage(new Uint8Array(4096))).toBe(false);
  expect(isBzImage(makeBzImage(PAYLOAD).slice(0, 0x204))).toBe(false);
});

test('no header makes the reader fail in another way than by an error for the user', () => {
  const file = makeBzImage(PAYLOAD);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0x1f1, max: 0x26f }), fc.nat(255)), { maxLength: 5 }),
      fc.nat(file.length),
      (changes, length) => {
        const changed = file.slice(0, length);
        for (const [at, value] of changes) changed[at] = value;
        let payload = 0;
        const code = refusal(() => (payload = parseBzImage(changed).payload.length));
        expect(['none', 'file-damaged', 'kernel-unsupported']).toContain(code);
        expect(payload).toBeLessThanOrEqual(length);
      },
    ),
    { numRuns: 500 },
  );
});
