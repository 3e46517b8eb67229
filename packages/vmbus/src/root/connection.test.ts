import { expect, test } from 'vitest';
import { encodeMessage, packContactTarget } from '../messages/codec.ts';
import { Version, versions } from '../messages/version.ts';
import { contact, device, Harness } from '../../tests/bus-harness.ts';

const response = (supported: number, connectionState: number, connectionIdOrVersion: number) => ({
  name: 'VersionResponse',
  body: { supported, connectionState, connectionIdOrVersion },
});

test.each(versions.map((each) => [each.name, each] as const))('a contact of version %s is accepted', (_, row) => {
  const child = new Harness();
  child.post('InitiateContact', contact(row.value));
  expect(child.take()).toEqual([response(1, 0, row.connectionId ? 4 : row.value)]);
  expect(child.bus.version).toBe(row);
});

test('V1: without a connection nothing but a contact, an unload and a reserved close is looked at', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.post('RequestOffers', {});
  child.post('CloseChannel', { relid: 1 });
  child.post('CloseReservedChannel', { relid: 1, targetVp: 0, targetSint: 2 });
  expect(child.take()).toEqual([]);
  expect(child.errors).toEqual([
    'message not-negotiated',
    'message not-negotiated',
    'message about an unknown channel',
  ]);
});

test('V2: an unknown version is refused in the oldest form, and the next lower one is tried', () => {
  const child = new Harness();
  for (const version of [Version.V6_0, 0x0007_0000, 0x0005_0009, 0]) child.post('InitiateContact', contact(version));
  child.post('InitiateContact', contact(Version.V5_3));
  expect(child.take()).toEqual([...Array.from({ length: 4 }, () => response(0, 0, 0)), response(1, 0, 4)]);
});

test('vmbus gotcha 1: a refusal takes the full 16 bytes', () => {
  expect(encodeMessage('VersionResponse', response(0, 0, 0).body).length).toBe(16);
});

test('V5: before 5.0 the eight bytes are an interrupt page, not a SINT and a VTL', () => {
  const child = new Harness();
  child.post('InitiateContact', contact(Version.V4_1, { interruptPageOrTarget: 0x1234_5678_9000n }));
  expect(child.take()).toEqual([response(1, 0, Version.V4_1)]);
});

test('vmbus gotcha 11: the interrupt page of an old version is ignored', () => {
  const child = new Harness();
  child.post('InitiateContact', contact(Version.V2_4, { interruptPageOrTarget: 0xdead_b000n }));
  expect(child.told).toEqual(['connected 0']);
});

test('V6: a child before 3.0 hears on processor 0, a later one where it asked', () => {
  const old = new Harness();
  old.post('InitiateContact', contact(Version.V2_4, { targetVp: 3 }));
  const later = new Harness();
  later.post('InitiateContact', contact(Version.V3_0, { targetVp: 3 }));
  expect([old.sent[0]?.target, later.sent[0]?.target]).toEqual([
    { vp: 0, sint: 2 },
    { vp: 3, sint: 2 },
  ]);
});

test('vmbus gotcha 8: every message after the contact goes to the processor that connected', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.post('InitiateContact', contact(Version.V5_3, { targetVp: 2 }));
  child.post('RequestOffers', {});
  expect(child.sent.map((each) => each.target.vp)).toEqual([2, 2, 2]);
});

test.each([
  ['the page to the child alone', { monitorPageToChild: 0x1000n }],
  ['the page to the root alone', { monitorPageToRoot: 0x1000n }],
  ['an address inside a page', { monitorPageToChild: 0x1008n, monitorPageToRoot: 0x2000n }],
  ['an address that no partition has', { monitorPageToChild: 0x1000n, monitorPageToRoot: 0xffff_ffff_ffff_f000n }],
])('V7: %s fails the connection, which stays unconnected', (_, pages) => {
  const child = new Harness();
  child.post('InitiateContact', contact(Version.V5_3, pages));
  expect(child.take()).toEqual([response(1, 2, 4)]);
  expect(child.bus.connected).toBe(false);
});

test('V7: both monitor pages, or none, connect', () => {
  const both = new Harness();
  both.post('InitiateContact', contact(Version.V5_3, { monitorPageToChild: 0x1000n, monitorPageToRoot: 0x2000n }));
  const none = new Harness();
  none.post('InitiateContact', contact(Version.V5_3));
  expect([both.told, none.told]).toEqual([['connected 0 monitored'], ['connected 0']]);
});

