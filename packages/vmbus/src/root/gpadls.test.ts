import fc from 'fast-check';
import { expect, test } from 'vitest';
import { device, Harness, opening } from '../../tests/bus-harness.ts';
import { MAX_MESSAGE_BYTES } from '../messages/catalogue.ts';
import { encodeMessage } from '../messages/codec.ts';
import { encodeRanges, gpadlMessages } from '../messages/gpadl-ranges.ts';
import type { RootBusLimits } from './limits.ts';
import { splitRings } from './rings.ts';

const FAILURE = 0x8000_ffff;
const created = (relid: number, gpadl: number, status = 0) => ({
  name: 'GpadlCreated',
  body: { relid, gpadl, status },
});
const torndown = (gpadl: number) => ({ name: 'GpadlTorndown', body: { gpadl } });

/** A connected child with two devices: channels 1 and 2. */
function withDevices(limits: Partial<RootBusLimits> = {}): Harness {
  const child = new Harness({ limits });
  child.bus.offer(device(1));
  child.bus.offer(device(2));
  child.connect();
  return child;
}

const messagesOf = (relid: number, gpadl: number, pageCount: number): Uint8Array[] => {
  const pages = Float64Array.from({ length: pageCount }, (_, i) => i);
  return gpadlMessages(relid, gpadl, { byteCount: pageCount * 4096, byteOffset: 0, pages });
};

test('G1: bodies name no channel: two GPADLs of two channels can be under way at once', () => {
  const child = withDevices();
  const [a, b] = [messagesOf(1, 10, 80), messagesOf(2, 20, 80)];
  for (let i = 0; i < a.length; i++) for (const each of [a, b]) child.bus.receive(each[i]!);
  expect(child.take()).toEqual([created(1, 10), created(2, 20)]);
});

test('G1: an id under way is unique in the whole connection, a finished one only in its channel', () => {
  const child = withDevices();
  child.createGpadl(1, 10);
  child.createGpadl(2, 10);
  child.bus.receive(messagesOf(1, 30, 80)[0]!);
  child.bus.receive(messagesOf(2, 30, 80)[0]!);
  expect(child.take()).toEqual([created(1, 10), created(2, 10), created(2, 30, FAILURE)]);
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 2, states: { accepted: 2 } } });
});

test('vmbus gotcha 2: bodies are joined by GPADL id in order of arrival, whatever their message number says', () => {
  const child = withDevices();
  const pages = Float64Array.from({ length: 60 }, (_, i) => 1000 - i);
  const range = { byteCount: 60 * 4096, byteOffset: 0, pages };
  const [header, ...bodies] = gpadlMessages(1, 5, range);
  child.bus.receive(header!);
  for (const [i, body] of bodies.entries()) {
    new DataView(body.buffer).setUint32(8, 0xffff_ffff - i, true);
    child.bus.receive(body);
  }
  expect(child.take()).toEqual([created(1, 5)]);
  expect(Array.from(child.bus.acquireGpadl(1, 5)!.pages)).toEqual(Array.from(pages));
});

test('G2: what a message carries beyond the end of the list is ignored', () => {
  const child = withDevices();
  const tail = encodeRanges([{ byteCount: 4096, byteOffset: 0, pages: Float64Array.of(77) }]);
  const message = new Uint8Array(MAX_MESSAGE_BYTES).fill(0xee);
  const header = { relid: 1, gpadl: 5, rangeBufferLength: tail.length, rangeCount: 1, tail };
  message.set(encodeMessage('GpadlHeader', header));
  child.bus.receive(message);
  expect(child.take()).toEqual([created(1, 5)]);
  expect(Array.from(child.bus.acquireGpadl(1, 5)!.pages)).toEqual([77]);
});

