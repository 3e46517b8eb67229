import { expect, test } from 'vitest';
import { device } from '../../tests/bus-harness.ts';
import { BusMachine } from '../../tests/bus-machine.ts';
import type { Channel } from '../channel/channel.ts';
import type { Packet } from '../channel/packet.ts';
import type { GpadlView, OfferDescription, Vsp, VspBus } from '../device.ts';

/** Answers every packet with its own payload. */
class Echo implements Vsp {
  readonly offer: OfferDescription;
  bus: VspBus | undefined;
  channel: Channel | undefined;
  readonly calls: string[] = [];
  /** Called by the test, when set, instead of closing at once. */
  finishClose: (() => void) | undefined;
  closeLater = false;

  constructor(n = 1, more: Partial<OfferDescription> = {}) {
    this.offer = device(n, { name: `echo ${n}`, ...more });
  }

  attached(bus: VspBus): void {
    this.bus = bus;
  }

  opened(channel: Channel): boolean | void {
    this.calls.push(`opened ${channel.subchannelIndex}`);
    if (channel.subchannelIndex === 0) this.channel = channel;
  }

  reopened(channel: Channel): void {
    this.calls.push('reopened');
    this.channel = channel;
  }

  packet(packet: Packet, channel: Channel): void {
    channel.complete(packet, packet.payload());
  }

  closed(channel: Channel, done: () => void): void {
    this.calls.push(`closed ${channel.subchannelIndex}`);
    if (this.closeLater) this.finishClose = done;
    else done();
  }

  retargeted(_channel: Channel, vp: number): void {
    this.calls.push(`retargeted ${vp}`);
  }
}

const bytes = (...values: number[]) => Uint8Array.from({ length: 8 }, (_, i) => values[i] ?? 0);

/** Sends one request and gives the answer's first byte. */
async function ask(machine: BusMachine, channel: Channel, value: number): Promise<number | undefined> {
  let answer: number | undefined;
  channel.onPacket((packet) => void (answer = packet.u8(0)));
  channel.request(bytes(value), value, 0);
  channel.flush();
  await machine.settle();
  return answer;
}

async function opened(machine: BusMachine, index = 0): Promise<Channel> {
  await machine.during(machine.client.connect());
  const offer = machine.client.offers.filter((each) => each.subchannelIndex === 0)[index]!;
  return machine.during(machine.client.open(offer, { ringPages: 4 }));
}

test('a guest connects, opens an echo device and is answered, through real hypercalls, messages and event flags', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  const channel = await opened(machine);
  expect(await ask(machine, channel, 42)).toBe(42);
  expect(machine.host.inspect()).toMatchObject({ bus: { state: 'connected', version: '5.3' }, undeliverable: 0 });
  expect(machine.guestErrors).toEqual([]);
});

test('closing gives ports, rings and pages back, and the channel can be opened again', async () => {
  const machine = new BusMachine();
  const echo = new Echo();
  machine.host.attach(echo);
  const channel = await opened(machine);
  const ports = machine.ports();
  await machine.during(machine.client.close(channel));
  const again = await machine.during(machine.client.open(machine.client.offers[0]!, { ringPages: 4 }));
  expect(await ask(machine, again, 7)).toBe(7);
  expect(echo.calls).toEqual(['opened 0', 'closed 0', 'opened 0']);
  expect(machine.ports()).toEqual(ports);
});

test('vmbus gotcha 3: the pages come back only when the device has let go of them', async () => {
  const machine = new BusMachine();
  const echo = new Echo();
  echo.closeLater = true;
  machine.host.attach(echo);
  const channel = await opened(machine);
  let closed = false;
  const closing = machine.client.close(channel).then(() => (closed = true));
  await machine.settle();
  expect(closed).toBe(false);
  echo.finishClose?.();
  await machine.during(closing);
  expect(closed).toBe(true);
});

test('C6: a device that sends as soon as it is opened is heard', async () => {
  const machine = new BusMachine();
  class Greeter extends Echo {
    override opened(channel: Channel): void {
      channel.send(bytes(9));
    }
  }
  machine.host.attach(new Greeter());
  const channel = await opened(machine);
  let heard: number | undefined;
  channel.onPacket((packet) => void (heard = packet.u8(0)));
  await machine.settle();
  expect(heard).toBe(9);
});

test('C7: doorbells outlive the device, and a refused opening leaves none behind', async () => {
  const machine = new BusMachine();
  class Refusing extends Echo {
    override opened(): boolean {
      return false;
    }
  }
  machine.host.attach(new Refusing());
  await machine.during(machine.client.connect());
  const before = machine.ports();
  const opening = machine.during(machine.client.open(machine.client.offers[0]!, { ringPages: 4 }));
  await expect(opening).rejects.toMatchObject({ code: 'refused' });
  expect(machine.host.inspect()).toMatchObject({ rings: [] });
  expect(machine.ports()).toEqual(before);
});

test('S15: an interrupt lost before the answer to an opening is repeated 100 ms later', async () => {
  const machine = new BusMachine();
  class Greeter extends Echo {
    override opened(channel: Channel): void {
      channel.send(bytes(9));
    }
  }
  machine.host.attach(new Greeter());
  // A driver that drops whatever rings before it has seen the answer.
  let heedful = false;
  let heard = 0;
  const channel = await opened(machine);
  channel.onPacket(() => {
    if (!heedful) return false;
    heard++;
    return true;
  });
  await machine.settle();
  heedful = true;
  const rungBefore = channel.statistics.signalsReceived;
  machine.clock.advance(1_000_000);
  await machine.settle();
  channel.resume();
  await machine.settle();
  expect(channel.statistics.signalsReceived).toBe(rungBefore + 1);
  expect(heard).toBe(1);
});

