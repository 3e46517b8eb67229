import { expect, test } from 'vitest';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { VirtualClock } from '../virtual-clock-fixture.ts';
import { type FaultDescription, FaultyPort } from './faulty-port.ts';
import { LimitedPort } from './limited-port.ts';
import type { Sink } from './port-layer.ts';

/** A port that keeps what it is sent, and can be made to receive. */
function endPort() {
  const sent: Uint8Array[] = [];
  let sink: Sink | undefined;
  const port: NetworkPort = {
    link: { up: true, onChange: () => {} },
    mtu: 1500,
    send: (frame) => sent.push(frame.slice()) > 0,
    onReceive: (given) => (sink = given),
    inspect: () => ({}),
    dispose: (done) => done(),
  };
  return { port, sent, receive: (frame: Uint8Array, offload?: FrameOffload) => sink?.(frame, offload) };
}

const numbered = (number: number): Uint8Array => Uint8Array.of(number >> 8, number, ...new Uint8Array(98));
const numberOf = (frame: Uint8Array): number => (frame[0]! << 8) | frame[1]!;

function throughFaults(faults: FaultDescription, count: number): number[] {
  const clock = new VirtualClock();
  const { port, sent } = endPort();
  const faulty = new FaultyPort(port, faults, clock);
  for (let number = 0; number < count; number++) {
    faulty.send(numbered(number));
    clock.run(0.2);
  }
  clock.run(1000);
  return sent.map(numberOf);
}

test('faults come as often as asked for, and the same for the same seed', () => {
  const lost = throughFaults({ loss: 0.05, seed: 3 }, 20_000);
  expect(lost.length / 20_000).toBeGreaterThan(0.94);
  expect(lost.length / 20_000).toBeLessThan(0.96);
  expect(throughFaults({ loss: 0.05, seed: 3 }, 20_000)).toEqual(lost);
  expect(throughFaults({ loss: 0.05, seed: 4 }, 20_000)).not.toEqual(lost);
  expect(throughFaults({ duplicate: 1 }, 3)).toEqual([0, 0, 1, 1, 2, 2]);
});

test('a frame that is overtaken comes later, none is lost', () => {
  const received = throughFaults({ reorder: 0.1, seed: 5 }, 2000);
  expect(received).toHaveLength(2000);
  const inOrder = received.toSorted((one, other) => one - other);
  expect(received).not.toEqual(inOrder);
  expect(inOrder).toEqual(Array.from({ length: 2000 }, (_, number) => number));
});

test('delay holds every frame back, both ways, in order', () => {
  const clock = new VirtualClock();
  const { port, sent, receive } = endPort();
  const faulty = new FaultyPort(port, { delay: 20 }, clock);
  const received: number[] = [];
  faulty.onReceive((frame) => received.push(numberOf(frame)) > 0);
  for (let number = 0; number < 3; number++) {
    faulty.send(numbered(number));
    receive(numbered(number));
  }
  clock.run(19);
  expect([sent.length, received.length]).toEqual([0, 0]);
  clock.run(2);
  expect([sent.map(numberOf), received]).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
});

test.each([1e6, 20e6, 400e6])('a limit of %d bits a second holds within 10 percent, both ways', (limit) => {
  const clock = new VirtualClock();
  const { port, sent, receive } = endPort();
  const limited = new LimitedPort(port, limit, clock);
  let received = 0;
  limited.onReceive((frame) => (received += frame.length + 24) > 0);
  const frame = new Uint8Array(1514);
  // Twice as much as may pass, for five seconds.
  const pause = (frame.length * 8000) / (2 * limit);
  while (clock.now() < 5000) {
    limited.send(frame);
    receive(frame);
    clock.run(pause);
  }
  const outwards = sent.reduce((sum, { length }) => sum + length + 24, 0);
  for (const bytes of [outwards, received]) {
    expect((bytes * 8) / 5 / limit).toBeGreaterThan(0.9);
    expect((bytes * 8) / 5 / limit).toBeLessThan(1.1);
  }
});
