import { expect, test } from 'vitest';
import { contact, device, Harness, MONITORED, opening } from '../../tests/bus-harness.ts';
import { gpadlMessages } from '../messages/gpadl-ranges.ts';
import { Version } from '../messages/version.ts';

/** A connected child with one device, channel 1, that is asked before it opens or closes. */
function manual(): Harness {
  const child = new Harness();
  child.opens = undefined;
  child.closes = false;
  child.bus.offer(device(1));
  child.connect();
  child.createGpadl(1, 7);
  child.take();
  return child;
}

/** A restored bus that leaves every order to the test. */
const waits = (next: Harness): void => {
  next.opens = undefined;
  next.closes = false;
};

test('a saved state is plain data, and saving what was restored gives the same', () => {
  const child = new Harness();
  child.bus.offer(device(1, { maxSubchannels: 1 }));
  child.bus.offer(device(2, { monitorLatency: 1000 }));
  child.connect(Version.V5_2, { ...MONITORED, targetVp: 1 });
  child.openChannel(1);
  child.bus.offerSubchannels(1, 1);
  const saved = child.bus.save();
  expect(JSON.parse(JSON.stringify(saved))).toEqual(saved);
  const next = child.moved([device(1, { maxSubchannels: 1 }), device(2, { monitorLatency: 1000 })]);
  expect(next.bus.save()).toEqual(saved);
});

test('C31: an open channel is open again, where its interrupts went, and the child hears nothing', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  child.post('ModifyChannel', { relid: 1, targetVp: 1 });
  const next = child.moved([device(1)]);
  expect([next.told, next.take(), next.state()]).toEqual([['connected 0', 'reopen 1'], [], 'open']);
  // C36: kept in the request.
  expect(next.orders.get(1)?.request.targetVp).toBe(1);
});

test('C36: the processor that a channel was moved to is part of the saved state', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  child.post('ModifyChannel', { relid: 1, targetVp: 3 });
  expect(child.bus.save().channels[0]?.device.request?.targetVp).toBe(3);
});

test('C31: an opening under way is asked for again, and answered once', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  const next = child.moved([device(1)], waits);
  expect([next.told, next.state()]).toEqual([['connected 0', 'open 1'], 'opening']);
  next.finishOpen(1);
  expect(next.takeNames()).toEqual(['OpenResult']);
});

test('C31: a closing under way is asked for again', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  child.post('CloseChannel', { relid: 1 });
  const next = child.moved([device(1)], waits);
  expect([next.told, next.state()]).toEqual([['connected 0', 'close 1'], 'closing']);
  next.finishClose(1);
  expect([next.state(), next.take()]).toEqual(['closed', []]);
});

test('C31: a reopening that waits for the closing is not forgotten', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  child.post('CloseChannel', { relid: 1 });
  child.post('OpenChannel', opening(1, 7, { openId: 55 }));
  const next = child.moved([device(1)], waits);
  expect(next.state()).toBe('closing-reopen');
  next.finishClose(1);
  next.finishOpen(1);
  expect(next.take()).toMatchObject([{ name: 'OpenResult', body: { openId: 55, status: 0 } }]);
});

test('C31: an unload under way is answered when the restored device has closed', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  child.take();
  child.post('Unload', {});
  const next = child.moved([device(1)], waits);
  expect([next.take(), next.state()]).toEqual([[], 'closing-release']);
  next.finishClose(1);
  expect(next.takeNames()).toEqual(['UnloadResponse']);
});

test('C31: a contact that waits for the last system’s channels is answered after the restore', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  child.take();
  child.post('InitiateContact', contact(Version.V4_0));
  const next = child.moved([device(1)]);
  expect(next.takeNames()).toEqual(['VersionResponse']);
  expect(next.bus.version?.name).toBe('4.0');
});

test('C31: a disconnect while opening is carried on', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.take();
  child.post('Unload', {});
  const next = child.moved([device(1)]);
  expect([next.takeNames(), next.state()]).toEqual([['UnloadResponse'], 'unaware']);
});

test('C31: a rescinded id stays busy over a restore', () => {
  const child = manual();
  child.bus.revoke(1);
  const next = child.moved([device(1)]);
  expect([next.take(), next.states()]).toEqual([[], { 0: 'unaware', 1: 'revoked' }]);
  next.post('RelidReleased', { relid: 1 });
  expect(next.take()).toMatchObject([{ name: 'OfferChannel', body: { relid: 1 } }]);
});

test('C31: a reserved channel is open again, and closes where it said', () => {
  const child = manual();
  child.opens = true;
  child.post('OpenReservedChannel', { relid: 1, targetVp: 1, targetSint: 5, ringGpadl: 7, downstreamPageOffset: 4 });
  child.post('Unload', {});
  const next = child.moved([device(1)]);
  expect([next.told, next.state()]).toEqual([['reopen 1'], 'open-reserved']);
  next.post('CloseReservedChannel', { relid: 1, targetVp: 2, targetSint: 5 });
  expect(next.sent[0]?.target).toEqual({ vp: 2, sint: 5 });
});

