import { expect, test } from 'vitest';
import { device, Harness, instance, MONITORED, offersIn, opening } from '../../tests/bus-harness.ts';
import { NO_INTERRUPTS } from '../messages/channel.ts';
import { Version } from '../messages/version.ts';

const FAILURE = 0x8000_ffff;
/** A connected child with one device, channel 1. */
function withDevice(more: Parameters<typeof device>[1] = {}, version: number = Version.V5_3): Harness {
  const child = new Harness();
  child.bus.offer(device(1, more));
  child.connect(version);
  return child;
}

test('C4: the answer to an opening carries its open id, and a failure the status that guests know', () => {
  const child = withDevice();
  child.createGpadl(1, 7);
  child.opens = false;
  child.take();
  child.post('OpenChannel', opening(1, 7, { openId: 99 }));
  expect(child.take()).toEqual([{ name: 'OpenResult', body: { relid: 1, openId: 99, status: FAILURE } }]);
  child.opens = true;
  child.post('OpenChannel', opening(1, 7, { openId: 100 }));
  expect(child.take()).toEqual([{ name: 'OpenResult', body: { relid: 1, openId: 100, status: 0 } }]);
});

test('C28: what the opener passes along reaches the device', () => {
  const child = withDevice();
  child.createGpadl(1, 7);
  const userData = Uint8Array.from({ length: 120 }, (_, i) => i);
  child.post('OpenChannel', opening(1, 7, { userData, targetVp: 3 }));
  expect(child.orders.get(1)?.request).toMatchObject({ userData, targetVp: 3 });
});

test('C5: a child that opens again at once is opened when the device has closed', () => {
  const child = withDevice();
  child.closes = false;
  child.openChannel(1, 7);
  child.take();
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7, { openId: 55 }));
  expect([child.state(), child.take()]).toEqual(['closing-reopen', []]);
  child.finishClose(1);
  expect([child.state(), child.take()]).toEqual([
    'open',
    [{ name: 'OpenResult', body: { relid: 1, openId: 55, status: 0 } }],
  ]);
});

test('a second opening of an open, opening or reopening channel is a mistake of the child, and unanswered', () => {
  const child = withDevice();
  child.opens = undefined;
  child.openChannel(1, 7);
  child.take();
  child.post('OpenChannel', opening(1, 7));
  child.post('CloseChannel', { relid: 1 });
  child.finishOpen(1);
  child.take();
  child.post('OpenChannel', opening(1, 7));
  child.closes = false;
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7));
  child.post('OpenChannel', opening(1, 7));
  child.post('CloseChannel', { relid: 1 });
  expect([child.take(), child.errors.length, child.state()]).toEqual([[], 5, 'closing-reopen']);
});

test('C8: open, close and move of a rescinded channel are ignored, until the child has released its id', () => {
  const child = withDevice();
  child.createGpadl(1, 7);
  child.take();
  child.bus.revoke(1);
  child.post('OpenChannel', opening(1, 7));
  child.post('CloseChannel', { relid: 1 });
  expect(child.takeNames()).toEqual(['RescindChannelOffer']);
  expect([child.errors, child.state()]).toEqual([[], 'revoked']);
  child.post('RelidReleased', { relid: 1 });
  expect(child.bus.inspect()).toMatchObject({ channels: [], gpadls: { count: 0 } });
});

test('C9: an id can be released when the channel is closed or closing, not before', () => {
  const child = withDevice();
  child.closes = false;
  child.opens = undefined;
  child.openChannel(1, 7);
  child.post('RelidReleased', { relid: 1 });
  child.finishOpen(1);
  child.post('RelidReleased', { relid: 1 });
  expect([child.errors.length, child.state()]).toEqual([2, 'open']);
  child.post('CloseChannel', { relid: 1 });
  child.post('RelidReleased', { relid: 1 });
  expect([child.errors.length, child.state()]).toEqual([2, 'closing-release']);
  child.finishClose(1);
  expect(child.state()).toBe('released');
});

test('C9: an id that waits for its reopening cannot be released', () => {
  const child = withDevice();
  child.closes = false;
  child.openChannel(1, 7);
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7));
  child.post('RelidReleased', { relid: 1 });
  expect([child.errors.length, child.state()]).toEqual([1, 'closing-reopen']);
});

