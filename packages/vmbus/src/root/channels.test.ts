import fc from 'fast-check';
import { expect, test } from 'vitest';
import { device, Harness, instance, opening } from '../../tests/bus-harness.ts';
import type { BodyOf, Message } from '../messages/catalogue.ts';
import { NO_INTERRUPTS } from '../messages/channel.ts';
import { Version } from '../messages/version.ts';

const FAILURE = 0x8000_ffff;
const MONITORED = { monitorPageToChild: 0x1000n, monitorPageToRoot: 0x2000n };

const offersIn = (messages: readonly Message[]): BodyOf<'OfferChannel'>[] =>
  messages.flatMap((each) => (each.name === 'OfferChannel' ? each.body : []));

/** A connected child with one device, channel 1. */
function withDevice(more: Parameters<typeof device>[1] = {}, version: number = Version.V5_3): Harness {
  const child = new Harness();
  child.bus.offer(device(1, more));
  child.connect(version);
  return child;
}

/** What a child sees of the offers when it connects. */
function offered(child: Harness, more: Parameters<Harness['connect']>[1] = {}): BodyOf<'OfferChannel'>[] {
  child.post('InitiateContact', {
    version: Version.V5_3,
    targetVp: 0,
    interruptPageOrTarget: 2n,
    monitorPageToChild: 0n,
    monitorPageToRoot: 0n,
    ...more,
  });
  child.post('RequestOffers', {});
  return offersIn(child.take());
}

test('C1: nothing is offered, and no id is given, before a connected child asks', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.post('InitiateContact', {
    version: Version.V5_3,
    targetVp: 0,
    interruptPageOrTarget: 2n,
    monitorPageToChild: 0n,
    monitorPageToRoot: 0n,
  });
  child.bus.offer(device(2));
  expect(child.takeNames()).toEqual(['VersionResponse']);
  child.post('RequestOffers', {});
  expect(child.takeNames()).toEqual(['OfferChannel', 'OfferChannel', 'AllOffersDelivered']);
});

test('C2: ids follow interface, then order, then instance, whatever the order of attaching', () => {
  const low = '0e0b6031-5213-4934-818b-38d90ced39db';
  const devices = [device(1), device(2, { order: 1 }), device(3), device(9, { interfaceId: low })];
  fc.assert(
    fc.property(fc.shuffledSubarray(devices, { minLength: devices.length }), (shuffled) => {
      const child = new Harness();
      for (const each of shuffled) child.bus.offer(each);
      expect(offered(child).map((each) => [each.instanceId, each.relid])).toEqual([
        [instance(9), 1],
        [instance(1), 2],
        [instance(3), 3],
        [instance(2), 4],
      ]);
    }),
    { numRuns: 10 },
  );
});

test('C3: the connection id of a channel is its id with SINT 2 above it', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  expect(offered(child)[0]).toMatchObject({ relid: 1, connectionId: 0x2001 });
});

test('C22: every channel is interrupted by an event flag of its own', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  expect(offered(child)[0]).toMatchObject({ dedicatedInterrupt: 1 });
});

test('C23: a monitor id is offered only to a child with monitor pages, and only for a device that wants one', () => {
  const plain = new Harness();
  plain.bus.offer(device(1, { monitorLatency: 1000 }));
  const monitored = new Harness();
  monitored.bus.offer(device(1, { monitorLatency: 1000 }));
  monitored.bus.offer(device(2));
  const none = { monitorId: 0xff, monitorAllocated: 0 };
  expect(offered(plain)).toMatchObject([none]);
  expect(offered(monitored, MONITORED)).toMatchObject([{ monitorId: 0, monitorAllocated: 1 }, none]);
});

test('C39: when the 128 monitor ids are used up, further channels ring by hypercall', () => {
  const child = new Harness();
  for (let n = 1; n <= 130; n++) child.bus.offer(device(n, { monitorLatency: 1000 }));
  const offers = offered(child, MONITORED);
  expect(offers.slice(0, 128).map((each) => each.monitorId)).toEqual(Array.from({ length: 128 }, (_, i) => i));
  expect(offers.slice(128)).toMatchObject([{ monitorAllocated: 0 }, { monitorAllocated: 0 }]);
});