test('G4: a GPADL that is refused is answered with a failure and forgotten', () => {
  const child = withDevices();
  const tail = encodeRanges([{ byteCount: 4096, byteOffset: 5000, pages: Float64Array.of(1, 2, 3) }]);
  child.post('GpadlHeader', { relid: 1, gpadl: 5, rangeBufferLength: tail.length, rangeCount: 1, tail });
  child.post('GpadlHeader', { relid: 1, gpadl: 6, rangeBufferLength: 0, rangeCount: 1, tail: new Uint8Array(0) });
  child.post('GpadlHeader', { relid: 9, gpadl: 7, rangeBufferLength: 8, rangeCount: 1, tail: new Uint8Array(8) });
  expect(child.take()).toEqual([created(1, 5, FAILURE), created(1, 6, FAILURE), created(9, 7, FAILURE)]);
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 0, pages: 0 } });
});

test('G4: a body of a GPADL that does not exist is not answered, for want of a channel', () => {
  const child = withDevices();
  child.post('GpadlBody', { messageNumber: 0, gpadl: 5, tail: new Uint8Array(8) });
  expect([child.take(), child.errors]).toEqual([[], ['body of an unknown GPADL']]);
});

test('G6: a GPADL of a rescinded channel is created and torn down as if nothing had happened', () => {
  const child = withDevices();
  child.bus.revoke(1);
  child.take();
  child.createGpadl(1, 5, 100);
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  expect(child.take()).toEqual([created(1, 5), torndown(5)]);
});

test('G7: a teardown is answered when the last holder lets go', () => {
  const child = withDevices();
  child.createGpadl(1, 5);
  const [first, second] = [child.bus.acquireGpadl(1, 5)!, child.bus.acquireGpadl(1, 5)!];
  child.take();
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  first.release();
  expect(child.take()).toEqual([]);
  expect(child.bus.acquireGpadl(1, 5)).toBeUndefined();
  second.release();
  expect(child.take()).toEqual([torndown(5)]);
});

test('a view can be released once', () => {
  const child = withDevices();
  child.createGpadl(1, 5);
  const view = child.bus.acquireGpadl(1, 5)!;
  view.release();
  expect(() => view.release()).toThrow('released once');
});

test('vmbus gotcha 3: the teardown of rings is answered after the close as well, when the device has closed', () => {
  const child = withDevices();
  child.closes = false;
  child.openChannel(1, 5);
  const rings = child.bus.acquireGpadl(1, 5);
  child.take();
  child.post('CloseChannel', { relid: 1 });
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  expect(child.take()).toEqual([]);
  rings?.release();
  child.finishClose(1);
  expect(child.take()).toEqual([torndown(5)]);
});

test('G16: a device that is being opened can take hold of a GPADL that the child makes meanwhile', () => {
  const child = withDevices();
  child.opens = undefined;
  child.openChannel(1);
  child.createGpadl(1, 9);
  expect(child.bus.acquireGpadl(1, 9)?.byteLength).toBe(8 * 4096);
  expect(child.states()[1]).toBe('opening');
});

test('G8: a rescind leaves unfinished and finished GPADLs to the child, which may still finish them', () => {
  const child = withDevices();
  child.createGpadl(1, 5);
  const [header, ...bodies] = messagesOf(1, 6, 60);
  child.bus.receive(header!);
  child.bus.revoke(1);
  child.take();
  for (const body of bodies) child.bus.receive(body);
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  expect(child.take()).toEqual([created(1, 6), torndown(5)]);
});

test('G8: a released id takes its unfinished GPADLs along, and their ids can be used again', () => {
  const child = withDevices();
  child.bus.receive(messagesOf(1, 6, 60)[0]!);
  child.post('RelidReleased', { relid: 1 });
  child.take();
  child.createGpadl(2, 6, 60);
  expect(child.take()).toEqual([created(2, 6)]);
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 1, states: { accepted: 1 } } });
});

