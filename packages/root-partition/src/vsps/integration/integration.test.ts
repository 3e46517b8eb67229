import {
  encodeIc,
  encodeIcVersions,
  IcShutdown,
  IcTime,
  IcTimeFlag,
  IcTimeReference,
  IntegrationService,
  KvpHeader,
  KvpPool,
  UNIX_EPOCH_TICKS,
} from '@ringlet/protocols';
import { PacketType } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { vspRules } from '../../testing/vsp-rules.ts';
import Backup from './backup.ts';
import FileCopy from './file-copy.ts';
import Heartbeat from './heartbeat.ts';
import { guestOf } from './integration-fixture.ts';
import KeyValueExchange from './key-value-exchange.ts';
import Shutdown, { type ShutdownResult } from './shutdown.ts';
import TimeSync from './time-sync.ts';

const SECOND = 10_000_000;
const V1 = { major: 1, minor: 0 };
const V3 = { major: 3, minor: 0 };
const V4 = { major: 4, minor: 0 };

vspRules(test, Heartbeat);
vspRules(test, Shutdown);
vspRules(test, TimeSync);
vspRules(test, KeyValueExchange);
vspRules(test, FileCopy);
vspRules(test, Backup);

test('IC1: the host speaks first, with its versions of the framework and then of the message, ascending', () => {
  const { guest } = guestOf((world) => new Heartbeat(world));

  const [first, ...more] = guest.received();

  expect(more).toEqual([]);
  expect(first!.header).toMatchObject({ type: 0, flags: 3, status: 0 });
  expect(Array.from(first!.payload.subarray(0, 24))).toEqual(
    [
      [2, 0, 2, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 3, 0, 0, 0],
      [1, 0, 0, 0, 3, 0, 0, 0],
    ].flat(),
  );
  expect(guest.packetTypes).toEqual([PacketType.InBand]);
});

test('IC1: both versions that were agreed stand in every later header', () => {
  const { guest } = guestOf((world) => new Heartbeat(world));

  guest.negotiate(V3, V1);

  expect(guest.received()[0]!.header).toMatchObject({ framework: V3, version: V1, type: 1 });
});

test.each([
  ['two of a kind', { framework: [V1, V3], message: [V1] }],
  ['none', { framework: [], message: [] }],
  ['one that was not offered', { framework: [V3], message: [{ major: 9, minor: 9 }] }],
])('IC1: an answer with %s ends the negotiation', (_, versions) => {
  const { guest, vsp } = guestOf((world) => new Heartbeat(world));

  guest.answer(guest.received()[0]!, {}, encodeIcVersions(versions));

  expect(vsp.inspect()['state']).toBe('unsupported');
  expect(guest.world.guestErrors).toEqual(['no common version']);
  expect(guest.received()).toEqual([]);
});

test('IC2: an answer to another transaction than the last is ignored', () => {
  const { guest, vsp } = guestOf((world) => new Heartbeat(world));
  guest.negotiate(V3, V3);
  const [beat] = guest.received();

  guest.answer(beat!, { transaction: beat!.header.transaction + 1 });
  expect(vsp.state).toBe('no-contact');
  guest.answer(beat!);

  expect(vsp.state).toBe('ok');
  expect(guest.world.guestErrors).toEqual(['answer to an earlier request']);
});

test('heartbeat: beats every two seconds, each after the answer to the one before', () => {
  const { guest, vsp } = guestOf((world) => new Heartbeat(world));
  guest.negotiate(V3, V3);
  const [first] = guest.received();

  guest.world.advance(5 * SECOND);
  expect(guest.received()).toEqual([]);
  guest.answer(first!);
  guest.world.advance(2 * SECOND);
  const [second] = guest.received();

  expect(first!.payload[0]).toBe(1);
  expect(second!.payload[0]).toBe(2);
  expect(vsp.state).toBe('ok');
});

test('heartbeat: a guest that stops answering is lost, and found again when it answers', () => {
  const { guest, vsp } = guestOf((world) => new Heartbeat(world));
  const states: string[] = [];
  vsp.state$.subscribe((state) => states.push(state));
  guest.negotiate(V3, V3);
  guest.answer(guest.received()[0]!);
  guest.world.advance(2 * SECOND);
  guest.world.advance(10 * SECOND);
  guest.world.advance(2 * SECOND);

  guest.answer(guest.received().at(-1)!);
  guest.close();

  expect(states).toEqual(['no-contact', 'ok', 'lost', 'ok', 'no-contact']);
});

