/** Integration components end to end: the real VSPs and VSCs, over the real bus, in lockstep. */
import type { Guest, GuestModule } from '@ringlet/child-partition';
import { KvpPool } from '@ringlet/protocols';
import { Heartbeat, KeyValueExchange, Shutdown, type ShutdownResult, TimeSync } from '@ringlet/root-partition';
import type { DeviceWorld } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { GuestOnBus } from '../../child-partition/tests/guest-on-bus.ts';

const SECOND = 10_000_000;
const NOON = Date.UTC(2026, 0, 1, 12);

class Machine extends GuestOnBus {
  readonly heartbeat: Heartbeat;
  readonly shutdown: Shutdown;
  readonly keyValues: KeyValueExchange;

  constructor(main: (guest: Guest) => Promise<void | number>) {
    super([]);
    const world: DeviceWorld = {
      clock: { now: () => this.now },
      memory: this.microkernel.memory(this.partition),
      log: { guestError: (what) => void this.guestErrors.push(what), info: () => {} },
      after: (ticks, run) => this.after(ticks, run),
    };
    this.heartbeat = new Heartbeat(world);
    this.shutdown = new Shutdown(world);
    this.keyValues = new KeyValueExchange(world);
    const referenceTime = (): number => Number(this.vps[0]!.readMsr(0x40000020));
    const timeSync = new TimeSync(world, { wallClock: () => NOON + this.now / 10_000, referenceTime });
    for (const vsp of [this.heartbeat, this.shutdown, timeSync, this.keyValues]) this.host.attach(vsp);
    this.load({ default: main } satisfies GuestModule);
  }
}

/** A guest that runs until it is told to stop. */
const idle = (guest: Guest): Promise<void> => guest.sleep(1e9);

test('heartbeat: a running guest answers every beat, without doing anything for it', async () => {
  const machine = new Machine(idle);
  const states: string[] = [];
  machine.heartbeat.state$.subscribe((state) => states.push(state));

  await machine.runUntil(21 * SECOND, machine.root);

  expect(states).toEqual(['no-contact', 'ok']);
  expect(machine.heartbeat.inspect()).toMatchObject({ state: 'ready', version: '3.0', beats: '11' });
  expect(machine.guestErrors).toEqual([]);
});

test('time sync: the guest knows the host’s time, and it goes on', async () => {
  const times: (number | undefined)[] = [];
  const machine = new Machine(async (guest) => {
    times.push(guest.wallClock());
    await guest.sleep(1000);
    times.push(guest.wallClock());
    await guest.sleep(30_000);
    times.push(guest.wallClock());
  });

  await machine.runUntil(60 * SECOND, machine.root);

  expect(times).toEqual([undefined, NOON + 1000, NOON + 31_000]);
});

test.each([
  [{}, { reason: 'power-off', code: 0 }],
  [{ reboot: true }, { reason: 'reset' }],
])('shutdown %j: the guest’s handlers run first, then it ends', async (request, end) => {
  const machine = new Machine(async (guest) => {
    guest.onShutdown(async ({ message }) => {
      await guest.sleep(500);
      await guest.print(`tidied up: ${message}`);
    });
    await idle(guest);
  });
  await machine.runUntil(SECOND, machine.root);
  const results: ShutdownResult[] = [];

  machine.shutdown.request({ ...request, message: 'maintenance' }, (result) => results.push(result));
  const exit = await machine.runUntil(3 * SECOND, machine.root);

  expect(results).toEqual(['accepted']);
  expect(machine.output).toBe('tidied up: maintenance');
  expect(exit).toEqual(end);
});

test('shutdown by force does not wait for handlers', async () => {
  const machine = new Machine(async (guest) => {
    guest.onShutdown(() => guest.sleep(1e9));
    await idle(guest);
  });
  await machine.runUntil(SECOND, machine.root);

  machine.shutdown.request({ force: true }, () => {});

  expect(await machine.runUntil(2 * SECOND, machine.root)).toEqual({ reason: 'power-off', code: 0 });
});

test('shutdown: a guest whose main function ends while it tidies up ends as it was asked, with its own code', async () => {
  const machine = new Machine(async (guest) => {
    await new Promise<void>((asked) => guest.onShutdown(() => (asked(), guest.sleep(100))));
    return 5;
  });
  await machine.runUntil(SECOND, machine.root);

  machine.shutdown.request({}, () => {});

  expect(await machine.runUntil(2 * SECOND, machine.root)).toEqual({ reason: 'power-off', code: 5 });
});

test('key-value exchange: both sides see what the other set', async () => {
  let guest: Guest | undefined;
  const machine = new Machine(async (given) => {
    guest = given;
    given.keyValues.set(KvpPool.Guest, 'address', '10.0.0.2');
    await idle(given);
  });
  await machine.runUntil(SECOND, machine.root);
  const results: unknown[] = [];

  machine.keyValues.set(KvpPool.External, 'role', 'web', (result) => results.push(result.ok));
  machine.keyValues.get(KvpPool.Guest, 'address', (result) => results.push(result));
  machine.keyValues.enumerate(KvpPool.Auto, (result) => results.push(result.ok && [...result.value.keys()]));
  machine.keyValues.get(KvpPool.Guest, 'nothing', (result) => results.push(result));
  await machine.runUntil(2 * SECOND, machine.root);

  expect(guest!.keyValues.get(KvpPool.External, 'role')).toBe('web');
  expect(results).toEqual([
    true,
    { ok: true, value: '10.0.0.2' },
    { ok: false, reason: 'refused', status: 0x80004005 },
    ['OSName', 'OSVersion', 'ProcessorArchitecture', 'IntegrationServicesVersion'],
  ]);
});

test('IC9: components survive the bus being unloaded and connected again', async () => {
  const machine = new Machine(async (guest) => {
    await guest.sleep(1000);
    await guest.bus.unload();
    await guest.bus.connect();
    await idle(guest);
  });
  const states: string[] = [];
  machine.heartbeat.state$.subscribe((state) => states.push(state));

  await machine.runUntil(10 * SECOND, machine.root);

  expect(states).toEqual(['no-contact', 'ok', 'no-contact', 'ok']);
  expect(machine.guestErrors).toEqual([]);
});
