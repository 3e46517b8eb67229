import { HvStatus, PAGE_SIZE } from '@ringlet/microkernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accept, connect, offerBody, ScriptedRoot, settled } from '../../tests/scripted-root.ts';
import { RingChannel } from '../channel/ring-channel.ts';
import { versions } from '../messages/version.ts';

const supported = (connectionIdOrVersion = 4) => ({ supported: 1, connectionState: 0, connectionIdOrVersion });

async function openChannel(root: ScriptedRoot, client: ReturnType<ScriptedRoot['client']>, relid: number) {
  const opening = client.open(
    client.offers.find((offer) => offer.relid === relid)!,
    { ringPages: 4 },
  );
  accept(root, client, relid);
  return opening;
}

test('opening describes both rings as one GPADL, then opens at the second ring', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  root.posted.length = 0;

  const opening = client.open(client.offers[0]!, { ringPages: 4, userData: Uint8Array.of(1, 2), targetVp: 3 });
  const header = root.last('GpadlHeader');
  const range = new DataView(header.tail.buffer, header.tail.byteOffset);
  const firstPage = Number(range.getBigUint64(8, true));
  accept(root, client, 5);

  expect(header).toMatchObject({ relid: 5, rangeCount: 1, rangeBufferLength: 8 + 8 * 8 });
  expect([range.getUint32(0, true), range.getUint32(4, true)]).toEqual([8 * PAGE_SIZE, 0]);
  expect(root.last('OpenChannel')).toMatchObject({
    relid: 5,
    ringGpadl: header.gpadl,
    targetVp: 3,
    downstreamPageOffset: 4,
  });
  expect(Array.from(root.last('OpenChannel').userData.subarray(0, 3))).toEqual([1, 2, 0]);
  expect(await opening).toMatchObject({ relid: 5, state: 'open' });
  // Feature bits of both headers, as the child sets them.
  expect(root.memory.view.getUint32(firstPage * PAGE_SIZE + 64, true) & 1).toBe(1);
  expect(root.memory.view.getUint32((firstPage + 4) * PAGE_SIZE + 64, true) & 1).toBe(1);
});

test('a channel carries packets both ways and rings by its offer’s connection id', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5, { connectionId: 0x1234 })]);
  const channel = await openChannel(root, client, 5);
  const header = root.last('GpadlHeader');
  const first = Number(new DataView(header.tail.buffer, header.tail.byteOffset).getBigUint64(8, true));
  const pages = Array.from({ length: 8 }, (_, i) => first + i);
  const device = new RingChannel({
    relid: 5,
    subchannelIndex: 0,
    userData: new Uint8Array(120),
    memory: root.memory,
    incoming: pages.slice(0, 4),
    outgoing: pages.slice(4),
    signal: () => root.ring(5),
  });
  const received: number[][] = [];
  device.onPacket((packet, from) => from.complete(packet, packet.payload()));
  channel.onPacket((packet) => void received.push(Array.from(packet.payload())));
  client.poll();

  channel.request(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 1, 0);
  channel.flush();
  device.poll(10);
  client.poll();

  expect(root.signals).toEqual([0x1234]);
  expect(received).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]]);
});

test('vmbus gotcha 6: a monitored channel sets its bit of the monitor page and makes no hypercall', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5, { monitorAllocated: 1, monitorId: 37 })]);
  const channel = await openChannel(root, client, 5);
  const page = Number(root.last('InitiateContact').monitorPageToRoot);

  channel.send(new Uint8Array(8));
  channel.flush();

  expect(root.signals).toEqual([]);
  expect(root.memory.view.getUint32(page + 8 + 8, true)).toBe(1 << 5);
});

test('a refused opening tears the GPADL down and gives the pages back', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  const before = root.pages.taken.size;
  const opening = client.open(client.offers[0]!, { ringPages: 4 });
  const { gpadl } = root.last('GpadlHeader');
  root.send('GpadlCreated', { relid: 5, gpadl, status: 0 });
  client.poll();

  root.send('OpenResult', { relid: 5, openId: root.last('OpenChannel').openId, status: 0x8000ffff });
  client.poll();
  expect(root.pages.taken.size).toBe(before + 8);
  root.send('GpadlTorndown', { gpadl });
  client.poll();

  await expect(opening).rejects.toMatchObject({ code: 'refused' });
  expect(root.pages.taken.size).toBe(before);
  expect(await openChannel(root, client, 5)).toMatchObject({ state: 'open' });
});

test('a refused GPADL gives the pages back', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  const before = root.pages.taken.size;
  const opening = client.open(client.offers[0]!, { ringPages: 4 });

  root.send('GpadlCreated', { relid: 5, gpadl: root.last('GpadlHeader').gpadl, status: 1 });
  client.poll();

  await expect(opening).rejects.toMatchObject({ code: 'refused' });
  expect(root.pages.taken.size).toBe(before);
});

