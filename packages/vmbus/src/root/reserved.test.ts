import { expect, test } from 'vitest';
import { device, Harness, opening } from '../../tests/bus-harness.ts';
import { NO_INTERRUPTS } from '../messages/channel.ts';

const FAILURE = 0x8000_ffff;
const ELSEWHERE = { vp: 1, sint: 5 };

/** A connected child whose only channel has rings of GPADL 7. */
function withRings(): Harness {
  const child = new Harness();
  child.bus.offer(device(1, { monitorLatency: 1000 }));
  child.connect(undefined, { monitorPageToChild: 0x1000n, monitorPageToRoot: 0x2000n });
  child.createGpadl(1, 7);
  child.sent = [];
  return child;
}

function openReserved(child: Harness): void {
  child.post('OpenReservedChannel', { relid: 1, targetVp: 1, targetSint: 5, ringGpadl: 7, downstreamPageOffset: 4 });
}

function closeReserved(child: Harness, targetVp = 1): void {
  child.post('CloseReservedChannel', { relid: 1, targetVp, targetSint: 5 });
}

test('C37: a reserved channel is open without interrupts or a monitor bit, and answered where it asked', () => {
  const child = withRings();
  openReserved(child);
  expect(child.orders.get(1)).toMatchObject({ monitorId: 0xff, request: { targetVp: NO_INTERRUPTS } });
  expect(child.sent.map((each) => each.target)).toEqual([ELSEWHERE]);
  expect(child.take()).toEqual([{ name: 'OpenResult', body: { relid: 1, openId: 0, status: 0 } }]);
  expect(child.state()).toBe('open-reserved');
});

test('C37: only an offered, closed channel can be reserved', () => {
  const child = withRings();
  child.post('OpenChannel', opening(1, 7));
  child.take();
  openReserved(child);
  child.post('OpenReservedChannel', { relid: 2, targetVp: 1, targetSint: 5, ringGpadl: 7, downstreamPageOffset: 4 });
  child.post('OpenReservedChannel', { relid: 1, targetVp: 1, targetSint: 16, ringGpadl: 7, downstreamPageOffset: 4 });
  expect([child.take(), child.errors.length, child.state()]).toEqual([[], 3, 'open']);
});

test('C37: a reserved channel that cannot be opened is an ordinary closed one again', () => {
  const child = withRings();
  child.opens = false;
  openReserved(child);
  expect(child.take()).toMatchObject([{ name: 'OpenResult', body: { status: FAILURE } }]);
  child.opens = true;
  child.post('OpenChannel', opening(1, 7));
  expect([child.takeNames(), child.state()]).toEqual([['OpenResult'], 'open']);
});

test('V12: a reserved channel survives an unload, with its rings and its id', () => {
  const child = withRings();
  child.bus.offer(device(2));
  openReserved(child);
  child.told = [];
  child.take();
  child.post('Unload', {});
  expect([child.takeNames(), child.told]).toEqual([['UnloadResponse'], ['disconnected']]);
  expect([child.states()[1], child.bus.acquireGpadl(1, 7)?.byteLength]).toEqual(['open-reserved', 8 * 4096]);
});

test('C37: the close of a reserved channel is answered without a connection, where the close says', () => {
  const child = withRings();
  openReserved(child);
  child.post('Unload', {});
  child.sent = [];
  closeReserved(child, 3);
  expect(child.sent.map((each) => each.target)).toEqual([{ vp: 3, sint: 5 }]);
  expect(child.takeNames()).toEqual(['CloseReservedChannelResponse']);
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 0 }, channels: [{ state: 'unaware', relid: 0 }] });
});

test('C37: the answer comes when the device has closed', () => {
  const child = withRings();
  openReserved(child);
  child.closes = false;
  child.take();
  closeReserved(child);
  expect(child.take()).toEqual([]);
  child.finishClose(1);
  expect(child.takeNames()).toEqual(['CloseReservedChannelResponse']);
});

test('a reserved channel is not offered to the next connection until it is closed', () => {
  const child = withRings();
  openReserved(child);
  child.connect();
  expect(child.states()).toEqual({ 1: 'open-reserved' });
  closeReserved(child);
  expect(child.takeNames()).toEqual(['CloseReservedChannelResponse', 'OfferChannel']);
});

test('G5: GPADLs are neither created nor torn down on a reserved channel', () => {
  const child = withRings();
  openReserved(child);
  child.take();
  child.createGpadl(1, 8);
  child.post('GpadlTeardown', { relid: 1, gpadl: 7 });
  expect(child.take()).toEqual([{ name: 'GpadlCreated', body: { relid: 1, gpadl: 8, status: FAILURE } }]);
});

test('the ordinary close does not close a reserved channel, nor the reserved one an ordinary', () => {
  const child = withRings();
  openReserved(child);
  child.post('CloseChannel', { relid: 1 });
  expect(child.state()).toBe('open-reserved');
  closeReserved(child);
  child.post('OpenChannel', opening(1, 7));
  closeReserved(child);
  expect([child.state(), child.errors.length]).toEqual(['open', 2]);
});

test('a reserved channel cannot be moved: it has no interrupts', () => {
  const child = withRings();
  openReserved(child);
  child.take();
  child.post('ModifyChannel', { relid: 1, targetVp: 0 });
  expect(child.take()).toMatchObject([{ body: { status: FAILURE } }]);
});

test('C20: a reset of the machine closes reserved channels too, without a word', () => {
  const child = withRings();
  openReserved(child);
  child.take();
  let done = 0;
  child.bus.reset(() => done++);
  expect([done, child.take(), child.state()]).toEqual([1, [], 'unaware']);
});
