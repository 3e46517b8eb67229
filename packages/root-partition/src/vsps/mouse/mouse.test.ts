import fc from 'fast-check';
import {
  decodeSynthetic,
  encodeSynthetic,
  MouseMessage,
  MouseProtocolRequest,
  MouseReport,
  SyntheticHeader,
} from '@ringlet/protocols';
import { PacketType } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { type Answer, guestHands, recordedWorld, smallMemory } from '../../testing/guest-hands.ts';
import { vspRules } from '../../testing/vsp-rules.ts';
import Mouse from './mouse.ts';

vspRules(test, Mouse);

const request = (version: number): Uint8Array => {
  const message = encodeSynthetic(MouseMessage.ProtocolRequest, MouseProtocolRequest.encode({ version }), 0);
  // The driver of Linux sends three bytes too many.
  return Uint8Array.from([...message, 1, 2, 3]);
};
const acknowledgement = encodeSynthetic(MouseMessage.DeviceInfoAck, Uint8Array.of(0), 0);

function mouseAndGuest() {
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const mouse = new Mouse(world);
  return { mouse, world, guest: guestHands(mouse, memory) };
}

/** One whose guest has a driver. */
function ready() {
  const parts = mouseAndGuest();
  parts.guest.send(request(0x0002_0000));
  parts.guest.send(acknowledgement);
  return parts;
}

const reports = (answers: readonly Answer[]) =>
  answers.map(({ payload }) => MouseReport.decode(decodeSynthetic(payload)!.payload)!);

test('version 2.0 is answered with an approval of 13 bytes, then with the description', () => {
  const { mouse, guest } = mouseAndGuest();
  const [response, description, ...more] = guest.send(request(0x0002_0000));
  expect(more).toEqual([]);
  expect(response!.type).toBe(PacketType.InBand);
  expect(SyntheticHeader.decode(response!.payload)).toEqual({ pipeType: 1, pipeSize: 13, type: 1, size: 5 });
  expect(SyntheticHeader.decode(description!.payload)).toEqual({ pipeType: 1, pipeSize: 116, type: 2, size: 108 });
  expect(mouse.state).toBe('describing');
});

test('another version is refused, without a description', () => {
  const { mouse, guest, world } = mouseAndGuest();
  const answers = guest.send(request(0x0003_0000));
  expect(answers.map(({ payload }) => Array.from(decodeSynthetic(payload)!.payload))).toEqual([[0, 0, 3, 0, 0]]);
  expect(mouse.state).toBe('negotiating');
  expect(world.guestErrors).toEqual(['version that is not spoken here']);
});

test('reports wait for the acknowledgement of the description', () => {
  const { mouse, guest } = mouseAndGuest();
  guest.send(request(0x0002_0000));
  expect(mouse.report([{ x: 1 }])).toBe('not-ready');
  guest.send(acknowledgement);
  expect(mouse.report([{ x: 1 }])).toBe('taken');
});

test('a report of the guest carries its own length in the second header', () => {
  const { mouse, guest } = ready();
  mouse.report([{ x: 0x1234, y: 0x7fff, buttons: 5, wheel: -1 }]);
  const [answer] = guest.receive();
  expect(SyntheticHeader.decode(answer!.payload)).toMatchObject({ pipeSize: 15, type: 4, size: 7 });
  expect(Array.from(decodeSynthetic(answer!.payload)!.payload)).toEqual([5, 0x34, 0x12, 0xff, 0x7f, 0xff, 0xff]);
});

test('what a report does not say stays, but the wheel does not turn on', () => {
  const { mouse, guest } = ready();
  mouse.report([{ x: 7, y: 8 }, { buttons: 1 }, { wheel: 3 }, { buttons: 0 }]);
  expect(reports(guest.receive())).toEqual([
    { buttons: 0, x: 7, y: 8, wheel: 0 },
    { buttons: 1, x: 7, y: 8, wheel: 0 },
    { buttons: 1, x: 7, y: 8, wheel: 3 },
    { buttons: 0, x: 7, y: 8, wheel: 0 },
  ]);
});

test('values beyond their range stop at its ends', () => {
  const { mouse, guest } = ready();
  mouse.report([{ x: -5, y: 1e9, wheel: NaN, buttons: 0xff }]);
  expect(reports(guest.receive())).toEqual([{ buttons: 0x1f, x: 0, y: 0x7fff, wheel: 0 }]);
});

test('while the guest does not read, moves become one, and clicks stay apart', () => {
  const { mouse, guest } = ready();
  // Fills the ring, so that what follows waits.
  for (let i = 0; mouse.inspect()['waiting'] === 0; i++) mouse.report([{ wheel: 1 + (i % 2) }]);
  const before = Number(mouse.inspect()['waiting']);
  for (let x = 0; x < 500; x++) mouse.report([{ x }]);
  expect(mouse.inspect()['waiting']).toBe(before + 1);
  mouse.report([{ buttons: 1 }, { buttons: 0 }]);
  for (let x = 500; x < 900; x++) mouse.report([{ x }]);
  const all: MouseReport[] = [];
  for (let answers = guest.receive(); answers.length > 0; answers = guest.receive()) all.push(...reports(answers));
  expect(all.slice(-4).map(({ x, buttons }) => [x, buttons])).toEqual([
    [499, 0],
    [499, 1],
    [499, 0],
    [899, 0],
  ]);
});

test('a guest that does not read makes the mouse refuse', () => {
  const { mouse } = ready();
  let clicks = 0;
  while (mouse.report([{ buttons: 1 }, { buttons: 0 }]) === 'taken') clicks++;
  expect(clicks).toBeGreaterThan(500);
  expect(Number(mouse.inspect()['waiting'])).toBeLessThanOrEqual(1024);
});

test('messages that make no sense are counted, and the mouse goes on', () => {
  const nearly = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(nearly, { maxLength: 30 }), (messages) => {
      const { mouse, guest, world } = ready();
      for (const [type, rest] of messages) guest.send(encodeSynthetic(type, rest, 0));
      expect(world.guestErrors).toHaveLength(messages.length);
      guest.receive();
      mouse.report([{ x: 99 }]);
      expect(reports(guest.receive())).toMatchObject([{ x: 99 }]);
    }),
  );
});
