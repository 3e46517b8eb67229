import { Version, versions } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { ECHO, Echo, EchoVsc } from '../../tests/echo.ts';
import { GuestOnBus } from '../../tests/guest-on-bus.ts';
import type { Guest, GuestModule } from './guest.ts';

const SECOND = 10_000_000;

const guestOf = (main: GuestModule['default'], secondary?: GuestModule['secondary']): GuestModule =>
  secondary ? { default: main, secondary } : { default: main };

async function run(machine: GuestOnBus, main: (guest: Guest) => Promise<void | number>, versionsToTry = versions) {
  machine.load(guestOf(main), { versions: versionsToTry });
  return machine.runUntil(60 * SECOND, machine.root);
}

test.each(versions)('a guest opens a device and talks to it over bus version $name', async (version) => {
  const machine = new GuestOnBus([new Echo()]);
  let answer: Uint8Array | undefined;
  let agreed = '';

  const exit = await run(
    machine,
    async (guest) => {
      const echo = await guest.open(EchoVsc);
      agreed = guest.bus.connection!.version.name;
      answer = await echo.ask(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    },
    [version],
  );

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(agreed).toBe(version.name);
  expect(Array.from(answer!)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(machine.guestErrors).toEqual([]);
});

test('V2: a guest walks down to the newest version that the root agrees to', async () => {
  const machine = new GuestOnBus([new Echo()], { maxVersion: Version.V4_1 });
  let agreed = '';

  await run(machine, async (guest) => {
    await guest.open(EchoVsc);
    agreed = guest.bus.connection!.version.name;
  });

  expect(agreed).toBe('4.1');
});

test('a thousand requests at once come back, each to who asked, through rings much smaller than all of them', async () => {
  const machine = new GuestOnBus([new Echo()]);
  let wrong = -1;

  await run(machine, async (guest) => {
    const echo = await guest.open(EchoVsc);
    const asked = Array.from({ length: 1000 }, (_, i) => Uint8Array.of(i, i >> 8, 0, 0, 0, 0, 0, 0));
    const answers = await Promise.all(asked.map((bytes) => echo.ask(bytes)));
    wrong = answers.filter((bytes, i) => (bytes[0]! | (bytes[1]! << 8)) !== i).length;
  });

  expect(wrong).toBe(0);
  expect(machine.deviceFailures).toEqual([]);
});

test('C5: a channel is closed and opened again, and its pages come back', async () => {
  const device = new Echo();
  const machine = new GuestOnBus([device]);
  const free: number[] = [];

  await run(machine, async (guest) => {
    for (let i = 0; i < 3; i++) {
      const echo = await guest.open(EchoVsc);
      await echo.ask(new Uint8Array(8));
      await guest.bus.close(echo.channel);
      free.push(guest.pages.freePages);
    }
  });

  expect(device.closes).toBe(3);
  expect(new Set(free).size).toBe(1);
});

test('a driver that closes its channel hears of it, and a second opener gets the device', async () => {
  const machine = new GuestOnBus([new Echo()]);
  const seen: unknown[] = [];

  await run(machine, async (guest) => {
    const first = await guest.open(EchoVsc);
    const second = guest.open(EchoVsc);
    first.channel.close();
    seen.push(first.isClosed, (await (await second).ask(Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0)))[0]);
  });

  expect(seen).toEqual([true, 9]);
});

test('two devices of a class: each opener gets its own, or the one that it names', async () => {
  const machine = new GuestOnBus([new Echo(1), new Echo(2), new Echo(3)]);
  const relids = new Set<number>();
  let named = 0;

  await run(machine, async (guest) => {
    const third = await guest.open(EchoVsc, { instanceId: new Echo(3).offer.instanceId });
    named = third.channel.relid;
    for (const echo of await Promise.all([guest.open(EchoVsc), guest.open(EchoVsc)])) relids.add(echo.channel.relid);
  });

  expect(relids.size).toBe(2);
  expect(relids.has(named)).toBe(false);
});

test('a device that is never offered ends the wait when its time is up', async () => {
  const machine = new GuestOnBus([]);
  let failure: unknown;

  await run(machine, async (guest) => {
    await guest.open(EchoVsc, { timeout: 50 }).catch((error: unknown) => (failure = error));
  });

  expect(failure).toMatchObject({ code: 'refused', message: expect.stringContaining('50 ms') });
});

test('a device that is added later is opened when it comes', async () => {
  const machine = new GuestOnBus([]);
  machine.load(
    guestOf(async (guest) => {
      await (await guest.open(EchoVsc)).ask(new Uint8Array(8));
      await guest.print('found');
    }),
  );
  await machine.run(machine.root);

  machine.host.attach(new Echo());
  const exit = await machine.runUntil(SECOND, machine.root);

  expect([exit.reason, machine.output]).toEqual(['power-off', 'found']);
});

test('C8: a device that is taken away is closed for its driver, and the guest goes on', async () => {
  const device = new Echo();
  const machine = new GuestOnBus([device]);
  const seen: string[] = [];
  machine.load(
    guestOf(async (guest) => {
      const echo = await guest.open(EchoVsc);
      echo.channel.state$.subscribe((state) => seen.push(state));
      await guest.sleep(10);
      seen.push(String(echo.isClosed));
      seen.push(String(guest.bus.offers.length));
    }),
  );
  await machine.run(machine.root);
  let removed = false;

  machine.host.detach(device, () => (removed = true));
  await machine.runUntil(SECOND, machine.root);

  expect(seen).toEqual(['open', 'rescinded', 'closed', 'true', '0']);
  expect(removed).toBe(true);
  expect(machine.guestErrors).toEqual([]);
});

test('C15: subchannels are offered in the number asked for, opened in order, and each is a channel of its own', async () => {
  const device = new Echo();
  const machine = new GuestOnBus([device]);
  const seen: [number, number][] = [];

  await run(machine, async (guest) => {
    const echo = await guest.open(EchoVsc);
    device.bus!.offerSubchannels(3); // what a device does when its protocol asks for it
    for (const channel of await guest.openSubchannels(echo.channel, 3, { ringPages: 2 })) {
      const answer = new Promise<number>((resolve) => {
        channel.onPacket((packet) => resolve(packet.u8(0)));
      });
      channel.request(Uint8Array.of(channel.subchannelIndex, 0, 0, 0, 0, 0, 0, 0), 1, 0);
      channel.flush();
      seen.push([channel.subchannelIndex, await answer]);
    }
    await guest.bus.close(echo.channel);
  });

  expect(seen).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  expect(device.closes).toBe(4);
});

test('a channel that interrupts another processor works all the same', async () => {
  const machine = new GuestOnBus([new Echo()], { vpCount: 2 });
  let first = -1;
  machine.load(
    guestOf(
      async (guest) => {
        const echo = await guest.open(EchoVsc, { targetVp: 1 });
        await guest.sleep(200);
        first = (await echo.ask(Uint8Array.of(77, 0, 0, 0, 0, 0, 0, 0)))[0]!;
      },
      async () => {},
    ),
  );

  const exit = await machine.runUntil(SECOND, machine.root);

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(first).toBe(77);
});

test('C34, C35: a channel is moved to another processor while it is in use', async () => {
  const machine = new GuestOnBus([new Echo()], { vpCount: 2 });
  let answers = 0;
  machine.load(
    guestOf(
      async (guest) => {
        const echo = await guest.open(EchoVsc);
        for (const vp of [1, 0, 1]) {
          await guest.bus.retarget(echo.channel, vp);
          await echo.ask(new Uint8Array(8));
          answers++;
        }
      },
      async () => {},
    ),
  );

  await machine.runUntil(SECOND, machine.root);

  expect(answers).toBe(3);
});

test('V12: after an unload the bus is connected again, and the devices are there', async () => {
  const machine = new GuestOnBus([new Echo()]);
  const seen: unknown[] = [];

  await run(machine, async (guest) => {
    const before = await guest.open(EchoVsc);
    await guest.bus.unload();
    seen.push(before.isClosed, guest.bus.offers.length);
    const after = await guest.open(EchoVsc);
    seen.push((await after.ask(Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0)))[0]);
  });

  expect(seen).toEqual([true, 0, 5]);
});

