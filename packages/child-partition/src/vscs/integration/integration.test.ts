import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import {
  decodeIc,
  decodeIcVersions,
  decodeKvpValue,
  encodeIc,
  encodeIcVersions,
  encodeKvpEntry,
  type IcHeader,
  IcHeartbeat,
  IcShutdown,
  IcShutdownFlag,
  IcStatus,
  IcTime,
  IcTimeFlag,
  IcTimeReference,
  KVP_PAYLOAD_BYTES,
  KvpDelete,
  KvpEntry,
  KvpEnumerate,
  KvpHeader,
  KvpIpInfo,
  KvpOperation,
  KvpPool,
  UNIX_EPOCH_TICKS,
} from '@ringlet/protocols';
import { PacketType, RingChannel } from '@ringlet/vmbus';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ShutdownRequest } from '../../runtime/guest.ts';
import { heartbeat } from './heartbeat.ts';
import { type IntegrationHandler, IntegrationVsc } from './integration-vsc.ts';
import { keyValueExchange } from './key-value-exchange.ts';
import { KeyValueStore } from './key-value-store.ts';
import { shutdown } from './shutdown.ts';
import { timeSync } from './time-sync.ts';
import { WallClock } from './wall-clock.ts';

const RING_PAGES = 5;
const V1 = { major: 1, minor: 0 };
const V3 = { major: 3, minor: 0 };
const V4 = { major: 4, minor: 0 };

/** A host that sends one request and reads its answer, over real rings. */
class Host {
  readonly #host: RingChannel;
  readonly #guest: RingChannel;
  readonly vsc: IntegrationVsc;
  readonly answers: { type: number; transaction: number; bytes: Uint8Array }[] = [];
  #transaction = 0;

  constructor(handler: IntegrationHandler) {
    const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer((2 * RING_PAGES + 1) * PAGE_SIZE) });
    const slat = new Slat(node, 2 * RING_PAGES * PAGE_SIZE, 2 * RING_PAGES);
    for (let page = 0; page < 2 * RING_PAGES; page++) slat.map(page, page, Access.All);
    const pages = (first: number) => Float64Array.from({ length: RING_PAGES }, (_, i) => first + i);
    const end = (incoming: number, outgoing: number) =>
      new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory: new GuestMemory(node, slat),
        incoming: pages(incoming),
        outgoing: pages(outgoing),
        signal: () => {},
      });
    this.#host = end(0, RING_PAGES);
    this.#guest = end(RING_PAGES, 0);
    this.vsc = new IntegrationVsc(handler);
    this.#guest.onPacket((packet, channel) => this.vsc.packet(packet, channel));
    this.#host.onPacket((packet) => {
      this.answers.push({ type: packet.type, transaction: packet.transactionLow, bytes: packet.payload() });
    });
  }

  /** Sends bytes as one packet. @returns the answer, when there is one */
  raw(bytes: Uint8Array) {
    this.#host.send(bytes, ++this.#transaction, 0);
    this.#host.flush();
    this.#guest.poll(10);
    this.#host.poll(10);
    return this.answers.pop();
  }

  ask(type: number, payload: Uint8Array, header: Partial<IcHeader> = {}) {
    const answer = this.raw(
      encodeIc({ framework: V3, type, version: V3, status: 0, transaction: 9, flags: 3, ...header }, payload),
    )!;
    return { ...decodeIc(answer.bytes)!, ...answer };
  }

  /** Lists versions and returns those that the guest chose. */
  negotiate(message: { major: number; minor: number }[], framework = [V1, V3]) {
    const { payload } = this.ask(0, encodeIcVersions({ framework, message }));
    return decodeIcVersions(payload);
  }
}

const kvp = (operation: number, pool: number, body: Uint8Array): Uint8Array => {
  const payload = new Uint8Array(KVP_PAYLOAD_BYTES);
  payload.set(KvpHeader.encode({ operation, pool }));
  payload.set(body, KvpHeader.size);
  return payload;
};

test('IC1: the guest answers a negotiation with exactly one version of each kind, the newest common one', () => {
  const host = new Host(heartbeat);

  expect(host.negotiate([V1, V3, { major: 7, minor: 0 }])).toEqual({ framework: [V3], message: [V3] });
});