test('S15: a channel that closed meanwhile is not rung', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  const channel = await opened(machine);
  await machine.during(machine.client.close(channel));
  const waiting = machine.clock.waiting;
  machine.clock.advance(2_000_000);
  await machine.settle();
  expect(waiting).toBe(0);
});

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
  expect(machine.host.inspect()).toMatchObject({ deviceFailures: 1, rings: [{ state: 'faulted' }, { state: 'open' }] });
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
  const ring = (machine.host.inspect()['rings'] as { incoming: object }[])[0]!;
  expect(ring).toBeDefined();
  const { memory } = channel;
  // The write index of the guest's outgoing ring: its pages are the first that were allocated after the connection's.
  const header = memory.find((16 + 3) * 4096, 4, 1);
  Atomics.store(memory.words, header >> 2, 3);
  machine.kernel.signalEvent(machine.child, 0x2000 | channel.relid, 0);
  await machine.settle();
  expect(machine.guestErrors.length).toBe(1);
  expect(machine.guestErrors[0]).toMatch(/^ring /);
  expect(machine.host.inspect()).toMatchObject({ rings: [{ state: 'faulted' }] });
});

test('C35: a moved channel interrupts the new processor before the move is acknowledged', async () => {
  const machine = new BusMachine();
  const echo = new Echo();
  machine.host.attach(echo);
  const channel = await opened(machine);
  await machine.during(machine.client.retarget(channel, 1));
  expect(echo.calls).toContain('retargeted 1');
  const ports = machine.kernel.inspect() as never as object;
  expect(JSON.stringify(ports)).toContain(`"vp":1,"flag":${channel.relid}`);
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

test('G7: a buffer is torn down when the device releases it', async () => {
  const machine = new BusMachine();
  const echo = new Echo();
  machine.host.attach(echo);
  await opened(machine);
  const first = machine.pages.allocate(20);
  const pages = Float64Array.from({ length: 20 }, (_, i) => first + i);
  const range = { byteCount: 20 * 4096, byteOffset: 0, pages };
  const gpadl = await machine.during(machine.client.createGpadl(machine.client.offers[0]!, range));
  const view = echo.bus?.gpadl(gpadl.id) as GpadlView;
  let down = false;
  const teardown = machine.client.tearDownGpadl(gpadl).then(() => (down = true));
  await machine.settle();
  expect([down, Array.from(view.pages)]).toEqual([false, Array.from(pages)]);
  view.release();
  await machine.during(teardown);
  expect(down).toBe(true);
});

test('V12: an unload is answered when the devices are closed, and everything is given back', async () => {
  const machine = new BusMachine();
  const echo = new Echo();
  echo.closeLater = true;
  machine.host.attach(echo);
  await opened(machine);
  let unloaded = false;
  const unloading = machine.client.unload().then(() => (unloaded = true));
  await machine.settle();
  expect(unloaded).toBe(false);
  echo.finishClose?.();
  await machine.during(unloading);
  expect(machine.host.bus.inspect()).toMatchObject({ state: 'disconnected', gpadls: { count: 0 } });
  expect(machine.pages.taken).toBe(0);
});

test('a guest can connect again after an unload', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  await opened(machine);
  await machine.during(machine.client.unload());
  const channel = await opened(machine);
  expect(await ask(machine, channel, 3)).toBe(3);
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

test('vmbus gotcha 12: a guest that does not empty its slot is not read, and nothing is lost', async () => {
  const machine = new BusMachine({ bus: { limits: { pendingMessages: 2 } } });
  const echo = new Echo();
  machine.host.attach(echo);
  await opened(machine);
  const offer = machine.client.offers[0]!;
  const made = Array.from({ length: 60 }, () => {
    const first = machine.pages.allocate(1);
    return machine.client.createGpadl(offer, { byteCount: 4096, byteOffset: 0, pages: Float64Array.of(first) });
  });
  // The root runs, the guest does not: its slot, its queue and then ours fill up.
  for (let i = 0; i < 100; i++) machine.host.poll();
  const waiting = machine.host.bus.inspect() as { messages: { waiting: number } };
  expect(waiting.messages.waiting).toBeLessThanOrEqual(2);
  await machine.during(Promise.all(made));
  expect(machine.host.bus.inspect()).toMatchObject({ messages: { waiting: 0 }, gpadls: { count: 61 } });
});

test('vmbus gotcha 6: a monitored channel is rung by its bit alone, within the latency it asked for', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo(1, { monitorLatency: 1_000 }));
  const channel = await opened(machine);
  expect(machine.client.offers[0]).toMatchObject({ monitorId: 0 });
  expect(await ask(machine, channel, 11)).toBe(11);
  // Sleeping: no doorbell will come, so a timer must look.
  expect(machine.clock.waiting).toBeGreaterThan(0);
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

test('C31: an open channel goes on in a restored host, and the device is not opened anew', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  const channel = await opened(machine);
  channel.onPacket(() => {});
  channel.request(bytes(1), 1, 0);
  channel.flush();
  const saved = JSON.parse(JSON.stringify(machine.host.save()));
  // The old host ends without a word: its ports are replaced.
  const echo = new Echo();
  machine.restoreHost(saved, (host) => host.attach(echo));
  expect(await ask(machine, channel, 8)).toBe(8);
  expect(echo.calls).toEqual(['reopened']);
});

test('disposing gives every port back', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  await opened(machine);
  let done = 0;
  machine.host.dispose(() => done++);
  expect(done).toBe(1);
  expect(machine.ports()).toEqual([]);
  expect(machine.clock.waiting).toBe(0);
});