test('C24: flags of features that are never negotiated are never offered', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.bus.offer(device(2, { kind: 'byte-pipe' }));
  child.bus.offer(device(3, { kind: 'message-pipe', userDefined: Uint8Array.of(7) }));
  child.bus.offer(device(4, { kind: 'hv-socket', userDefined: Uint8Array.of(1) }));
  expect(offered(child).map((each) => [each.flags, ...each.userDefined.subarray(0, 5)])).toEqual([
    [0, 0, 0, 0, 0, 0],
    [0x11, 0, 0, 0, 0, 0],
    [0x11, 4, 0, 0, 0, 7],
    [0x2001, 0, 0, 0, 0, 1],
  ]);
});

test('C29: the low MMIO that a device needs is part of its offer', () => {
  const child = new Harness();
  child.bus.offer(device(1, { mmioMegabytes: 8, userDefined: Uint8Array.of(1, 2, 3) }));
  const [offer] = offered(child);
  expect([offer?.mmioMegabytes, ...(offer?.userDefined.subarray(0, 4) ?? [])]).toEqual([8, 1, 2, 3, 0]);
});

test('an offer that cannot be put on the wire is refused to whoever made it', () => {
  const { bus } = new Harness();
  expect(() => bus.offer(device(1, { userDefined: new Uint8Array(121) }))).toThrow('at most 120 bytes');
  expect(() => bus.offer(device(1, { kind: 'byte-pipe', userDefined: new Uint8Array(117) }))).toThrow('at most 116');
  expect(() => bus.offer(device(1, { mmioMegabytes: 1.5 }))).toThrow('whole number');
});

test('vmbus gotcha 4: the same interface and instance cannot be offered twice', () => {
  const { bus } = new Harness();
  bus.offer(device(1));
  expect(() => bus.offer(device(1))).toThrow('is offered');
});

test('C26: ids run from 1 to 2047, and a device more waits until one is free', () => {
  const child = new Harness();
  for (let n = 1; n <= 2048; n++) child.bus.offer(device(n));
  const offers = offered(child);
  expect([offers.length, offers[0]?.relid, offers.at(-1)?.relid]).toEqual([2047, 1, 2047]);
  child.openChannel(2047);
  expect(child.state()).toBe('closed');
  child.post('CloseChannel', { relid: 2047 });
  child.take();
  child.post('RelidReleased', { relid: 2047 });
  expect(offersIn(child.take())).toMatchObject([{ relid: 2047, instanceId: instance(2048) }]);
});

test('vmbus gotcha 4: numbers that are no channel’s id do nothing', () => {
  const child = withDevice();
  for (const relid of [0, 2, 2047, 2048, 0x7fff_ffff, 0xffff_ffff]) {
    child.post('OpenChannel', opening(relid, 1));
    child.post('CloseChannel', { relid });
    child.post('RelidReleased', { relid });
  }
  expect([child.take(), child.state(), child.errors.length]).toEqual([[], 'closed', 18]);
});

test('the number of devices is bounded', () => {
  const child = new Harness({ limits: { offers: 2 } });
  child.bus.offer(device(1));
  child.bus.offer(device(2));
  expect(() => child.bus.offer(device(3))).toThrow('holds 2 channels');
});

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
  expect(offered(child)).toMatchObject([{ relid: 1 }]);
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

test('L14: devices that come and go while the child does not listen leave nothing behind', () => {
  const child = new Harness();
  child.connect();
  child.listening = false;
  child.post('Unload', {});
  child.connect();
  for (let n = 1; n <= 500; n++) {
    const id = child.bus.offer(device(n));
    child.bus.revoke(id);
  }
  expect(child.bus.inspect()).toMatchObject({ channels: [] });
  child.listening = true;
  child.bus.pump();
  expect(child.takeNames().filter((each) => each !== 'UnloadResponse' && each !== 'VersionResponse')).toEqual([
    'AllOffersDelivered',
  ]);
});

test('offers wait, in order, while the child does not listen', () => {
  const child = new Harness();
  child.connect();
  child.listening = false;
  for (let n = 1; n <= 100; n++) child.bus.offer(device(n));
  expect(child.bus.inspect()).toMatchObject({ messages: { waiting: 1 } });
  child.listening = true;
  child.bus.pump();
  expect(offersIn(child.take()).map((each) => each.relid)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});
