import { expect, test } from 'vitest';
import { BusMachine } from '../../tests/bus-machine.ts';
import { ask, bytes, Echo, opened } from '../../tests/echo-device.ts';
import type { Channel } from '../channel/channel.ts';
import type { Packet } from '../channel/packet.ts';
import type { GpadlView } from '../device.ts';

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

test('G13: the pages of the rings come back only when the device has let go of them', async () => {
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

test('vmbus gotcha 13: the feature bits that the guest set in both rings are left alone', async () => {
  const machine = new BusMachine();
  machine.host.attach(new Echo());
  const before = machine.pages.next;
  const channel = await opened(machine);
  await ask(machine, channel, 1);
  // Three pages of the connection, then two rings of four pages.
  const features = [3, 7].map((page) => {
    const at = channel.memory.find((before + page) * 4096 + 64, 4, 1);
    return Atomics.load(channel.memory.words, at >> 2);
  });
  expect(features).toEqual([1, 1]);
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
  expect(machine.host.inspect()).toMatchObject({ channels: { 1: { state: 'closed' } } });
  expect(JSON.stringify(machine.host.inspect())).not.toContain('"rings"');
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

test('messages for which the guest had no room are offered again, though nothing rings the root', async () => {
  const machine = new BusMachine();
  await machine.during(machine.client.connect());
  machine.clock.advance(2_000_000);
  await machine.settle();
  // More than the guest's slot and queue hold, in one go, while neither end runs.
  for (let n = 1; n <= 60; n++) machine.host.attach(new Echo(n));
  expect(machine.host.bus.inspect()).toMatchObject({ messages: { waiting: 1 } });
  for (let round = 0; round < 10; round++) {
    await machine.settle();
    machine.clock.advance(10_000);
  }
  expect(machine.client.offers.length).toBe(60);
  expect(machine.clock.waiting).toBe(0);
});

test('a device that paused is read again when its backend says so, though nothing rings the root', async () => {
  const machine = new BusMachine();
  let ready = false;
  class Slow extends Echo {
    override packet(packet: Packet, channel: Channel): boolean {
      if (ready) channel.complete(packet, packet.payload());
      return ready;
    }
  }
  const slow = new Slow();
  machine.host.attach(slow);
  const channel = await opened(machine);
  machine.clock.advance(2_000_000);
  let answer: number | undefined;
  channel.onPacket((packet) => void (answer = packet.u8(0)));
  channel.request(bytes(6), 6, 0);
  channel.flush();
  await machine.settle();
  expect(answer).toBeUndefined();
  ready = true;
  slow.channel?.resume();
  await machine.settle();
  expect(answer).toBe(6);
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

test('a reset waits for devices to close, then resets them, and nothing that the guest still said is heard', async () => {
  const machine = new BusMachine();
  const [echo, broken] = [new Echo(1), new Echo(2)];
  const calls = (name: string, thrown?: Error) => ({
    reset: () => {
      echo.calls.push(`reset ${name}`);
      if (thrown) throw thrown;
    },
  });
  machine.host.attach(Object.assign(broken, calls('broken', new Error('no'))));
  machine.host.attach(Object.assign(echo, calls('echo')));
  await opened(machine, 0);
  const said = machine.host.bus.inspect()['connections'];
  echo.closeLater = true;
  // The guest has stopped in the middle of saying hello again.
  void machine.client.connect().catch(() => {});
  let done = 0;
  machine.host.reset(() => done++);
  expect([done, ...echo.calls]).toEqual([0, 'opened 0', 'closed 0']);
  echo.finishClose!();
  expect([done, ...echo.calls.slice(2)]).toEqual([1, 'reset broken', 'reset echo']);
  expect(machine.failures).toEqual(['echo 2: no']);
  machine.host.poll();
  expect(machine.host.bus.inspect()).toMatchObject({ state: 'disconnected', connections: said });
});