test('vmbus gotcha 3: a closed channel’s pages are used again only when the GPADL is torn down', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  const before = root.pages.taken.size;
  const channel = await openChannel(root, client, 5);
  root.posted.length = 0;

  channel.close();
  expect(root.names).toEqual(['CloseChannel', 'GpadlTeardown']);
  expect(root.pages.taken.size).toBe(before + 8);
  const closed = client.close(channel);
  root.send('GpadlTorndown', { gpadl: root.last('GpadlTeardown').gpadl });
  client.poll();
  await closed;

  expect(root.pages.taken.size).toBe(before);
  expect(await openChannel(root, client, 5)).toMatchObject({ state: 'open' });
});

test('C12, C13: subchannels are closed before their primary', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  const sub = offerBody(6, { instanceId: offerBody(5).instanceId, subchannelIndex: 1 });
  await connect(root, client, [offerBody(5), sub]);
  const primary = await openChannel(root, client, 5);
  await openChannel(root, client, 6);
  root.posted.length = 0;

  const closed = client.close(primary);
  root.send('GpadlTorndown', { gpadl: root.last('GpadlTeardown').gpadl });
  client.poll();
  root.send('GpadlTorndown', { gpadl: root.last('GpadlTeardown').gpadl });
  client.poll();
  await closed;

  const closes = root.posted.filter((message) => message.name === 'CloseChannel');
  expect(closes.map((message) => message.body.relid)).toEqual([6, 5]);
});

test('C8, C9: the rescind of an open channel closes it, and releases its id last, without a teardown', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  const before = root.pages.taken.size;
  const channel = await openChannel(root, client, 5);
  const states: string[] = [];
  channel.state$.subscribe((state) => states.push(state));
  root.posted.length = 0;

  root.send('RescindChannelOffer', { relid: 5 });
  client.poll();

  expect(root.names).toEqual(['CloseChannel', 'RelidReleased']);
  expect(states).toEqual(['open', 'rescinded', 'closed']);
  expect(root.pages.taken.size).toBe(before);
  expect(channel.send(new Uint8Array(8))).toBe(false);
  await expect(client.close(channel)).resolves.toBeUndefined();
});

test('C44: an opening ends when its channel is rescinded: no result will come', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  const opening = client.open(client.offers[0]!, { ringPages: 4 });
  const { gpadl } = root.last('GpadlHeader');
  root.send('GpadlCreated', { relid: 5, gpadl, status: 0 });
  client.poll();

  root.send('RescindChannelOffer', { relid: 5 });
  // The host answers GPADL requests even after the rescind.
  root.send('GpadlCreated', { relid: 5, gpadl, status: 0 });
  client.poll();

  await expect(opening).rejects.toMatchObject({ code: 'rescinded' });
  expect(client.inspect()['ignoredMessages']).toBe(1);
  expect(root.names.slice(-2)).toEqual(['CloseChannel', 'RelidReleased']);
});

test('C43: while a teardown is outstanding other messages are handled', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5), offerBody(6)]);
  const channel = await openChannel(root, client, 5);
  let closed = false;
  void client.close(channel).then(() => (closed = true));

  const other = await openChannel(root, client, 6);
  await settled();

  expect(other.state).toBe('open');
  expect(closed).toBe(false);
});

test('C42: messages from the root are handled while ours cannot be posted', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  root.postStatus.push(HvStatus.InsufficientBuffers);
  void client.open(client.offers[0]!).catch(() => {});

  root.send('OfferChannel', offerBody(7));
  client.poll();

  expect(client.offers.map((offer) => offer.relid)).toEqual([5, 7]);
});

test('C34: since 5.3 moving a channel ends with the answer, and a second move waits its turn', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  const channel = await openChannel(root, client, 5);
  let moved = false;
  const moving = client.retarget(channel, 2).then(() => (moved = true));

  await expect(client.retarget(channel, 1)).rejects.toMatchObject({ code: 'wrong-state' });
  expect(moved).toBe(false);
  root.send('ModifyChannelResponse', { relid: 5, status: 0 });
  client.poll();
  await moving;

  expect(root.last('ModifyChannel')).toEqual({ relid: 5, targetVp: 2 });
});

test('before 5.3 moving a channel has no answer, before 4.1 it does not exist', async () => {
  const root = new ScriptedRoot();
  const client = root.client({ versions: versions.filter((version) => version.name === '4.1') });
  await connect(root, client, [offerBody(5)]);
  const channel = await openChannel(root, client, 5);
  await client.retarget(channel, 2);

  const old = new ScriptedRoot();
  const oldClient = old.client({ versions: versions.filter((version) => version.name === '4.0') });
  await connect(old, oldClient, [offerBody(5)]);
  const oldChannel = await openChannel(old, oldClient, 5);
  await expect(oldClient.retarget(oldChannel, 2)).rejects.toMatchObject({ code: 'not-supported' });
});