test('IC6: a shutdown while versions are being agreed is not ready, a second one is in progress', () => {
  const { guest, vsp } = guestOf((world) => new Shutdown(world));
  const results: ShutdownResult[] = [];
  vsp.request({}, (result) => results.push(result));
  guest.negotiate(V3, { major: 3, minor: 2 });

  vsp.request({}, (result) => results.push(result));
  vsp.request({}, (result) => results.push(result));
  guest.answer(guest.received()[0]!);

  expect(results).toEqual(['not-ready', 'in-progress', 'accepted']);
});

test('IC6: a guest that never answers a shutdown ends it by time-out, and its late answer means nothing', () => {
  const { guest, vsp } = guestOf((world) => new Shutdown(world));
  guest.negotiate(V3, V3);
  const results: ShutdownResult[] = [];
  vsp.request({}, (result) => results.push(result));
  const [request] = guest.received();

  guest.world.advance(60 * SECOND);
  guest.answer(request!);
  vsp.request({}, (result) => results.push(result));
  guest.answer(guest.received()[0]!, { status: 0x80004005 });

  expect(results).toEqual(['timeout', 'refused']);
});

test('IC8, ics gotcha 3: a shutdown request is 2088 bytes, with flags and text', () => {
  const { guest, vsp } = guestOf((world) => new Shutdown(world));
  guest.negotiate(V3, V3);

  vsp.request({ reboot: true, force: true, message: 'later' }, () => {});

  const [request] = guest.received();
  expect(request!.bytes).toBe(2088);
  const body = IcShutdown.decode(request!.payload)!;
  expect(body.flags).toBe(3);
  expect(String.fromCharCode(...body.message.subarray(0, 6))).toBe('later\0');
});

test('IC11: readiness can be waited for', () => {
  const { guest, vsp } = guestOf((world) => new Shutdown(world));
  const ready: boolean[] = [];
  vsp.ready$.subscribe((value) => ready.push(value));

  guest.negotiate(V3, V3);
  guest.close();

  expect(ready).toEqual([false, true, false]);
});

test('IC7: a shutdown that was under way when saved is still waited for, and not asked again', () => {
  const { guest, vsp } = guestOf((world) => new Shutdown(world));
  guest.negotiate(V3, V3);
  vsp.request({}, () => {});
  const [request] = guest.received();
  const saved = JSON.parse(JSON.stringify(vsp.save()));

  const resumed = guestOf((world) => {
    const restored = new Shutdown(world);
    restored.restore(saved);
    return restored;
  });
  const during: ShutdownResult[] = [];
  resumed.vsp.request({}, (result) => during.push(result));
  expect(resumed.guest.received()).toEqual([]);
  resumed.guest.answer(request!);
  resumed.vsp.request({}, () => {});

  expect(during).toEqual(['in-progress']);
  expect(resumed.guest.received().length).toBe(1);
});

test('IC3, IC4, ics gotcha 5: the first time message sets the clock, later ones are samples; all are transactional', () => {
  let now = 1_700_000_000_000;
  const { guest } = guestOf((world) => new TimeSync(world, { wallClock: () => now, referenceTime: () => 42 }));
  guest.negotiate(V3, V4);
  const [first] = guest.received();
  guest.answer(first!);
  now += 5000;
  guest.world.advance(5 * SECOND);
  const [second] = guest.received();

  const [sync, sample] = [first!, second!].map((message) => IcTimeReference.decode(message.payload)!);
  expect(first!.header.flags).toBe(3);
  expect(sync).toMatchObject({ flags: IcTimeFlag.Sync, referenceTime: 42n });
  expect(sync!.parentTime).toBe(UNIX_EPOCH_TICKS + 17_000_000_000_000_000n);
  expect(sample).toMatchObject({ flags: IcTimeFlag.Sample });
  expect(sample!.parentTime - sync!.parentTime).toBe(BigInt(5 * SECOND));
});

test('when the host’s clock jumps, the guest sets its own again', () => {
  let now = 1_700_000_000_000;
  const { guest } = guestOf((world) => new TimeSync(world, { wallClock: () => now }));
  guest.negotiate(V3, V4);
  guest.answer(guest.received()[0]!);
  const flags = (slept: number): number => {
    now += 5000 + slept;
    guest.world.advance(5 * SECOND);
    const [message] = guest.received();
    guest.answer(message!);
    return IcTimeReference.decode(message!.payload)!.flags;
  };
  expect([flags(0), flags(3_600_000), flags(0), flags(-60_000)]).toEqual([
    IcTimeFlag.Sample,
    IcTimeFlag.Sync,
    IcTimeFlag.Sample,
    IcTimeFlag.Sync,
  ]);
});