test('an error thrown by a driver is a crash of the guest, not of its processor', async () => {
  class Faulty extends EchoVsc {
    override packet(): void {
      throw new Error('driver bug');
    }
  }
  const machine = new GuestOnBus([new Echo()]);

  const exit = await run(machine, async (guest) => {
    await (await guest.open(Faulty)).ask(new Uint8Array(8));
  });

  expect(exit).toMatchObject({ reason: 'crash', message: expect.stringContaining('driver bug') });
});

test('a buffer is described, used by id, and taken back', async () => {
  const device = new Echo();
  const machine = new GuestOnBus([device]);
  const seen: unknown[] = [];

  await run(machine, async (guest) => {
    await guest.open(EchoVsc);
    const offer = guest.bus.offers.find((each) => each.interfaceId === ECHO)!;
    const first = guest.pages.allocate(100);
    const pages = Float64Array.from({ length: 100 }, (_, i) => first + i);
    const gpadl = await guest.bus.createGpadl(offer, { byteCount: 100 * 4096, byteOffset: 0, pages });
    const view = device.bus!.gpadl(gpadl.id)!;
    seen.push(view.byteLength, Array.from(view.pages).join() === Array.from(pages).join());
    view.release();
    await guest.bus.tearDownGpadl(gpadl);
    seen.push(device.bus!.gpadl(gpadl.id));
  });

  expect(seen).toEqual([100 * 4096, true, undefined]);
});

test('the same guest on the same bus takes the same time twice', async () => {
  const once = async (): Promise<string> => {
    const machine = new GuestOnBus([new Echo()]);
    const exit = await run(machine, async (guest) => {
      const echo = await guest.open(EchoVsc);
      for (let i = 0; i < 10; i++) {
        await echo.ask(new Uint8Array(8));
        await guest.log(`round ${i}`);
        await guest.sleep(i);
      }
    });
    return `${exit.reason} ${machine.now} ${machine.output}`;
  };

  expect(await once()).toBe(await once());
});
