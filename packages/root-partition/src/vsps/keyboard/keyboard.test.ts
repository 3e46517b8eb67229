import fc from 'fast-check';
import { KeyboardEvent, KeyboardMessage, KeyboardProtocolRequest, KeyFlag, typeText } from '@ringlet/protocols';
import { PacketType } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { type Answer, guestHands, recordedWorld, smallMemory } from '../../testing/guest-hands.ts';
import { vspRules } from '../../testing/vsp-rules.ts';
import Keyboard from './keyboard.ts';

vspRules(test, Keyboard);

const request = (version: number): Uint8Array =>
  KeyboardProtocolRequest.encode({ type: KeyboardMessage.ProtocolRequest, version });

function keyboardAndGuest() {
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const keyboard = new Keyboard(world);
  return { keyboard, world, guest: guestHands(keyboard, memory) };
}

/** One whose guest has a driver. */
function ready() {
  const parts = keyboardAndGuest();
  parts.guest.send(request(0x0001_0000));
  return parts;
}

const events = (answers: readonly Answer[]) =>
  answers.map(({ payload }) => KeyboardEvent.decode(payload)!).map(({ makeCode, flags }) => [makeCode, flags]);

test('version 1.0 is accepted, in a packet of its own and not in a completion', () => {
  const { keyboard, guest } = keyboardAndGuest();
  const answers = guest.send(request(0x0001_0000));
  expect(answers.map(({ type, payload }) => [type, ...payload])).toEqual([[PacketType.InBand, 2, 0, 0, 0, 1, 0, 0, 0]]);
  expect(keyboard.state).toBe('ready');
});

test('another version is refused, and the guest may ask again', () => {
  const { keyboard, guest, world } = keyboardAndGuest();
  expect(Array.from(guest.send(request(0x0002_0000))[0]!.payload)).toEqual([2, 0, 0, 0, 0, 0, 0, 0]);
  expect(keyboard.state).toBe('negotiating');
  expect(world.guestErrors).toEqual(['version that is not spoken here']);
  guest.send(request(0x0001_0000));
  expect(keyboard.state).toBe('ready');
});

test('keys before the guest has a driver are not taken', () => {
  const { keyboard, guest } = keyboardAndGuest();
  expect(keyboard.press([{ makeCode: 0x1e, flags: 0 }])).toBe('not-ready');
  guest.send(request(0x0001_0000));
  expect(guest.receive()).toEqual([]);
});

test('keys arrive in order, down and up', () => {
  const { keyboard, guest } = ready();
  let delivered = '';
  keyboard.press(typeText('aA').strokes, (delivery) => (delivered = delivery));
  expect(delivered).toBe('delivered');
  expect(events(guest.receive())).toEqual([
    [0x1e, 0],
    [0x1e, KeyFlag.Break],
    [0x2a, 0],
    [0x1e, 0],
    [0x1e, KeyFlag.Break],
    [0x2a, KeyFlag.Break],
  ]);
});

test('what does not fit the ring waits, and whoever typed it is told when it is all there', () => {
  const { keyboard, guest } = ready();
  const { strokes } = typeText('the quick brown fox '.repeat(100));
  const deliveries: string[] = [];
  expect(keyboard.press(strokes, (delivery) => deliveries.push(delivery))).toBe('taken');
  expect(deliveries).toEqual([]);

  const arrived: number[][] = [];
  while (arrived.length < strokes.length) arrived.push(...events(guest.receive()));
  expect(arrived).toEqual(strokes.map(({ makeCode, flags }) => [makeCode, flags]));
  expect(deliveries).toEqual(['delivered']);
});

test('a guest that does not read makes the keyboard refuse, all or nothing, and costs no more memory', () => {
  const { keyboard, guest } = ready();
  const strokes = typeText('x'.repeat(1000)).strokes;
  let presses = 0;
  while (keyboard.press(strokes) === 'taken') presses++;
  expect(presses).toBeLessThan(40);
  expect(keyboard.inspect()['waiting']).toBeLessThanOrEqual(65_536);
  guest.receive();
  expect(keyboard.press(typeText('y').strokes)).toBe('taken');
});

test('closing forgets what waits, and says so', () => {
  const { keyboard } = ready();
  const deliveries: string[] = [];
  keyboard.press(typeText('z'.repeat(1000)).strokes, (delivery) => deliveries.push(delivery));
  let closed = false;
  keyboard.closed(undefined as never, () => (closed = true));
  expect({ closed, deliveries }).toEqual({ closed: true, deliveries: ['closed'] });
  expect(keyboard.save()).toEqual({ state: 'closed', leds: 0, waiting: [] });
});

test('the lights of the guest are shown', () => {
  const { keyboard, guest } = ready();
  guest.send(Uint8Array.of(4, 0, 0, 0, 0b101, 0));
  expect(keyboard.inspect()['leds']).toEqual({ scrollLock: true, numLock: false, capsLock: true });
});

test('a keyboard saved with keys that wait sends them when its channel is open again', () => {
  const { keyboard, guest } = ready();
  const { strokes } = typeText('w'.repeat(400));
  keyboard.press(strokes);
  const before = events(guest.receive());
  const saved = JSON.parse(JSON.stringify(keyboard.save())) as ReturnType<Keyboard['save']>;

  const other = keyboardAndGuest();
  other.keyboard.restore(saved);
  const memory = smallMemory();
  const resumed = guestHands({ ...asReopened(other.keyboard) }, memory);
  const after = events(resumed.receive());
  expect(saved.waiting.length).toBeGreaterThan(0);
  expect(before.length + saved.waiting.length).toBe(strokes.length);
  expect(after).toEqual(saved.waiting.slice(0, after.length).map(({ makeCode, flags }) => [makeCode, flags]));
  expect(after.length).toBeGreaterThan(0);
});

/** A device whose channel opens as one that was open before. */
function asReopened(device: Keyboard) {
  return {
    offer: device.offer,
    opened: (channel: Parameters<Keyboard['reopened']>[0]) => device.reopened(channel),
    packet: (...given: Parameters<Keyboard['packet']>) => device.packet(...given),
  };
}

test('messages that make no sense are counted and change nothing', () => {
  const nearly = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(nearly, { maxLength: 30 }), (messages) => {
      const { keyboard, guest } = ready();
      for (const [type, rest] of messages) guest.send(Uint8Array.of(type, 0, 0, 0, ...rest));
      expect(keyboard.state).toBe('ready');
      guest.receive();
      keyboard.press([{ makeCode: 0x10, flags: 0 }]);
      expect(events(guest.receive())).toEqual([[0x10, 0]]);
    }),
  );
});
