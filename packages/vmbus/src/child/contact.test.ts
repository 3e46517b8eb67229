import { HvStatus, PAGE_SIZE } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { connect, offerBody, ScriptedRoot } from '../../tests/scripted-root.ts';
import { Version, versions } from '../messages/version.ts';
import type { OfferEvent } from './offer.ts';

const supported = (connectionIdOrVersion = 4) => ({ supported: 1, connectionState: 0, connectionIdOrVersion });
const unsupported = { supported: 0, connectionState: 0, connectionIdOrVersion: 0 };

test('V2: versions are tried newest first, each by a message of its own, until one is supported', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  const connected = client.connect();

  root.send('VersionResponse', unsupported);
  root.send('VersionResponse', unsupported);
  root.send('VersionResponse', supported());
  root.send('AllOffersDelivered', {});
  client.poll();

  expect((await connected).version.name).toBe('5.1');
  const contacts = root.posted.filter((message) => message.name === 'InitiateContact');
  expect(contacts.map((message) => message.body.version)).toEqual([Version.V5_3, Version.V5_2, Version.V5_1]);
});

test('V5, V20: a contact of 5.0 and later goes to connection 4 and names SINT 2 instead of an interrupt page', async () => {
  const root = new ScriptedRoot();
  void root.client().connect();

  expect(root.posted[0]).toMatchObject({ name: 'InitiateContact', connectionId: 4 });
  expect(root.last('InitiateContact').interruptPageOrTarget).toBe(2n);
});

test('V8: later messages go to the connection id of the answer', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  void client.connect();

  root.send('VersionResponse', supported(77));
  client.poll();

  expect(root.posted.at(-1)).toMatchObject({ name: 'RequestOffers', connectionId: 77 });
});

test('versions before 5.0 use connection 1, a real interrupt page, and ignore the id of the answer', async () => {
  const root = new ScriptedRoot();
  const client = root.client({ versions: versions.filter((version) => version.value < Version.V5_0) });
  void client.connect();

  root.send('VersionResponse', supported(Version.V4_1));
  client.poll();

  expect(root.posted[0]).toMatchObject({ connectionId: 1 });
  expect(Number(root.last('InitiateContact').interruptPageOrTarget) % PAGE_SIZE).toBe(0);
  expect(root.last('InitiateContact').interruptPageOrTarget).not.toBe(0n);
  expect(root.posted.at(-1)).toMatchObject({ name: 'RequestOffers', connectionId: 1 });
});

test('V7: both monitor pages are given', async () => {
  const root = new ScriptedRoot();
  void root.client().connect();

  const { monitorPageToChild, monitorPageToRoot } = root.last('InitiateContact');
  expect(monitorPageToChild).not.toBe(0n);
  expect(monitorPageToRoot).not.toBe(0n);
  expect(monitorPageToRoot).not.toBe(monitorPageToChild);
});

test('a connection id that nobody listens on means the next version', async () => {
  const root = new ScriptedRoot();
  root.postStatus.push(...versions.slice(0, 4).map(() => HvStatus.InvalidConnectionId));
  void root.client().connect();

  expect(root.last('InitiateContact').version).toBe(Version.V4_1);
});

test('without a root the connection fails, and its pages are free again', async () => {
  const root = new ScriptedRoot();
  root.postStatus.push(...versions.map(() => HvStatus.InvalidConnectionId));

  await expect(root.client().connect()).rejects.toMatchObject({ code: 'no-bus' });
  expect(root.pages.taken.size).toBe(0);
});

test('a root that supports no version, or has no resources, is told apart from no root', async () => {
  const root = new ScriptedRoot();
  const client = root.client({ versions: versions.slice(0, 1) });
  const first = client.connect();
  root.send('VersionResponse', unsupported);
  client.poll();
  const second = client.connect();
  root.send('VersionResponse', { supported: 1, connectionState: 1, connectionIdOrVersion: 0 });
  client.poll();

  await expect(first).rejects.toMatchObject({ code: 'not-accepted' });
  await expect(second).rejects.toMatchObject({ code: 'not-accepted', message: expect.stringContaining('state 1') });
});

test('vmbus gotcha 12: a full message port is tried again later, and nothing overtakes the message', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(1)]);
  root.posted.length = 0;
  root.postStatus.push(HvStatus.InsufficientBuffers, HvStatus.InsufficientBuffers);

  void client.open(client.offers[0]!, { ringPages: 32 });
  expect(root.posted).toEqual([]);
  root.elapse();
  expect(root.posted).toEqual([]);
  root.elapse();

  expect(root.names).toEqual(['GpadlHeader', 'GpadlBody', 'GpadlBody']);
});

test('offers are given to who subscribes late, then each change', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(1), offerBody(2)]);
  const seen: string[] = [];
  client.offers$.subscribe((event: OfferEvent) => seen.push(`${event.kind} ${event.offer.relid}`));

  root.send('OfferChannel', offerBody(3, { instanceId: offerBody(2).instanceId, subchannelIndex: 1 }));
  root.send('RescindChannelOffer', { relid: 1 });
  client.poll();

  expect(seen).toEqual(['offered 1', 'offered 2', 'subchannel 3', 'rescinded 1']);
});

test('vmbus gotcha 4: channel ids 0 and from 2048 on, ids in use and duplicate devices are ignored and counted', async () => {
  const root = new ScriptedRoot();
  const client = root.client();
  await connect(root, client, [offerBody(1)]);

  root.send('OfferChannel', offerBody(0));
  root.send('OfferChannel', offerBody(2048));
  root.send('OfferChannel', offerBody(1));
  root.send('OfferChannel', offerBody(9, { instanceId: offerBody(1).instanceId }));
  root.send('OfferChannel', offerBody(10, { subchannelIndex: 1 }));
  client.poll();

  expect(client.offers.map((offer) => offer.relid)).toEqual([1]);
  expect(client.inspect()['ignoredMessages']).toBe(5);
});