test('G8: what a device still holds of a released id is let go in silence', () => {
  const child = withDevices();
  child.createGpadl(1, 5);
  const view = child.bus.acquireGpadl(1, 5)!;
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  child.post('RelidReleased', { relid: 1 });
  child.take();
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 1, orphans: 1 } });
  view.release();
  expect([child.take(), child.bus.inspect()['gpadls']]).toMatchObject([[], { count: 0, pages: 0, orphans: 0 }]);
});

test('G9: only a finished GPADL can be torn down, and once', () => {
  const child = withDevices();
  child.bus.receive(messagesOf(1, 6, 60)[0]!);
  child.post('GpadlTeardown', { relid: 1, gpadl: 6 });
  child.createGpadl(1, 5);
  const view = child.bus.acquireGpadl(1, 5);
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  child.post('GpadlTeardown', { relid: 1, gpadl: 5 });
  expect([child.take(), child.errors.length]).toEqual([[created(1, 5)], 2]);
  view?.release();
  expect(child.take()).toEqual([torndown(5)]);
});

test('G10: a GPADL cannot be torn down by way of another channel', () => {
  const child = withDevices();
  child.createGpadl(1, 5);
  child.take();
  child.post('GpadlTeardown', { relid: 2, gpadl: 5 });
  expect([child.take(), child.errors]).toEqual([[], ['teardown of an unknown GPADL']]);
});

test.each([
  [
    'two ranges',
    [
      { bytes: 4 * 4096, offset: 0 },
      { bytes: 4 * 4096, offset: 0 },
    ],
    4,
  ],
  ['an offset', [{ bytes: 8 * 4096 - 8, offset: 8 }], 4],
  ['part of a page', [{ bytes: 8 * 4096 - 8, offset: 0 }], 4],
  ['a first ring without data', [{ bytes: 8 * 4096, offset: 0 }], 1],
  ['no first ring', [{ bytes: 8 * 4096, offset: 0 }], 0],
  ['a second ring without data', [{ bytes: 8 * 4096, offset: 0 }], 7],
  ['no second ring', [{ bytes: 8 * 4096, offset: 0 }], 8],
  ['a split beyond its end', [{ bytes: 8 * 4096, offset: 0 }], 0xffff_ffff],
])('G11: a ring GPADL with %s is refused without asking the device', (_, parts, split) => {
  const child = withDevices();
  const ranges = parts.map(({ bytes, offset }) => {
    const pages = Float64Array.from({ length: Math.ceil((bytes + offset) / 4096) }, (__, i) => i);
    return { byteCount: bytes, byteOffset: offset, pages };
  });
  const tail = encodeRanges(ranges);
  child.post('GpadlHeader', { relid: 1, gpadl: 5, rangeBufferLength: tail.length, rangeCount: ranges.length, tail });
  child.take();
  child.post('OpenChannel', opening(1, 5, { downstreamPageOffset: split }));
  expect(child.take()).toEqual([{ name: 'OpenResult', body: { relid: 1, openId: 0x101, status: FAILURE } }]);
  expect([child.told, child.states()[1]]).toEqual([[], 'closed']);
});

test('G11: an opening with a GPADL that does not exist, or is another channel’s, is refused', () => {
  const child = withDevices();
  child.createGpadl(2, 5);
  child.take();
  child.post('OpenChannel', opening(1, 5));
  child.post('OpenChannel', opening(1, 6));
  expect(child.take()).toMatchObject([{ body: { status: FAILURE } }, { body: { status: FAILURE } }]);
});

test('G12: the offset counts pages: what is before it the child writes, what follows the root', () => {
  const pages = Float64Array.of(10, 11, 12, 20, 21);
  const rings = splitRings([{ byteCount: 5 * 4096, byteOffset: 0, pages }], 3);
  expect([Array.from(rings!.incoming), Array.from(rings!.outgoing)]).toEqual([
    [10, 11, 12],
    [20, 21],
  ]);
});

