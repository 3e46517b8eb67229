import {
  KeyboardEvent,
  KeyboardProtocolRequest,
  KeyboardProtocolResponse,
  KeyFlag,
  typeText,
} from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { driverFixture } from '../channel-fixture.ts';
import { Keyboard, type KeyChange } from './keyboard.ts';

function keyboard() {
  const fixture = driverFixture((channel) => new Keyboard(channel));
  const keys: KeyChange[] = [];
  let complete = false;
  fixture.driver.keys$.subscribe({ next: (key) => keys.push(key), complete: () => (complete = true) });
  return { ...fixture, keys, isComplete: () => complete };
}

const response = (status: number): Uint8Array => KeyboardProtocolResponse.encode({ type: 2, status });
const event = (makeCode: number, flags: number): Uint8Array => KeyboardEvent.encode({ type: 3, makeCode, flags });

test('it asks for version 1.0 at once, and is ready when that is taken', async () => {
  const { driver, received, send } = keyboard();
  expect(received().map((message) => KeyboardProtocolRequest.decode(message))).toEqual([
    { type: 1, version: 0x0001_0000 },
  ]);
  await send(response(1));
  await expect(driver.ready).resolves.toBeUndefined();
});

test('a keyboard that refuses, or goes away, is an error that says why', async () => {
  const refused = keyboard();
  await refused.send(response(0));
  await expect(refused.driver.ready).rejects.toMatchObject({ name: 'DeviceError', reason: 'refused' });
  const gone = keyboard();
  gone.close();
  await expect(gone.driver.ready).rejects.toMatchObject({ reason: 'closed' });
  expect(gone.isComplete()).toBe(true);
});

test('what is typed on the host is what the guest reads', async () => {
  const printable = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(printable, async (text) => {
      const { keys, send } = keyboard();
      const { strokes, missing } = typeText(text);
      for (const { makeCode, flags } of strokes) await send(event(makeCode, flags));
      const typed = keys.filter(({ down, name }) => down && name !== 'shift').map((key) => key.text);
      const expected = Array.from(text).filter((character) => !missing.includes(character));
      expect(typed.join('')).toBe(expected.join('').replaceAll('\r', '\n').replaceAll('\x7f', '\b'));
    }),
    { numRuns: 50 },
  );
});

test('Pause is one key, and a character is no key', async () => {
  const { keys, send } = keyboard();
  await send(event(0x1d, KeyFlag.E1));
  await send(event(0x45, 0));
  await send(event(0x20ac, KeyFlag.Unicode));
  expect(keys).toEqual([
    { down: true, key: 0xe11d, name: 'pause' },
    { down: true, text: '€' },
  ]);
});

test('nothing a host can send makes it throw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), async (messages) => {
      const { driver, send, keys } = keyboard();
      for (const message of messages) await send(message);
      expect(driver.malformed + keys.length).toBeLessThanOrEqual(messages.length);
    }),
  );
});