test('a negotiation with nothing in common is answered with counts of zero', () => {
  const host = new Host(heartbeat);

  expect(host.negotiate([{ major: 9, minor: 0 }])).toEqual({ framework: [], message: [] });
});

test('ics gotchas 4 and 9: an answer is an in-band packet of the request’s length and transaction, marked as response', () => {
  const host = new Host(heartbeat);
  host.negotiate([V3]);

  const answer = host.ask(1, IcHeartbeat.encode({ sequence: 41n, applicationState: 0 }));

  expect(answer.type).toBe(PacketType.InBand);
  expect(answer.transaction).toBe(2);
  expect(answer.bytes.length).toBe(Math.ceil((28 + IcHeartbeat.size) / 8) * 8);
  expect(answer.header).toMatchObject({ flags: 5, transaction: 9, status: 0 });
  expect(IcHeartbeat.decode(answer.payload)!.sequence).toBe(42n);
});

test('requests before a negotiation, and of another service, are not supported', () => {
  const host = new Host(heartbeat);

  expect(host.ask(1, new Uint8Array(40)).header.status).toBe(IcStatus.NotSupported);
  host.negotiate([V3]);
  expect(host.ask(3, new Uint8Array(40)).header.status).toBe(IcStatus.NotSupported);
});

test('no packet of a host makes a driver throw, and each with a header is answered', () => {
  const services = [
    heartbeat,
    shutdown(() => {}),
    timeSync(new WallClock(), () => 0),
    keyValueExchange(new KeyValueStore()),
  ];
  const payload = fc.uint8Array({ maxLength: 3000 });
  for (const service of services) {
    fc.assert(
      fc.property(fc.array(fc.tuple(payload, fc.integer({ min: 0, max: 8 })), { maxLength: 10 }), (packets) => {
        const host = new Host(service);
        host.negotiate([V3, V4]);
        for (const [bytes, type] of packets) {
          if (bytes.length > 12) bytes[12] = type;
          if (bytes.length > 13) bytes[13] = 0;
          expect(host.raw(bytes) === undefined).toBe(Math.ceil(bytes.length / 8) * 8 < 28);
        }
      }),
      { numRuns: 25 },
    );
  }
});

test('shutdown: the guest says yes at once, and begins once however often it is asked', () => {
  const begun: ShutdownRequest[] = [];
  const host = new Host(shutdown((request) => begun.push(request)));
  host.negotiate([V3, { major: 3, minor: 2 }]);
  const body = IcShutdown.encode({
    reason: 0,
    timeoutSeconds: 0,
    flags: IcShutdownFlag.Restart | IcShutdownFlag.Force,
    message: Uint8Array.of(98, 121, 101, 0, 120),
  });

  expect(host.ask(3, body).header.status).toBe(IcStatus.Success);
  expect(host.ask(3, body).header.status).toBe(IcStatus.Success);

  expect(begun).toEqual([{ reboot: true, force: true, message: 'bye' }]);
});

test('shutdown: hibernation is refused', () => {
  const host = new Host(shutdown(() => {}));
  host.negotiate([V3]);
  const body = IcShutdown.encode({ reason: 0, timeoutSeconds: 0, flags: 4, message: new Uint8Array(0) });

  expect(host.ask(3, body).header.status).toBe(IcStatus.Fail);
});

test('time sync 4.0: the clock is the host’s, corrected by the reference time that the host names', () => {
  const clock = new WallClock();
  const host = new Host(timeSync(clock, () => 999));
  host.negotiate([V3, V4]);
  const time = { parentTime: UNIX_EPOCH_TICKS + 20_000_000n, referenceTime: 5_000_000n, leap: 0, stratum: 0 };

  host.ask(4, IcTimeReference.encode({ ...time, flags: IcTimeFlag.Sync }));

  expect(clock.read(5_000_000)).toBe(2000);
  expect(clock.read(6_000_000)).toBe(2100);
});

test('time sync before 4.0: the message’s arrival counts', () => {
  const clock = new WallClock();
  const host = new Host(timeSync(clock, () => 1_000_000));
  host.negotiate([V3]);

  host.ask(
    4,
    IcTime.encode({ parentTime: UNIX_EPOCH_TICKS, childTime: 0n, roundTripTime: 0n, flags: IcTimeFlag.Sync }),
  );

  expect(clock.read(1_000_000)).toBe(0);
});

