import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contact, device, Harness, instance, MONITORED, offersIn, opening } from '../../tests/bus-harness.ts';
import { Version } from '../messages/version.ts';

/** A connected child with one device, channel 1. */
function withDevice(more: Parameters<typeof device>[1] = {}, version: number = Version.V5_3): Harness {
  const child = new Harness();
  child.bus.offer(device(1, more));
  child.connect(version);
  return child;
}

test('C1: nothing is offered, and no id is given, before a connected child asks', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.post('InitiateContact', contact(Version.V5_3));
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
      expect(child.offered().map((each) => [each.instanceId, each.relid])).toEqual([
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
  expect(child.offered()[0]).toMatchObject({ relid: 1, connectionId: 0x2001 });
});

test('C22: every channel is interrupted by an event flag of its own', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  expect(child.offered()[0]).toMatchObject({ dedicatedInterrupt: 1 });
});

test('C23: a monitor id is offered only to a child with monitor pages, and only for a device that wants one', () => {
  const plain = new Harness();
  plain.bus.offer(device(1, { monitorLatency: 1000 }));
  const monitored = new Harness();
  monitored.bus.offer(device(1, { monitorLatency: 1000 }));
  monitored.bus.offer(device(2));
  const none = { monitorId: 0xff, monitorAllocated: 0 };
  expect(plain.offered()).toMatchObject([none]);
  expect(monitored.offered(MONITORED)).toMatchObject([{ monitorId: 0, monitorAllocated: 1 }, none]);
});

test('C39: when the 128 monitor ids are used up, further channels ring by hypercall', () => {
  const child = new Harness();
  for (let n = 1; n <= 130; n++) child.bus.offer(device(n, { monitorLatency: 1000 }));
  const offers = child.offered(MONITORED);
  expect(offers.slice(0, 128).map((each) => each.monitorId)).toEqual(Array.from({ length: 128 }, (_, i) => i));
  expect(offers.slice(128)).toMatchObject([{ monitorAllocated: 0 }, { monitorAllocated: 0 }]);
});

test('C39: a monitor id is free again when its channel’s id is released', () => {
  const child = new Harness();
  const id = child.bus.offer(device(1, { monitorLatency: 1000 }));
  child.connect(Version.V5_3, MONITORED);
  child.bus.revoke(id);
  child.post('RelidReleased', { relid: 1 });
  child.take();
  child.bus.offer(device(2, { monitorLatency: 1000 }));
  expect(offersIn(child.take())).toMatchObject([{ monitorId: 0, monitorAllocated: 1 }]);
});

test('C24: flags of features that are never negotiated are never offered', () => {
  const child = new Harness();
  child.bus.offer(device(1));
  child.bus.offer(device(2, { kind: 'byte-pipe' }));
  child.bus.offer(device(3, { kind: 'message-pipe', userDefined: Uint8Array.of(7) }));
  child.bus.offer(device(4, { kind: 'hv-socket', userDefined: Uint8Array.of(1) }));
  expect(child.offered().map((each) => [each.flags, ...each.userDefined.subarray(0, 5)])).toEqual([
    [0, 0, 0, 0, 0, 0],
    [0x11, 0, 0, 0, 0, 0],
    [0x11, 4, 0, 0, 0, 7],
    [0x2001, 0, 0, 0, 0, 1],
  ]);
});

test('C29: the low MMIO that a device needs is part of its offer', () => {
  const child = new Harness();
  child.bus.offer(device(1, { mmioMegabytes: 8, userDefined: Uint8Array.of(1, 2, 3) }));
  const [offer] = child.offered();
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
  const offers = child.offered();
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
