import { expect, test } from 'vitest';
import type { SavedSynic } from './index.ts';
import { At } from './layout.ts';
import { Guest, Msr, Rig, SINT, VECTOR } from './synic-fixture.ts';

const ENABLE = 1;
const MESSAGE = SINT << 16;
const DIRECT = (1 << 12) | (0xed << 4);
const MASKED = 1 << 16;

/** A VP with a full slot, queues on two SINTs, an expired timer in one of them, an armed timer and a set event flag. */
function busy(): { rig: Rig; guest: Guest } {
  const rig = new Rig();
  for (const sint of [2, 3]) {
    rig.ports.createPort(1, sint, { kind: 'message', sint, vp: 0 });
    rig.ports.connectPort(2, sint, 1, sint);
  }
  rig.ports.createPort(1, 9, { kind: 'event', sint: SINT, vp: 0, flag: 0, flagCount: 2048 });
  rig.ports.connectPort(2, 9, 1, 9);
  const guest = new Guest(rig, 1, 0);
  guest.listen();
  guest.set(Msr.Sint0 + 3, VECTOR);
  for (const value of [1, 2]) rig.ports.postMessage(2, 2, 1, Uint8Array.of(value, 0xff));
  rig.ports.postMessage(2, 3, 1, Uint8Array.of(7));
  guest.set(Msr.TimerConfig0, ENABLE | MESSAGE);
  guest.set(Msr.TimerCount0, 100);
  rig.time = 150;
  guest.synic.settle();
  rig.ports.postMessage(2, 2, 1, Uint8Array.of(3));
  rig.ports.postMessage(2, 3, 1, Uint8Array.of(8));
  rig.ports.signalEvent(2, 9, 40);
  guest.set(Msr.TimerConfig0 + 2, ENABLE | DIRECT);
  guest.synic.write(Msr.TimerCount0 + 2, 0x1_0000_0000_0001n);
  return { rig, guest };
}

/** The VP after a round trip through JSON, in a machine whose memory is a copy of the first one's. */
function reborn(rig: Rig, guest: Guest): { rig: Rig; guest: Guest } {
  const saved = JSON.parse(JSON.stringify(guest.synic.save())) as SavedSynic;
  const next = new Rig();
  next.time = rig.time;
  new Uint8Array(next.buffers.node).set(new Uint8Array(rig.buffers.node));
  const restored = new Guest(next, 1, 0);
  expect(restored.synic.restore(saved)).toBe(true);
  return { rig: next, guest: restored };
}

test('a restored VP reads the same in every register', () => {
  const { rig, guest } = busy();
  const next = reborn(rig, guest);
  const msrs = [0x80, 0x82, 0x83, 0x92, 0x93, 0x94, 0xb0, 0xb1, 0xb2, 0xb3].map((low) => 0x4000_0000 + low);
  expect(msrs.map((msr) => next.guest.synic.read(msr))).toEqual(msrs.map((msr) => guest.synic.read(msr)));
  expect(next.guest.synic.nextDeadline()).toBe(0x1_0000_0000_0001);
});

test('Y21: which SINTs wait is recomputed from the queues, and the guest gets every message in order', () => {
  const { rig, guest } = busy();
  const next = reborn(rig, guest);
  expect(next.rig.words[next.rig.vpRegion(1, 0) + At.Waiting]).toBe((1 << 2) | (1 << 3));
  const taken = [1, 2, 3, 4].map(() => next.guest.take());
  expect([taken[0], taken[1], taken[3]]).toEqual([[1, 0xff], [2, 0xff], [3]]);
  expect(taken[2]!.slice(8, 16)).toEqual([100, 0, 0, 0, 0, 0, 0, 0]);
  expect([next.guest.take(3), next.guest.take(3)]).toEqual([[7], [8]]);
  expect(next.guest.takeFlags()).toEqual([40]);
  expect([next.guest.type(2), next.guest.type(3)]).toEqual([0, 0]);
});

test('what lies below the pages reappears in the restored machine', () => {
  const rig = new Rig();
  const guest = new Guest(rig, 1, 0);
  guest.memory.fill(0x3000, 0x33, 4096);
  guest.listen();
  const next = reborn(rig, guest);
  next.guest.set(Msr.Simp, 0);
  const below = new Uint8Array(4096);
  next.guest.memory.read(0x3000, below);
  expect([...new Set(below)]).toEqual([0x33]);
});

test('a queue that is held by a masked SINT stays held after restore', () => {
  const { rig, guest } = busy();
  guest.set(Msr.Sint0 + SINT, MASKED | VECTOR);
  const next = reborn(rig, guest);
  next.guest.free();
  next.guest.set(Msr.Eom, 0);
  expect(next.guest.type()).toBe(0);
  next.guest.set(Msr.Sint0 + SINT, VECTOR);
  expect(next.guest.payload()).toEqual([2, 0xff]);
});

test('a state with more messages than buffers, a message too long, or a timer that is not there is refused', () => {
  const { guest } = busy();
  const saved = guest.synic.save();
  const message = { type: 1, port: 1, payload: [1] };
  const wrong = [Array(33).fill(message), [{ ...message, payload: Array(241).fill(0) }], [{ timer: 4, expired: 0 }]];
  for (const queue of wrong) {
    expect(guest.synic.restore({ ...saved, queues: [[], queue] })).toBe(false);
    expect(guest.synic.read(Msr.Scontrol)).toBe(0n);
  }
});