test('H1: a socket connection is asked for, and is there when its offer is', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, []);
  const [endpointId, serviceId] = ['11111111-0000-0000-0000-000000000000', '00000400-facb-11e6-bd58-64006a7986d3'];
  const connecting = client.connectSocket(endpointId, serviceId);

  root.send('OfferChannel', offerBody(9, { interfaceId: serviceId, instanceId: endpointId, flags: 0x2000 }));
  client.poll();

  expect(root.last('TlConnectRequest')).toEqual({ endpointId, serviceId });
  expect(await connecting).toMatchObject({ relid: 9, socket: true });
  expect(root.timers).toEqual([]);
});

test('H2: a refused or unanswered socket connection fails', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, []);
  const endpointId = '11111111-0000-0000-0000-000000000000';
  const refused = client.connectSocket(endpointId, '00000400-facb-11e6-bd58-64006a7986d3');
  root.send('TlConnectResult', { endpointId, serviceId: root.last('TlConnectRequest').serviceId, status: 0xc0000236 });
  client.poll();
  const silent = client.connectSocket(endpointId, '00000401-facb-11e6-bd58-64006a7986d3');
  root.elapse();

  await expect(refused).rejects.toMatchObject({ code: 'refused' });
  await expect(silent).rejects.toMatchObject({ code: 'refused' });
});

test('V12: unloading closes everything here, and ends with the answer', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5), offerBody(6)]);
  const channel = await openChannel(root, client, 5);
  const opening = client.open(client.offers[1]!, { ringPages: 4 });
  const unloading = client.unload();

  root.send('OfferChannel', offerBody(8)); // crossed the unload: of no meaning any more
  root.send('UnloadResponse', {});
  client.poll();
  await unloading;

  await expect(opening).rejects.toMatchObject({ code: 'disconnected' });
  expect(channel.state).toBe('closed');
  expect(client.offers).toEqual([]);
  expect(root.pages.taken.size).toBe(0);
  await connect(root, client, [offerBody(5)]);
  expect(client.offers.length).toBe(1);
});

test('answers that nobody asked for are ignored and counted', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  await openChannel(root, client, 5);
  const { gpadl, relid } = root.last('GpadlHeader');

  root.send('VersionResponse', supported());
  root.send('AllOffersDelivered', {});
  root.send('OpenResult', { relid, openId: root.last('OpenChannel').openId, status: 1 });
  root.send('GpadlCreated', { relid, gpadl, status: 1 });
  root.send('GpadlTorndown', { gpadl });
  root.send('ModifyChannelResponse', { relid, status: 0 });
  root.send('RescindChannelOffer', { relid: 99 });
  root.send('UnloadResponse', {});
  root.sendBytes(Uint8Array.of(1, 2, 3));
  client.poll();

  expect(client.inspect()).toMatchObject({ state: 'connected', ignoredMessages: 9, gpadls: 1 });
});

test('S16: an event flag without an open channel is counted, and a later one is not lost', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(5)]);
  root.ring(5);
  client.poll();
  const channel = await openChannel(root, client, 5);

  root.ring(5);
  client.poll();

  expect(client.inspect()['ignoredEvents']).toBe(1);
  expect(channel.statistics.signalsReceived).toBe(1);
});

test('no sequence of messages from a root makes the client throw or leak pages', async () => {
  const names = ['OfferChannel', 'RescindChannelOffer', 'OpenResult', 'GpadlCreated', 'GpadlTorndown'] as const;
  const id = fc.integer({ min: 0, max: 5 });
  const step = fc.record({
    name: fc.constantFrom(...names, 'bytes'),
    relid: id,
    status: id,
    bytes: fc.uint8Array({ maxLength: 240 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const root = new ScriptedRoot();
      const client = root.client();
      await connect(root, client, [offerBody(1), offerBody(2)]);
      for (const { name, relid, status, bytes } of steps) {
        for (const offer of client.offers) client.open(offer, { ringPages: 2 }).catch(() => {});
        const gpadl = 0xe1e10 + status;
        if (name === 'OfferChannel') root.send(name, offerBody(relid));
        else if (name === 'RescindChannelOffer') root.send(name, { relid });
        else if (name === 'OpenResult') root.send(name, { relid, openId: status, status: status & 1 });
        else if (name === 'GpadlCreated') root.send(name, { relid, gpadl, status: relid & 1 });
        else if (name === 'GpadlTorndown') root.send(name, { gpadl });
        else root.sendBytes(bytes);
        client.poll();
      }
      const unloading = client.unload();
      root.send('UnloadResponse', {});
      client.poll();
      await unloading;
      expect(root.pages.taken.size).toBe(0);
    }),
    { numRuns: 60 },
  );
});
