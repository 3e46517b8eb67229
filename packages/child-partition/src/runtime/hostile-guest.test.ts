import { Hypercalls } from '@ringlet/vmbus';
import { expect, test } from 'vitest';
import { Echo, EchoVsc } from '../../tests/echo.ts';
import { GuestOnBus } from '../../tests/guest-on-bus.ts';
import type { GuestModule } from './guest.ts';

const SECOND = 10_000_000;

const guestOf = (main: GuestModule['default']): GuestModule => ({ default: main });

test('V10, V14: a guest that shouts nonsense at the bus is answered with faults, and can connect afterwards', async () => {
  const machine = new GuestOnBus([new Echo()]);
  const inputPageGpa = 17 * 4096;
  let answer = -1;
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  machine.load(
    guestOf(async (guest) => {
      const calls = new Hypercalls(machine.vps[0]!, inputPageGpa);
      for (let i = 0; i < 400; i++) {
        const noise = Uint8Array.from({ length: random(240) }, () => random(256));
        noise.set([random(30), 0, 0, 0].slice(0, noise.length));
        calls.postMessage([1, 4, 9][random(3)]!, noise);
        calls.signalEvent(0x2000 + random(4096));
        if (i % 16 === 0) await guest.sleep(1);
      }
      const echo = await guest.open(EchoVsc);
      answer = (await echo.ask(Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0)))[0]!;
    }),
    { integration: false },
  );

  const exit = await machine.runUntil(60 * SECOND, machine.root);

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(answer).toBe(3);
  expect(machine.guestErrors.length).toBeGreaterThan(100);
  expect(machine.deviceFailures).toEqual([]);
});

test('ring contents that no driver writes fault the channel for both ends, and neither end throws', async () => {
  const machine = new GuestOnBus([new Echo(1), new Echo(2)]);
  let answer = -1;

  machine.load(
    guestOf(async (guest) => {
      const broken = await guest.open(EchoVsc, { ringPages: 2 });
      // The write index of the guest's ring: the header is the first page of what was allocated last.
      const pool = guest.pages.allocate(1);
      for (let page = 0; page < pool; page++) {
        const at = guest.memory.find(page * 4096 + 64, 4, 1);
        if (guest.memory.words[at >>> 2] === 1) Atomics.store(guest.memory.words, (at - 64) >>> 2, 0x7ffffff7);
      }
      const { connectionId } = guest.bus.offers.find((offer) => offer.relid === broken.channel.relid)!;
      guest.hypercall(0x1005dn, BigInt(connectionId), 0n);
      await guest.sleep(200);
      const sound = await guest.open(EchoVsc);
      answer = (await sound.ask(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0)))[0]!;
    }),
  );

  const exit = await machine.runUntil(60 * SECOND, machine.root);

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(answer).toBe(8);
  expect(JSON.stringify(machine.host.inspect())).toContain('"state":"faulted"');
  expect(machine.deviceFailures).toEqual([]);
});