test('time sync before version 4 uses the older, longer message', () => {
  const { guest } = guestOf((world) => new TimeSync(world));

  guest.negotiate(V3, V3);

  expect(guest.received()[0]!.payload.length).toBeGreaterThanOrEqual(IcTime.size);
  expect(IcTime.size).toBe(25);
});

test('a clock that must be set again is, as soon as the message under way is answered', () => {
  const { guest, vsp } = guestOf((world) => new TimeSync(world, { wallClock: () => 0 }));
  guest.negotiate(V3, V4);
  vsp.sync();

  guest.answer(guest.received()[0]!);

  expect(IcTimeReference.decode(guest.received()[0]!.payload)!.flags).toBe(IcTimeFlag.Sync);
});

test('IC4: the clock is read when there is room for the message, not before', () => {
  let reads = 0;
  const { guest } = guestOf((world) => new TimeSync(world, { wallClock: () => ++reads }));
  // The ring to the guest is filled by the device itself while the guest does not read.
  while (guest.channel.send(new Uint8Array(512)));
  while (guest.channel.send(new Uint8Array(8)));
  guest.channel.flush();
  expect(guest.channel.hasRoom(64)).toBe(false);

  const negotiation = encodeIcVersions({ framework: [V3], message: [V4] });
  guest.send(encodeIc({ framework: V1, type: 0, version: V1, status: 0, transaction: 1, flags: 5 }, negotiation));
  expect(reads).toBe(0);
  guest.received();
  guest.send(new Uint8Array(8)); // the guest rings: there is room now

  expect(reads).toBe(1);
});

test('IC5: after a restore time sync starts anew, and answers from before are dropped', () => {
  const { guest, vsp } = guestOf((world) => new TimeSync(world, { wallClock: () => 0 }));

  guest.send(
    encodeIc({ framework: V3, type: 4, version: V4, status: 0, transaction: 200, flags: 5 }, new Uint8Array(24)),
  );

  expect('save' in vsp).toBe(false);
  expect(vsp.inspect()['state']).toBe('negotiating');
  expect(guest.received()[0]!.header.type).toBe(0);
});

test('ics gotcha 2: before the guest answers the negotiation every key-value call ends with not-ready', () => {
  const { vsp } = guestOf((world) => new KeyValueExchange(world));
  const results: unknown[] = [];

  vsp.get(KvpPool.Guest, 'k', (result) => results.push(result));

  expect(results).toEqual([{ ok: false, reason: 'not-ready' }]);
});

test('ics gotcha 1: key-value calls go to the guest one at a time, in order', () => {
  const { guest, vsp } = guestOf((world) => new KeyValueExchange(world));
  guest.negotiate(V3, V4);
  const results: unknown[] = [];
  vsp.set(KvpPool.External, 'a', 'x', (result) => results.push(result));
  vsp.delete(KvpPool.Guest, 'b', (result) => results.push(result));

  const first = guest.received();
  expect(first.length).toBe(1);
  guest.answer(first[0]!);
  const second = guest.received();
  guest.answer(second[0]!, { status: 0x80004005 });

  expect([first[0]!.payload[0], second[0]!.payload[0]]).toEqual([1, 2]);
  expect(results).toEqual([
    { ok: true, value: undefined },
    { ok: false, reason: 'refused', status: 0x80004005 },
  ]);
});

test('a guest that never says "no more items" does not keep an enumeration going for ever', () => {
  const { guest, vsp } = guestOf((world) => new KeyValueExchange(world));
  guest.negotiate(V3, V4);
  let size = -1;
  vsp.enumerate(KvpPool.Auto, (result) => (size = result.ok ? result.value.size : -2));

  for (let i = 0; i < 5000 && size === -1; i++) guest.answer(guest.received()[0]!);

  expect(size).toBeGreaterThanOrEqual(0);
});

test('closing ends every call that waits', () => {
  const { guest, vsp } = guestOf((world) => new KeyValueExchange(world));
  guest.negotiate(V3, V4);
  const results: unknown[] = [];
  for (let i = 0; i < 70; i++)
    vsp.get(KvpPool.Guest, 'k', (result) => void (!result.ok && results.push(result.reason)));

  guest.close();

  expect(results.filter((reason) => reason === 'too-many').length).toBe(5);
  expect(results.filter((reason) => reason === 'closed').length).toBe(65);
});

test('a key that does not fit is the caller’s mistake', () => {
  const { vsp } = guestOf((world) => new KeyValueExchange(world));

  expect(() => vsp.set(0, 'k'.repeat(256), 'v', () => {})).toThrow('does not fit');
  expect(KvpHeader.size).toBe(4);
  expect(IntegrationService.keyValueExchange.type).toBe(2);
});
