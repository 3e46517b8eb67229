import { expect, test } from 'vitest';
import { BusMachine } from '../../tests/bus-machine.ts';
import { ask, bytes, Echo, opened } from '../../tests/echo-device.ts';
import type { Channel } from '../channel/channel.ts';
import type { Packet } from '../channel/packet.ts';

test('T11: a device that throws faults its own channel; the others and the bus go on', async () => {
  const machine = new BusMachine();
  class Broken extends Echo {
    override packet(): void {
      throw new Error('device bug');
    }
  }
  machine.host.attach(new Broken(1));
  machine.host.attach(new Echo(2));
  const broken = await opened(machine, 0);
  const sound = await machine.during(machine.client.open(machine.client.offers[1]!, { ringPages: 4 }));
  expect(await ask(machine, broken, 1)).toBeUndefined();
  expect(await ask(machine, sound, 2)).toBe(2);
  expect(machine.failures).toEqual(['echo 1: device bug']);
  expect(machine.host.inspect()).toMatchObject({
    deviceFailures: 1,
    channels: { 1: { rings: { state: 'faulted' } }, 2: { rings: { state: 'open' } } },
  });
  await machine.during(machine.client.close(broken));
});

test.each(['opened', 'closed', 'batchEnd', 'retargeted'] as const)(
  'a device that throws in %s does not stop the bus',
  async (name) => {
    const machine = new BusMachine();
    const broken = Object.assign(new Echo(), {
      [name]: () => {
        throw new Error(name);
      },
    });
    machine.host.attach(broken);
    await machine.during(machine.client.connect());
    const offer = machine.client.offers[0]!;
    const channel = await machine.during(machine.client.open(offer, { ringPages: 4 })).catch(() => undefined);
    if (channel !== undefined) {
      await ask(machine, channel, 1);
      await machine.during(machine.client.retarget(channel, 1));
      await machine.during(machine.client.close(channel));
    }
    expect(machine.failures.every((each) => each === `echo 1: ${name}`)).toBe(true);
    expect(machine.failures.length).toBeGreaterThan(0);
    await machine.during(machine.client.unload());
    expect(machine.host.bus.connected).toBe(false);
  },
);

test('a device that throws when it is attached is taken off the bus, and its maker hears why', async () => {
  const machine = new BusMachine();
  const broken = Object.assign(new Echo(), {
    attached: () => {
      throw new Error('no such file');
    },
  });
  expect(() => machine.host.attach(broken)).toThrow('no such file');
  await machine.during(machine.client.connect());
  expect(machine.client.offers).toEqual([]);
});

test('a corrupt ring faults its channel and is reported once', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  const channel = await opened(machine);
  expect(machine.host.inspect()).toMatchObject({ channels: { 1: { rings: { state: 'open' } } } });
  const { memory } = channel;
  // The write index of the guest's outgoing ring: its pages are the first that were allocated after the connection's.
  const header = memory.find((16 + 3) * 4096, 4, 1);
  Atomics.store(memory.words, header >> 2, 3);
  machine.kernel.signalEvent(machine.child, 0x2000 | channel.relid, 0);
  await machine.settle();
  expect(machine.guestErrors.length).toBe(1);
  expect(machine.guestErrors[0]).toMatch(/^ring /);
  expect(machine.host.inspect()).toMatchObject({ channels: { 1: { rings: { state: 'faulted' } } } });
});

test('a device can be added and removed while the guest runs', async () => {
  const machine = new BusMachine();
  await machine.during(machine.client.connect());
  const echo = new Echo();
  machine.host.attach(echo);
  await machine.settle();
  const channel = await machine.during(machine.client.open(machine.client.offers[0]!, { ringPages: 4 }));
  expect(await ask(machine, channel, 5)).toBe(5);
  let gone = 0;
  machine.host.detach(echo, () => gone++);
  await machine.settle();
  expect([gone, machine.client.offers.length, channel.state]).toEqual([1, 0, 'closed']);
  expect(machine.host.bus.inspect()).toMatchObject({ channels: [], gpadls: { count: 0 } });
});

test('C41: a detached device is off the bus only when it has closed', async () => {
  const machine = new BusMachine();
  const echo = new Echo();
  echo.closeLater = true;
  machine.host.attach(echo);
  await opened(machine);
  let gone = 0;
  machine.host.detach(echo, () => gone++);
  await machine.settle();
  expect([gone, machine.client.offers.length]).toEqual([0, 1]);
  echo.finishClose?.();
  await machine.settle();
  expect([gone, machine.client.offers.length]).toEqual([1, 0]);
});