test('V7b: a contact for another SINT or VTL is refused where it asked, and disturbs nobody', () => {
  const child = new Harness();
  child.connect();
  child.listening = true;
  const target = packContactTarget({ sint: 7, vtl: 0, featureFlags: 0 });
  child.post('InitiateContact', contact(Version.V5_3, { interruptPageOrTarget: target, targetVp: 1 }));
  const vtl = packContactTarget({ sint: 2, vtl: 2, featureFlags: 0 });
  child.post('InitiateContact', contact(Version.V5_3, { interruptPageOrTarget: vtl }));
  expect(child.sent.map((each) => each.target)).toEqual([
    { vp: 1, sint: 7 },
    { vp: 0, sint: 2 },
  ]);
  expect(child.take()).toEqual([response(0, 0, 0), response(0, 0, 0)]);
  expect(child.bus.connected).toBe(true);
});

test('V7c: what the last system left is closed before the new contact is judged, whatever comes of it', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.take();
  child.post('InitiateContact', contact(Version.V5_3, { monitorPageToRoot: 0x1000n }));
  expect(child.take()).toEqual([response(1, 2, 4)]);
  expect(child.told).toContain('close 1');
  expect(child.bus.inspect()).toMatchObject({ state: 'disconnected', gpadls: { count: 0 } });
});

test('V7c: a processor or page that does not exist fails the connection', () => {
  const child = new Harness();
  child.connectable = false;
  child.post('InitiateContact', contact(Version.V5_3));
  expect(child.take()).toEqual([response(1, 2, 4)]);
});

test('V8: from 5.0 on the answer names the connection id for later messages, before that the version', () => {
  const child = new Harness({ messageConnectionId: 1 });
  child.post('InitiateContact', contact(Version.V5_0));
  child.post('InitiateContact', contact(Version.V4_1));
  expect(child.take()).toEqual([response(1, 0, 1), response(1, 0, Version.V4_1)]);
});

test('V10: a contact while connected disconnects first, and only the newest waiting contact is answered', () => {
  const child = new Harness();
  child.closes = false;
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.take();
  child.post('InitiateContact', contact(Version.V5_3));
  child.post('InitiateContact', contact(Version.V4_0));
  expect(child.take()).toEqual([]);
  child.finishClose(1);
  expect(child.take()).toEqual([response(1, 0, Version.V4_0)]);
});

test('V11: a version limit can spare the firmware, which connects first', () => {
  const child = new Harness({ maxVersion: Version.V4_1, maxVersionAfter: 1 });
  child.post('InitiateContact', contact(Version.V5_3));
  child.post('Unload', {});
  child.post('InitiateContact', contact(Version.V5_3));
  child.post('InitiateContact', contact(Version.V4_1));
  expect(child.take()).toEqual([
    response(1, 0, 4),
    { name: 'UnloadResponse', body: {} },
    response(0, 0, 0),
    response(1, 0, Version.V4_1),
  ]);
});

test('V12: an unload is answered when every channel is closed and every GPADL is let go', () => {
  const child = new Harness();
  child.closes = false;
  const id = child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  const view = child.bus.acquireGpadl(id, 0xe1e11);
  child.take();
  child.post('Unload', {});
  expect(child.takeNames()).toEqual([]);
  child.finishClose(id);
  expect(child.takeNames()).toEqual([]);
  view?.release();
  expect(child.takeNames()).toEqual(['UnloadResponse']);
});

test('V12: buffers of a channel that was never opened are waited for as well', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  const second = child.bus.offer(device(2));
  child.connect();
  child.createGpadl(2, 7);
  const view = child.bus.acquireGpadl(second, 7);
  child.take();
  child.post('Unload', {});
  expect(child.take()).toEqual([]);
  view?.release();
  expect(child.takeNames()).toEqual(['UnloadResponse']);
});

test('V13: an unload that comes while a contact waits is answered, and the contact is over', () => {
  const child = new Harness();
  child.closes = false;
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.take();
  child.post('InitiateContact', contact(Version.V5_3));
  child.post('Unload', {});
  child.finishClose(1);
  expect([child.takeNames(), child.bus.connected]).toEqual([['UnloadResponse'], false]);
});

test('V13: an unload is answered without a connection too', () => {
  const child = new Harness();
  child.post('Unload', {});
  expect(child.takeNames()).toEqual(['UnloadResponse']);
});