test('a channel that the child released is offered again in the next connection, not in this', () => {
  const child = withDevice();
  child.post('RelidReleased', { relid: 1 });
  child.bus.pump();
  expect([child.take(), child.state()]).toEqual([[], 'released']);
  expect(child.offered()).toMatchObject([{ relid: 1 }]);
});

test('C10: a rescinded id stays busy until it is released; the same device then gets the same id', () => {
  const child = new Harness();
  for (const n of [1, 2]) child.bus.offer(device(n));
  child.connect();
  child.bus.revoke(1);
  child.bus.revoke(2);
  child.bus.offer(device(3));
  child.bus.offer(device(2));
  expect(offersIn(child.take())).toMatchObject([{ relid: 3, instanceId: instance(3) }]);
  child.post('RelidReleased', { relid: 2 });
  child.post('RelidReleased', { relid: 1 });
  expect(offersIn(child.take())).toMatchObject([{ relid: 2, instanceId: instance(2) }]);
});

test('C11: an answer for a device that went is not taken for its successor’s', () => {
  const child = withDevice();
  child.opens = undefined;
  child.openChannel(1, 7);
  const first = child.tickets.get(1)!;
  child.post('Unload', {});
  child.bus.revoke(1);
  child.bus.openCompleted(1, first, false);
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1, 8);
  child.take();
  child.bus.openCompleted(1, first, true);
  child.bus.openCompleted(2, first, true);
  child.bus.closeCompleted(2, first);
  expect([child.take(), child.state()]).toEqual([[], 'opening']);
});

test('C12: subchannels are closed and rescinded before their primary', () => {
  const child = withDevice({ maxSubchannels: 2 });
  child.openChannel(1);
  child.bus.offerSubchannels(1, 2);
  child.openChannel(2);
  child.openChannel(3);
  child.take();
  child.told = [];
  child.closes = false;
  child.bus.revoke(1);
  expect(child.told).toEqual(['close 2', 'close 3']);
  child.finishClose(3);
  expect(child.told).toEqual(['close 2', 'close 3', 'removed 3']);
  child.finishClose(2);
  expect(child.told.slice(3)).toEqual(['removed 2', 'close 1']);
  child.finishClose(1);
  expect(child.take().map((each) => (each.body as { relid: number }).relid)).toEqual([3, 2, 1]);
});

test('C13: when the primary closes, its subchannels go, and an old count does not bring them back', () => {
  const child = withDevice({ maxSubchannels: 2 });
  child.openChannel(1);
  child.bus.offerSubchannels(1, 2);
  child.openChannel(2);
  child.take();
  child.post('CloseChannel', { relid: 1 });
  child.bus.offerSubchannels(1, 2);
  expect(child.takeNames()).toEqual(['RescindChannelOffer', 'RescindChannelOffer']);
  expect(child.states()).toEqual({ 1: 'closed', 2: 'revoked', 3: 'revoked' });
});

test('C13: a reopened primary offers subchannels anew, under their old ids once these are released', () => {
  const child = withDevice({ maxSubchannels: 1 });
  child.openChannel(1, 7);
  child.bus.offerSubchannels(1, 1);
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7));
  child.take();
  child.bus.offerSubchannels(1, 1);
  expect(child.take()).toEqual([]);
  child.post('RelidReleased', { relid: 2 });
  expect(offersIn(child.take())).toMatchObject([{ relid: 2, subchannelIndex: 1 }]);
});

test('G14: the GPADLs of a subchannel go with it', () => {
  const child = withDevice({ maxSubchannels: 1 });
  child.openChannel(1);
  child.bus.offerSubchannels(1, 1);
  child.openChannel(2);
  child.createGpadl(2, 77);
  child.post('CloseChannel', { relid: 1 });
  child.post('RelidReleased', { relid: 2 });
  expect(child.bus.inspect()).toMatchObject({ gpadls: { count: 1 } });
});

test('C14: subchannels are offered up to the device’s maximum, each once', () => {
  const child = withDevice({ maxSubchannels: 3 });
  child.openChannel(1);
  child.take();
  for (const count of [2, 2, 1, 1000]) child.bus.offerSubchannels(1, count);
  const offers = offersIn(child.take());
  expect(offers.map((each) => each.subchannelIndex)).toEqual([1, 2, 3]);
  expect(new Set(offers.map((each) => each.instanceId))).toEqual(new Set([instance(1)]));
});