test('C14: subchannels are offered once each, and no more than the device has', async () => {
  const machine = new BusMachine();
  const echo = new Echo(1, { maxSubchannels: 3 });
  machine.host.attach(echo);
  await opened(machine);
  echo.bus?.offerSubchannels(2);
  echo.bus?.offerSubchannels(2);
  echo.bus?.offerSubchannels(1);
  echo.bus?.offerSubchannels(99);
  await machine.settle();
  expect(machine.client.offers.map((each) => each.subchannelIndex)).toEqual([0, 1, 2, 3]);
});

test('a subchannel carries packets of its own, to the same device', async () => {
  const machine = new BusMachine();
  const echo = new Echo(1, { maxSubchannels: 1 });
  machine.host.attach(echo);
  await opened(machine);
  echo.bus?.offerSubchannels(1);
  await machine.settle();
  const sub = await machine.during(machine.client.open(machine.client.offers[1]!, { ringPages: 4 }));
  expect(await ask(machine, sub, 77)).toBe(77);
  expect(echo.calls).toEqual(['opened 0', 'opened 1']);
});

test('a flood on one channel does not keep another waiting', async () => {
  const machine = new BusMachine();
  const turns: number[] = [];
  class Counting extends Echo {
    override packet(_packet: Packet, channel: Channel): void {
      turns.push(channel.relid);
    }
  }
  machine.host.attach(new Counting(1));
  machine.host.attach(new Counting(2));
  const flood = await opened(machine, 0);
  const quiet = await machine.during(machine.client.open(machine.client.offers[1]!, { ringPages: 4 }));
  while (flood.send(bytes(1)));
  flood.flush();
  quiet.send(bytes(2));
  quiet.flush();
  const more = machine.host.poll(10);
  expect(more).toBe(true);
  expect(turns.indexOf(quiet.relid)).toBe(10);
  expect(turns.length).toBe(11);
});

test('vmbus gotcha 6: a monitored channel is rung by its bit alone, within the latency it asked for', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo(1, { monitorLatency: 1_000 }));
  const channel = await opened(machine);
  expect(machine.client.offers[0]).toMatchObject({ monitorId: 0 });
  // The root's thread sleeps, and no doorbell comes.
  expect(await ask(machine, channel, 11)).toBeUndefined();
  let answer: number | undefined;
  channel.onPacket((packet) => void (answer = packet.u8(0)));
  machine.clock.advance(1_000);
  await machine.settle();
  expect(answer).toBe(11);
  await machine.during(machine.client.close(channel));
  machine.clock.advance(2_000_000);
  expect(machine.clock.waiting).toBe(0);
});

test('H1: a guest socket connects to a service, which is offered under its ids', async () => {
  const machine: BusMachine = new BusMachine({
    sockets: {
      connect({ serviceId, endpointId }, answer) {
        machine.host.attach(new Echo(1, { interfaceId: serviceId, instanceId: endpointId, kind: 'hv-socket' }));
        answer(true);
      },
    },
  });
  await machine.during(machine.client.connect());
  const endpoint = '00001234-facb-11e6-bd58-64006a7986d3';
  const service = '00000050-facb-11e6-bd58-64006a7986d3';
  const offer = await machine.during(machine.client.connectSocket(endpoint, service));
  expect([offer.interfaceId, offer.instanceId]).toEqual([service, endpoint]);
  const channel = await machine.during(machine.client.open(offer, { ringPages: 4 }));
  expect(await ask(machine, channel, 4)).toBe(4);
});

test('H2: without a service a socket is refused at once', async () => {
  const machine = new BusMachine();
  await machine.during(machine.client.connect());
  const endpoint = '00001234-facb-11e6-bd58-64006a7986d3';
  await expect(machine.during(machine.client.connectSocket(endpoint, endpoint))).rejects.toThrow('refused');
});

test('H5: a socket offer that the guest does not open in time is taken back', async () => {
  const machine = new BusMachine();
  await machine.during(machine.client.connect());
  let removed = 0;
  const socket = new Echo(1, { kind: 'hv-socket' });
  machine.host.attach(socket, { openWithin: 50_000_000, removed: () => removed++ });
  await machine.settle();
  expect(machine.client.offers.length).toBe(1);
  machine.clock.advance(50_000_000);
  await machine.settle();
  expect([machine.client.offers.length, removed]).toEqual([0, 1]);
});

test('H8: a socket does not outlive the connection it was made on', async () => {
  const machine = new BusMachine();
  await machine.during(machine.client.connect());
  let removed = 0;
  machine.host.attach(new Echo(1, { kind: 'hv-socket' }), { removed: () => removed++ });
  await machine.settle();
  await machine.during(machine.client.unload());
  await machine.during(machine.client.connect());
  expect([removed, machine.client.offers]).toEqual([1, []]);
});