test('C32: a channel whose device is no more is rescinded, a device that is new is offered', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  const next = child.moved([device(2)]);
  expect(next.take()).toMatchObject([
    { name: 'RescindChannelOffer', body: { relid: 1 } },
    { name: 'OfferChannel', body: { relid: 2 } },
  ]);
});

test('C32: subchannels of a device that is no more go before it', () => {
  const child = new Harness();
  child.bus.offer(device(1, { maxSubchannels: 2 }));
  child.connect();
  child.openChannel(1);
  child.bus.offerSubchannels(1, 2);
  child.openChannel(2);
  const next = child.moved([]);
  expect(next.take().map((each) => (each.body as { relid: number }).relid)).toEqual([2, 3, 1]);
});

test.each([
  ['MMIO', { mmioMegabytes: 8 }],
  ['monitor use', { monitorLatency: 1000 }],
  ['kind', { kind: 'byte-pipe' as const }],
  ['data of its own', { userDefined: Uint8Array.of(1) }],
])('C33: a device whose %s changed is not taken for the one that was saved', (_, change) => {
  const child = manual();
  expect(() => child.moved([device(1, change)])).toThrow('not offered as it was');
});

test('V16: a child that had not asked for offers is not sent any', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.post('InitiateContact', contact(Version.V5_3));
  const next = child.moved([device(1), device(2)]);
  expect(next.take()).toEqual([]);
  next.post('RequestOffers', {});
  expect(next.takeNames()).toEqual(['OfferChannel', 'OfferChannel', 'AllOffersDelivered']);
});

test('V16: offers that were still due are sent, and then the end of them', () => {
  const child = new Harness();
  for (const n of [1, 2, 3]) child.bus.offer(device(n));
  child.post('InitiateContact', contact(Version.V5_3));
  child.listening = false;
  child.post('RequestOffers', {});
  const next = child.moved([device(1), device(2), device(3)]);
  next.bus.pump();
  expect(next.takeNames().toSorted()).toEqual(['AllOffersDelivered', 'OfferChannel', 'OfferChannel', 'OfferChannel']);
  expect(next.takeNames()).toEqual([]);
});

test('C18: nothing is sent before every device is back', () => {
  const child = manual();
  const next = new Harness();
  next.bus.restore(child.bus.save());
  next.bus.offer(device(1));
  next.bus.offer(device(2));
  expect(next.take()).toEqual([]);
  next.bus.restored();
  expect(next.takeNames()).toEqual(['OfferChannel']);
});

test('G17: a GPADL under way keeps what had arrived of it', () => {
  const child = manual();
  const pages = Float64Array.from({ length: 60 }, (_, i) => 500 + i);
  const [header, ...bodies] = gpadlMessages(1, 9, { byteCount: 60 * 4096, byteOffset: 0, pages });
  child.bus.receive(header!);
  const next = child.moved([device(1)]);
  for (const body of bodies) next.bus.receive(body);
  expect(next.takeNames()).toEqual(['GpadlCreated']);
  expect(Array.from(next.bus.acquireGpadl(1, 9)!.pages)).toEqual(Array.from(pages));
});

test('G17: a teardown under way is answered, unless the restored device holds the buffer again', () => {
  const child = manual();
  child.bus.acquireGpadl(1, 7);
  child.post('GpadlTeardown', { relid: 1, gpadl: 7 });
  expect(child.moved([device(1)]).take()).toEqual([{ name: 'GpadlTorndown', body: { gpadl: 7 } }]);
});

test('G18: the child can tear down what the restored device never asked for', () => {
  const next = manual().moved([device(1)]);
  next.post('GpadlTeardown', { relid: 1, gpadl: 7 });
  expect(next.takeNames()).toEqual(['GpadlTorndown']);
});

test('a channel that cannot be opened again is rescinded', () => {
  const child = manual();
  child.post('OpenChannel', opening(1, 7));
  child.finishOpen(1);
  const next = child.moved([device(1)], (each) => void (each.reopenable = false));
  expect([next.takeNames(), next.told.at(-1)]).toEqual([['RescindChannelOffer'], 'removed 1']);
});

test('a machine without the processor or the pages of the saved one is told so', () => {
  const child = manual();
  expect(() => child.moved([device(1)], (each) => void (each.connectable = false))).toThrow('do not exist');
});

test('messages that waited for the child are sent first', () => {
  const child = manual();
  child.listening = false;
  child.createGpadl(1, 8);
  const next = child.moved([device(1)]);
  next.bus.pump();
  expect(next.takeNames()).toEqual(['GpadlCreated']);
});