test('C15: exactly as many subchannels are offered as the device said', () => {
  const child = withDevice({ maxSubchannels: 8 });
  child.openChannel(1);
  child.take();
  child.bus.offerSubchannels(1, 5);
  expect(child.takeNames()).toEqual(Array.from({ length: 5 }, () => 'OfferChannel'));
});

test('C30: a disconnect while opening waits for the device, then closes it at once', () => {
  const child = withDevice();
  child.opens = undefined;
  child.closes = false;
  child.openChannel(1);
  child.take();
  child.post('Unload', {});
  expect([child.state(), child.take()]).toEqual(['opening-release', []]);
  child.finishOpen(1);
  expect([child.state(), child.told.at(-1)]).toEqual(['closing-release', 'close 1']);
  child.finishClose(1);
  expect(child.takeNames()).toEqual(['UnloadResponse']);
});

test('C30: a disconnect drops a reopening that waits', () => {
  const child = withDevice();
  child.closes = false;
  child.openChannel(1, 7);
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7));
  child.take();
  child.post('Unload', {});
  child.finishClose(1);
  expect([child.takeNames(), child.state()]).toEqual([['UnloadResponse'], 'unaware']);
});

test('a device that goes while it is being opened is closed when it is open, and then rescinded', () => {
  const child = withDevice();
  child.opens = undefined;
  child.openChannel(1);
  child.take();
  child.bus.revoke(1);
  expect(child.take()).toEqual([]);
  child.finishOpen(1);
  expect([child.takeNames(), child.state()]).toEqual([['RescindChannelOffer'], 'revoked']);
});

test('C44: after a rescind GPADLs and moves are answered, openings are not', () => {
  const child = withDevice();
  child.createGpadl(1, 7);
  child.bus.revoke(1);
  child.take();
  child.createGpadl(1, 8);
  child.post('GpadlTeardown', { relid: 1, gpadl: 7 });
  child.post('ModifyChannel', { relid: 1, targetVp: 0 });
  child.post('OpenChannel', opening(1, 8));
  expect(child.takeNames()).toEqual(['GpadlCreated', 'GpadlTorndown', 'ModifyChannelResponse']);
});

test.each([
  [Version.V4_1, []],
  [Version.V5_2, []],
  [Version.V5_3, ['ModifyChannelResponse']],
])('C34: a move is answered from 5.3 on (version 0x%s)', (version, answers) => {
  const child = withDevice({}, version);
  child.openChannel(1);
  child.take();
  child.post('ModifyChannel', { relid: 1, targetVp: 1 });
  expect([child.takeNames(), child.told.at(-1)]).toEqual([answers, 'retarget 1 1']);
});

test('C34: interrupts cannot be switched off, or on, by moving a channel', () => {
  const child = withDevice();
  child.openChannel(1, 7);
  child.take();
  child.post('ModifyChannel', { relid: 1, targetVp: NO_INTERRUPTS });
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7, { targetVp: NO_INTERRUPTS }));
  child.post('ModifyChannel', { relid: 1, targetVp: 0 });
  const answers = child.take().filter((each) => each.name === 'ModifyChannelResponse');
  expect(answers.map((each) => each.body)).toEqual([
    { relid: 1, status: FAILURE },
    { relid: 1, status: FAILURE },
  ]);
  expect(child.told.some((each) => each.startsWith('retarget'))).toBe(false);
});

test('C34: a move of a channel that is not open, or to a processor that does not exist, fails', () => {
  const child = withDevice();
  child.post('ModifyChannel', { relid: 1, targetVp: 0 });
  child.openChannel(1);
  child.retargetable = false;
  child.post('ModifyChannel', { relid: 1, targetVp: 9 });
  child.post('ModifyChannel', { relid: 5, targetVp: 0 });
  const answers = child.take().filter((each) => each.name === 'ModifyChannelResponse');
  expect(answers.map((each) => (each.body as { status: number }).status)).toEqual([FAILURE, FAILURE, FAILURE]);
});

test('S17: a channel without interrupts has no monitor bit either', () => {
  const child = new Harness();
  child.bus.offer(device(1, { monitorLatency: 1000 }));
  child.connect(Version.V5_3, MONITORED);
  child.createGpadl(1, 7);
  child.post('OpenChannel', opening(1, 7, { targetVp: NO_INTERRUPTS }));
  expect(child.orders.get(1)?.monitorId).toBe(0xff);
});
