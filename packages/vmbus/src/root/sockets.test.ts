import { expect, test } from 'vitest';
import { device, Harness } from '../../tests/bus-harness.ts';
import { vsockService } from '../messages/interfaces.ts';
import { Version } from '../messages/version.ts';

const REFUSED = 0xc000_0236;
const ids = { endpointId: vsockService(1000), serviceId: vsockService(80) };
const refusal = { name: 'TlConnectResult', body: { ...ids, status: REFUSED } };

function connected(version: number = Version.V5_3): Harness {
  const child = new Harness();
  child.connect(version);
  return child;
}

test('H1: a request is accepted by an offer with the service as interface and the endpoint as instance', () => {
  const child = connected();
  child.post('TlConnectRequest', ids);
  expect(child.sockets).toEqual([{ ...ids, siloId: undefined }]);
  child.bus.offer(device(1, { interfaceId: ids.serviceId, instanceId: ids.endpointId, kind: 'hv-socket' }));
  child.bus.socketAnswered(ids.endpointId, ids.serviceId, true);
  expect(child.take()).toMatchObject([
    { name: 'OfferChannel', body: { interfaceId: ids.serviceId, instanceId: ids.endpointId, flags: 0x2001 } },
  ]);
});

test('H2: only a refusal has a message, with the status that guests understand', () => {
  const child = connected();
  child.post('TlConnectRequest', ids);
  child.bus.socketAnswered(ids.endpointId, ids.serviceId, false);
  expect(child.take()).toEqual([refusal]);
});

test('H2: before 4.1 a refusal has no message', () => {
  const child = connected(Version.V4_0);
  child.post('TlConnectRequest', ids);
  child.bus.socketAnswered(ids.endpointId, ids.serviceId, false);
  expect(child.take()).toEqual([]);
});

test('before 4.0 there are no sockets', () => {
  const child = connected(Version.V3_0);
  child.post('TlConnectRequest', ids);
  expect([child.sockets, child.errors]).toEqual([[], ['message not-negotiated']]);
});

test('H3: sixteen requests wait at most; an answer makes room at once, opened or not', () => {
  const child = connected();
  for (let port = 0; port < 17; port++) {
    child.post('TlConnectRequest', { ...ids, endpointId: vsockService(port) });
  }
  expect([child.sockets.length, child.takeNames()]).toEqual([16, ['TlConnectResult']]);
  child.bus.socketAnswered(vsockService(0), ids.serviceId, true);
  child.post('TlConnectRequest', { ...ids, endpointId: vsockService(99) });
  expect([child.sockets.length, child.take()]).toEqual([17, []]);
});

test('a request that waits, or whose channel exists, is refused', () => {
  const child = connected();
  child.post('TlConnectRequest', ids);
  child.post('TlConnectRequest', ids);
  child.bus.offer(device(1, { interfaceId: ids.serviceId, instanceId: ids.endpointId, kind: 'hv-socket' }));
  child.bus.socketAnswered(ids.endpointId, ids.serviceId, true);
  child.take();
  child.post('TlConnectRequest', ids);
  expect([child.sockets.length, child.take()]).toEqual([1, [refusal]]);
});

test('an answer to a guest that is gone is ignored', () => {
  const child = connected();
  child.post('TlConnectRequest', ids);
  child.connect();
  child.bus.socketAnswered(ids.endpointId, ids.serviceId, false);
  expect(child.take()).toEqual([]);
});

test('V19: the short and the long request are the same, but for the silo', () => {
  const child = connected();
  child.post('TlConnectRequest', ids);
  child.post('TlConnectRequest2', { ...ids, endpointId: vsockService(2), siloId: vsockService(3) });
  expect(child.sockets.map((each) => each.siloId)).toEqual([undefined, vsockService(3)]);
});

test('H8: sockets are dropped by a disconnect and by a restore', () => {
  const child = connected();
  const socket = device(1, { kind: 'hv-socket' });
  child.bus.offer(socket);
  child.openChannel(1);
  const next = child.moved([]);
  expect(next.takeNames()).toEqual(['RescindChannelOffer']);
  child.post('Unload', {});
  expect([child.told.slice(-2), child.states()]).toEqual([['close 1', 'removed 1'], {}]);
});