test('time sync: a sample does not move a clock that is set', () => {
  const clock = new WallClock();
  const host = new Host(timeSync(clock, () => 0));
  host.negotiate([V3, V4]);
  const send = (seconds: number, flags: number) =>
    host.ask(
      4,
      IcTimeReference.encode({
        parentTime: UNIX_EPOCH_TICKS + BigInt(seconds) * 10_000_000n,
        referenceTime: 0n,
        flags,
        leap: 0,
        stratum: 0,
      }),
    );

  send(10, IcTimeFlag.Sync);
  send(99, IcTimeFlag.Sample);
  expect(clock.read(0)).toBe(10_000);
  send(20, IcTimeFlag.Sync);

  expect(clock.read(0)).toBe(20_000);
});

test('IC10: keys are set, read, enumerated and deleted; an enumeration ends with "no more items"', () => {
  const store = new KeyValueStore();
  const host = new Host(keyValueExchange(store));
  host.negotiate([V4]);
  const entry = (key: string, value: string | number) => KvpEntry.encode(encodeKvpEntry(key, value));
  const at = (index: number) => KvpEnumerate.encode({ index, entry: encodeKvpEntry('', '') });

  host.ask(2, kvp(KvpOperation.Set, KvpPool.External, entry('colour', 'blue')));
  host.ask(2, kvp(KvpOperation.Set, KvpPool.External, entry('size', 12)));
  const read = host.ask(2, kvp(KvpOperation.Get, KvpPool.External, entry('colour', '')));
  const second = host.ask(2, kvp(KvpOperation.Enumerate, KvpPool.External, at(1)));
  const beyond = host.ask(2, kvp(KvpOperation.Enumerate, KvpPool.External, at(2)));
  const deletion = kvp(KvpOperation.Delete, KvpPool.External, KvpDelete.encode({ keySize: 14, key: 'colour' }));

  expect(decodeKvpValue(KvpEntry.decode(read.payload.subarray(4))!)).toBe('blue');
  const found = KvpEnumerate.decode(second.payload.subarray(4))!.entry;
  expect([found.key, decodeKvpValue(found)]).toEqual(['size', 12]);
  expect(beyond.header.status).toBe(IcStatus.NoMoreItems);
  expect(host.ask(2, deletion).header.status).toBe(IcStatus.Success);
  expect(host.ask(2, deletion).header.status).toBe(IcStatus.Fail);
  expect(store.entries(KvpPool.External)).toEqual([['size', 12]]);
});

test('a host cannot fill the guest’s memory with keys', () => {
  const store = new KeyValueStore();
  let accepted = 0;
  for (let i = 0; i < 3000; i++) if (store.trySet(KvpPool.External, `k${i}`, 'v')) accepted++;

  expect(accepted).toBe(1024);
  expect(store.trySet(KvpPool.External, 'k0', 'w')).toBe(true);
});

test('the operating system’s own keys are there from the start', () => {
  expect(new KeyValueStore().get(KvpPool.Auto, 'OSName')).toContain('Ringlet');
});

test('IP settings are kept by adapter, and unknown adapters have none', () => {
  const host = new Host(keyValueExchange(new KeyValueStore()));
  host.negotiate([V4]);
  const settings: KvpIpInfo = {
    operation: KvpOperation.SetIpInfo,
    pool: 0,
    adapter: '{ABCD}',
    family: 1,
    dhcp: 0,
    addresses: '10.0.0.2',
    subnets: '255.255.255.0',
    gateways: '10.0.0.1',
    nameServers: '10.0.0.1',
  };
  const ask = (info: KvpIpInfo) => host.ask(2, KvpIpInfo.encode(info));

  expect(ask({ ...settings, operation: KvpOperation.GetIpInfo }).header.status).toBe(IcStatus.Fail);
  expect(ask(settings).header.status).toBe(IcStatus.Success);
  const answer = ask({ ...settings, operation: KvpOperation.GetIpInfo, adapter: '{abcd}', addresses: '' });

  expect(KvpIpInfo.decode(answer.payload)).toMatchObject({ operation: 4, adapter: '{abcd}', addresses: '10.0.0.2' });
});