test('G15: GPADLs are answered while the device is being opened', () => {
  const child = withDevices();
  child.opens = undefined;
  child.openChannel(1);
  child.take();
  child.createGpadl(1, 9);
  child.post('GpadlTeardown', { relid: 1, gpadl: 9 });
  expect(child.take()).toEqual([created(1, 9), torndown(9)]);
});

test('buffers of a channel that is not open yet survive its close, as user-mode drivers need', () => {
  const child = withDevices();
  child.createGpadl(1, 9, 4096);
  child.openChannel(1, 10);
  child.post('CloseChannel', { relid: 1 });
  expect(child.bus.acquireGpadl(1, 9)?.byteLength).toBe(4096 * 4096);
});

test('ranges that meet at page boundaries are one buffer, others are none', () => {
  const child = withDevices();
  const whole = { byteCount: 4096, byteOffset: 0, pages: Float64Array.of(3) };
  const tailed = { byteCount: 4000, byteOffset: 96, pages: Float64Array.of(2) };
  for (const [gpadl, ranges] of [
    [5, [tailed, whole]],
    [6, [whole, tailed]],
  ] as const) {
    const tail = encodeRanges(ranges);
    child.post('GpadlHeader', { relid: 1, gpadl, rangeBufferLength: tail.length, rangeCount: 2, tail });
  }
  expect(child.bus.acquireGpadl(1, 5)).toMatchObject({ byteLength: 8096, offset: 96, pages: Float64Array.of(2, 3) });
  expect(child.bus.acquireGpadl(1, 6)).toBeUndefined();
});

test.each([
  ['too many GPADLs', { gpadlsPerChannel: 3 }],
  ['too many GPADLs', { gpadls: 3 }],
  ['too many GPADL pages', { gpadlPages: 3 * 9 }],
])('L13: %s (%o) are refused, and the bus goes on', (error, limits) => {
  const child = withDevices(limits);
  for (let gpadl = 1; gpadl <= 5; gpadl++) child.createGpadl(1, gpadl);
  expect(child.take().map((each) => (each.body as { status: number }).status)).toEqual([0, 0, 0, FAILURE, FAILURE]);
  expect(child.errors).toEqual([error, error]);
  child.post('GpadlTeardown', { relid: 1, gpadl: 1 });
  child.createGpadl(1, 6);
  expect(child.take()).toEqual([torndown(1), created(1, 6)]);
});

test('unfinished GPADLs count as well', () => {
  const child = withDevices({ gpadls: 2 });
  for (let gpadl = 1; gpadl <= 4; gpadl++) child.bus.receive(messagesOf(1, gpadl, 60)[0]!);
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 2 } });
});

test('any sequence of creating, holding, tearing down and releasing leaves the counts right', () => {
  const step = fc.record({
    what: fc.constantFrom('create', 'start', 'teardown', 'hold', 'letGo', 'release', 'unload'),
    relid: fc.integer({ min: 1, max: 2 }),
    gpadl: fc.integer({ min: 1, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const child = withDevices();
      const held: { release(): void }[] = [];
      for (const { what, relid, gpadl } of steps) {
        if (what === 'create') child.createGpadl(relid, gpadl);
        if (what === 'start') child.bus.receive(messagesOf(relid, gpadl, 60)[0]!);
        if (what === 'teardown') child.post('GpadlTeardown', { relid, gpadl });
        if (what === 'release') child.post('RelidReleased', { relid });
        if (what === 'letGo') held.pop()?.release();
        if (what === 'hold') held.push(...[child.bus.acquireGpadl(relid, gpadl)].filter((each) => each !== undefined));
        if (what === 'unload') child.connect();
      }
      child.post('Unload', {});
      for (const view of held) view.release();
      expect(child.bus.inspect()).toMatchObject({ state: 'disconnected', gpadls: { count: 0, pages: 0, orphans: 0 } });
      expect(child.takeNames().at(-1)).toBe('UnloadResponse');
    }),
    { numRuns: 200 },
  );
});