test('V13: a contact that comes while an unload waits does not swallow its answer', () => {
  const child = new Harness();
  child.closes = false;
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.take();
  child.post('Unload', {});
  child.post('InitiateContact', contact(Version.V5_3));
  child.finishClose(1);
  expect(child.takeNames()).toEqual(['UnloadResponse', 'VersionResponse']);
});

test('V14: an unknown or malformed message is counted, and the connection lives', () => {
  const child = new Harness();
  child.connect();
  for (const data of [new Uint8Array(3), new Uint8Array(8).fill(0xff), Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0)]) {
    expect(child.bus.receive(data)).toBe(true);
  }
  expect(child.errors).toEqual(['message too-short', 'message unknown-type', 'message too-short']);
  expect(child.bus.connected).toBe(true);
});

test('V15: offers are sent once per connection', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.connect();
  child.post('RequestOffers', {});
  expect(child.take()).toEqual([]);
  expect(child.errors).toEqual(['offers requested twice']);
});

test('vmbus gotcha 9: after a reset of the machine nothing is left of the last boot', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.createGpadl(1, 7);
  child.take();
  let done = 0;
  child.bus.reset(() => done++);
  expect(child.bus.inspect()).toMatchObject({ state: 'disconnected', gpadls: { count: 0, pages: 0 } });
  expect([done, child.take(), child.state()]).toEqual([1, [], 'unaware']);
});

test('C20: a reset is done when all channels are closed and all GPADLs are free', () => {
  const child = new Harness();
  child.closes = false;
  const id = child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  const view = child.bus.acquireGpadl(id, 0xe1e11);
  let done = 0;
  child.bus.reset(() => done++);
  child.finishClose(id);
  expect(done).toBe(0);
  view?.release();
  expect(done).toBe(1);
});

test('C19: a reset does not wait for an opening, and its late answer is ignored', () => {
  const child = new Harness();
  child.opens = undefined;
  const id = child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.take();
  let done = 0;
  child.bus.reset(() => done++);
  child.finishOpen(id);
  expect([done, child.state(), child.take()]).toEqual([1, 'unaware', []]);
});

test('C16: no message overtakes one that waits', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.connect();
  child.listening = false;
  child.createGpadl(1, 1);
  child.createGpadl(1, 2);
  child.listening = true;
  child.createGpadl(1, 3);
  expect(child.take()).toEqual([]);
  child.bus.pump();
  expect(child.take().map((each) => (each.body as { gpadl: number }).gpadl)).toEqual([1, 2, 3]);
});

test('C17: while as many answers wait as the limit says, nothing more is read', () => {
  const child = new Harness({ limits: { pendingMessages: 2 } });
  child.bus.offer(device(1));
  child.connect();
  child.listening = false;
  child.createGpadl(1, 1);
  child.createGpadl(1, 2);
  expect(child.bus.ready).toBe(false);
  expect(child.post('GpadlTeardown', { relid: 1, gpadl: 1 })).toBe(false);
  child.listening = true;
  child.bus.pump();
  expect(child.post('GpadlTeardown', { relid: 1, gpadl: 1 })).toBe(true);
  expect(child.takeNames()).toEqual(['GpadlCreated', 'GpadlCreated', 'GpadlTorndown']);
});

test('C17: a contact and an unload are read even then, because whoever waited is gone', () => {
  const child = new Harness({ limits: { pendingMessages: 1 } });
  child.bus.offer(device(1));
  child.connect();
  child.listening = false;
  child.createGpadl(1, 1);
  for (let i = 0; i < 100; i++) {
    expect(child.post('Unload', {})).toBe(true);
    expect(child.post('InitiateContact', contact(Version.V5_3))).toBe(true);
  }
  expect(child.bus.inspect()).toMatchObject({ messages: { waiting: 1 } });
  child.listening = true;
  child.bus.pump();
  expect(child.takeNames()).toEqual(['VersionResponse']);
});

test('C40: a bus can be inspected in the middle of a disconnect', () => {
  const child = new Harness();
  child.closes = false;
  child.bus.offer(device(1));
  child.connect();
  child.openChannel(1);
  child.post('Unload', {});
  expect(child.bus.inspect()).toMatchObject({ state: 'disconnecting', version: null });
  expect(child.state()).toBe('closing-release');
});
