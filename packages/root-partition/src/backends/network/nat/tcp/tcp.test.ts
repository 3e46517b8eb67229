import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualClock } from '../../virtual-clock-fixture.ts';
import { joinedTcps, MemoryHost } from './wire-fixture.ts';

const hash = (parts: readonly Uint8Array[]): string => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex');
};

/** Numbers from 0 to 1 that a seed decides. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const noise = (length: number, random: () => number): Uint8Array => Uint8Array.from({ length }, () => random() * 256);

interface Trial {
  seed: number;
  loss: number;
  duplicate: number;
  jitter: number;
  mtu: number;
  slowness: number;
  leftBytes: number;
  rightBytes: number;
}

function run(trial: Trial) {
  const clock = new VirtualClock();
  const random = randomOf(trial.seed);
  const hosts = { left: new MemoryHost(clock, trial.slowness), right: new MemoryHost(clock, trial.slowness) };
  const wire = joinedTcps(clock, { ...trial, random }, trial.mtu, hosts);
  const said = { left: noise(trial.leftBytes, random), right: noise(trial.rightBytes, random) };
  hosts.right.whenConnected = () => hosts.right.says(said.right, true);
  wire.open();
  hosts.left.says(said.left, true);
  // Less than what a silent guest is given up after.
  clock.run(800_000);
  return { clock, hosts, wire, said };
}

test('every byte arrives in order, both ways and to the end, whatever the wire does to segments', () => {
  const chance = (most: number) => fc.double({ min: 0, max: most, noNaN: true });
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.nat(),
        loss: chance(0.15),
        duplicate: chance(0.1),
        jitter: chance(4),
        mtu: fc.constantFrom(576, 1500, 9000),
        slowness: chance(3),
        leftBytes: fc.nat({ max: 300_000 }),
        rightBytes: fc.nat({ max: 300_000 }),
      }),
      (trial) => {
        const { hosts, wire, said } = run(trial);
        expect(hash(hosts.right.received)).toBe(hash([said.left]));
        expect(hash(hosts.left.received)).toBe(hash([said.right]));
        expect([hosts.left.ended, hosts.right.ended]).toEqual([true, true]);
        expect(wire.left.tcp.inspect()).toMatchObject({ count: 0 });
        expect(wire.right.tcp.inspect()).toMatchObject({ count: 0 });
      },
    ),
    { numRuns: 40 },
  );
});

test('a host that takes nothing closes the window, and loses nothing', () => {
  const clock = new VirtualClock();
  const random = randomOf(1);
  const hosts = { left: new MemoryHost(clock, 0), right: new MemoryHost(clock, 60_000) };
  const wire = joinedTcps(clock, { loss: 0, duplicate: 0, jitter: 0, random }, 1500, hosts);
  const said = noise(900_000, random);
  wire.open();
  hosts.left.says(said, true);
  clock.run(5_000);
  expect(hosts.right.pending).toBeGreaterThan(200 * 1024);
  expect(hosts.right.pending).toBeLessThanOrEqual(256 * 1024);
  clock.run(1_000_000);
  expect(hash(hosts.right.received)).toBe(hash([said]));
});

test('a guest that takes nothing stops the host from being read', () => {
  const clock = new VirtualClock();
  const random = randomOf(2);
  const hosts = { left: new MemoryHost(clock, 0), right: new MemoryHost(clock, Infinity) };
  const wire = joinedTcps(clock, { loss: 0, duplicate: 0, jitter: 0, random }, 1500, hosts);
  wire.open();
  hosts.left.says(noise(4_000_000, random), true);
  clock.run(20_000);
  expect(hosts.left.paused).toBe(true);
  // What the guest's end holds, and what the sender buffers for it.
  expect(hosts.right.pending).toBeLessThanOrEqual(256 * 1024);
});

test('a host end that fails resets the guest, and a guest that resets ends the host end', () => {
  const clock = new VirtualClock();
  const random = randomOf(3);
  const hosts = { left: new MemoryHost(clock, 0), right: new MemoryHost(clock, 0) };
  const wire = joinedTcps(clock, { loss: 0, duplicate: 0, jitter: 0, random }, 1500, hosts);
  wire.open();
  clock.run(100);
  hosts.right.events.failed('ECONNRESET');
  clock.run(100);
  expect(hosts.left.destroyed).toBe('reset');
  expect(wire.left.tcp.inspect()).toMatchObject({ count: 0 });
});

test('a peer that answers nothing is given up in the end', () => {
  const clock = new VirtualClock();
  const hosts = { left: new MemoryHost(clock, 0), right: new MemoryHost(clock, 0) };
  let loss = 0;
  const faults = { duplicate: 0, jitter: 0, random: randomOf(4) };
  const wire = joinedTcps(clock, Object.defineProperty({ ...faults, loss }, 'loss', { get: () => loss }), 1500, hosts);
  wire.open();
  clock.run(100);
  loss = 1;
  hosts.left.says(noise(1000, randomOf(5)), true);
  clock.run(60 * 60_000);
  expect(hosts.left.destroyed).toBe('reset');
  // The other side has nothing to send: it notices by its probes.
  clock.run(60 * 60_000);
  expect(hosts.right.destroyed).toBe('reset');
});
