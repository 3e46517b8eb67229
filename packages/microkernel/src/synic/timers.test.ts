import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Guest, Msr, Rig, SINT } from './synic-fixture.ts';

const ENABLE = 1;
const PERIODIC = 1 << 1;
const AUTO_ENABLE = 1 << 3;
const DIRECT = (1 << 12) | (0xed << 4);
const MESSAGE = SINT << 16;
const EXPIRED = 0x8000_0010;

const config = (timer = 0): number => Msr.TimerConfig0 + 2 * timer;
const count = (timer = 0): number => Msr.TimerCount0 + 2 * timer;

function guestAt(time: number): { rig: Rig; guest: Guest; advance: (to: number) => string[] } {
  const rig = new Rig();
  rig.time = time;
  const guest = new Guest(rig, 1, 0);
  const advance = (to: number): string[] => {
    rig.time = to;
    rig.raised.length = 0;
    guest.synic.settle();
    return [...rig.raised];
  };
  return { rig, guest, advance };
}

/** Timer index, expiration and delivery time of the timer message in the slot. */
function timerMessage(guest: Guest): (number | bigint)[] {
  const view = new DataView(Uint8Array.from(guest.payload()).buffer);
  return [view.getUint32(0, true), view.getBigUint64(8, true), view.getBigUint64(16, true)];
}

test('Y19: in direct mode the APIC vector is raised and no message is made', () => {
  const { guest, advance } = guestAt(0);
  guest.listen();
  guest.set(config(), ENABLE | DIRECT);
  guest.set(count(), 100);
  expect(advance(99)).toEqual([]);
  expect(advance(100)).toEqual(['1/0:ed']);
  expect(guest.type()).toBe(0);
});

test('platform gotcha 15: direct mode works before the guest has turned on its SynIC', () => {
  const { guest, advance } = guestAt(0);
  guest.set(config(), 0x1ed9);
  guest.set(count(), 100);
  expect(advance(100)).toEqual(['1/0:ed']);
});

test('Y18: a one-shot timer disables itself when it expires, and keeps its count', () => {
  const { guest, advance } = guestAt(0);
  guest.set(config(), ENABLE | DIRECT);
  guest.set(count(), 100);
  advance(100);
  expect(guest.synic.read(config())).toBe(BigInt(DIRECT));
  expect(guest.synic.read(count())).toBe(100n);
  expect(advance(1000)).toEqual([]);
  expect(guest.synic.nextDeadline()).toBe(Infinity);
});

test('Y18: with auto-enable, writing a count enables the timer; without, it does not', () => {
  const { guest, advance } = guestAt(0);
  guest.set(config(), DIRECT);
  guest.set(count(), 100);
  expect(advance(100)).toEqual([]);
  guest.set(config(), DIRECT | AUTO_ENABLE);
  guest.set(count(), 200);
  expect(guest.synic.read(config())).toBe(BigInt(ENABLE | DIRECT | AUTO_ENABLE));
  expect(advance(200)).toEqual(['1/0:ed']);
});

test('writing 0 to COUNT disables the timer, also with auto-enable', () => {
  const { guest, advance } = guestAt(0);
  guest.set(config(), ENABLE | AUTO_ENABLE | DIRECT);
  guest.set(count(), 100);
  guest.set(count(), 0);
  expect(guest.synic.read(config())).toBe(BigInt(AUTO_ENABLE | DIRECT));
  expect(advance(100)).toEqual([]);
});

test('a timer with neither direct mode nor a SINT cannot be enabled, by CONFIG or by COUNT', () => {
  const { guest, advance } = guestAt(0);
  guest.set(config(), ENABLE | AUTO_ENABLE);
  expect(guest.synic.read(config())).toBe(BigInt(AUTO_ENABLE));
  guest.set(count(), 100);
  expect(guest.synic.read(config())).toBe(BigInt(AUTO_ENABLE));
  expect(advance(100)).toEqual([]);
});

test('a count in the past fires at once', () => {
  const { rig, guest } = guestAt(5000);
  guest.set(config(), ENABLE | AUTO_ENABLE | DIRECT);
  guest.set(count(), 1);
  expect(rig.raised).toEqual(['1/0:ed']);
});

test('enabling by CONFIG a timer whose count has passed fires at once', () => {
  const { rig, guest } = guestAt(5000);
  guest.set(count(), 1);
  guest.set(config(), ENABLE | DIRECT);
  expect(rig.raised).toEqual(['1/0:ed']);
});

test('Y18: a periodic timer keeps its phase, and missed periods collapse into one expiration', () => {
  const { guest, advance } = guestAt(1000);
  guest.set(config(), ENABLE | PERIODIC | DIRECT);
  guest.set(count(), 100);
  expect(advance(1100)).toEqual(['1/0:ed']);
  expect(guest.synic.nextDeadline()).toBe(1200);
  expect(advance(1555)).toEqual(['1/0:ed']);
  expect(guest.synic.nextDeadline()).toBe(1600);
  expect(advance(1556)).toEqual([]);
});

test('Y18: in message mode the slot gets type 0x80000010 with index, expiration and delivery time', () => {
  const { guest, advance } = guestAt(0);
  guest.listen();
  guest.set(config(3), ENABLE | MESSAGE);
  guest.set(count(3), 100);
  expect(advance(130)).toEqual(['1/0:f3']);
  expect(guest.type()).toBe(EXPIRED);
  expect(guest.payload()).toHaveLength(24);
  expect(timerMessage(guest)).toEqual([3, 100n, 130n]);
});

test('Y18: a busy slot sets the pending flag, and EOM brings the timer message with its own expiration time', () => {
  const { rig, guest, advance } = guestAt(0);
  guest.listen();
  rig.ports.createPort(1, 1, { kind: 'message', sint: SINT, vp: 0 });
  rig.ports.connectPort(2, 1, 1, 1);
  rig.ports.postMessage(2, 1, 1, Uint8Array.of(1));
  guest.set(config(), ENABLE | MESSAGE);
  guest.set(count(), 100);
  advance(100);
  expect([guest.type(), guest.pending()]).toEqual([1, true]);
  rig.time = 250;
  guest.take();
  expect(timerMessage(guest)).toEqual([0, 100n, 250n]);
});

test('Y18: a periodic timer whose message is still queued does not queue another', () => {
  const { guest, advance } = guestAt(0);
  guest.listen();
  guest.set(config(), ENABLE | PERIODIC | MESSAGE);
  guest.set(count(), 10);
  advance(10);
  for (let time = 20; time <= 100; time += 10) advance(time);
  guest.take();
  expect(timerMessage(guest)[1]).toBe(20n);
  guest.take();
  expect(guest.type()).toBe(0);
});

test('a timer message takes its turn behind messages that came before it', () => {
  const { rig, guest, advance } = guestAt(0);
  guest.listen();
  rig.ports.createPort(1, 1, { kind: 'message', sint: SINT, vp: 0 });
  rig.ports.connectPort(2, 1, 1, 1);
  for (const value of [1, 2]) rig.ports.postMessage(2, 1, 1, Uint8Array.of(value));
  guest.set(config(), ENABLE | MESSAGE);
  guest.set(count(), 100);
  advance(100);
  rig.ports.postMessage(2, 1, 1, Uint8Array.of(3));
  const types = [1, 2, 3, 4].map(() => [guest.type(), guest.take()[0]]);
  expect(types).toEqual([
    [1, 1],
    [1, 2],
    [EXPIRED, 0],
    [1, 3],
  ]);
});

test('a timer that is set anew takes back the message that is still queued', () => {
  const { rig, guest, advance } = guestAt(0);
  guest.listen();
  rig.ports.createPort(1, 1, { kind: 'message', sint: SINT, vp: 0 });
  rig.ports.connectPort(2, 1, 1, 1);
  for (const value of [1, 2]) rig.ports.postMessage(2, 1, 1, Uint8Array.of(value));
  guest.set(config(), ENABLE | MESSAGE);
  guest.set(count(), 100);
  advance(100);
  rig.ports.postMessage(2, 1, 1, Uint8Array.of(3));
  guest.set(count(), 0);
  expect([guest.take(), guest.take(), guest.take()]).toEqual([[1], [2], [3]]);
  expect(guest.type()).toBe(0);
});

test('a timer that expires while its SINT is masked delivers once it is unmasked', () => {
  const { guest, advance } = guestAt(0);
  guest.listen(SINT, 0x10000);
  guest.set(config(), ENABLE | MESSAGE);
  guest.set(count(), 100);
  expect(advance(100)).toEqual([]);
  guest.set(Msr.Sint0 + SINT, 0xf3);
  expect(guest.type()).toBe(EXPIRED);
});

test('nextDeadline is the earliest of the four, in clock time, and hasWork says when it has come', () => {
  const { rig, guest } = guestAt(0);
  rig.timeOrigin = () => -1_000_000;
  for (const timer of [0, 1, 2, 3]) {
    guest.set(config(timer), ENABLE | DIRECT);
    guest.set(count(timer), 1_000_400 - timer * 100);
  }
  expect(guest.synic.nextDeadline()).toBe(100);
  rig.time = 99;
  expect(guest.synic.hasWork).toBe(false);
  rig.time = 100;
  expect(guest.synic.hasWork).toBe(true);
});

test('counts near 2^64 are far in the future, one-shot or periodic', () => {
  const { guest, advance } = guestAt(1000);
  for (const [timer, mode] of [ENABLE, ENABLE | PERIODIC].entries()) {
    guest.set(config(timer), mode | DIRECT);
    expect(guest.synic.write(count(timer), 0xffff_ffff_ffff_ffffn)).toBe(true);
  }
  expect(advance(2 ** 53)).toEqual([]);
});

test('a direct-mode vector below 16 raises nothing', () => {
  const { guest, advance } = guestAt(0);
  guest.set(config(), ENABLE | (1 << 12) | (15 << 4));
  guest.set(count(), 100);
  expect(advance(100)).toEqual([]);
});

test('a periodic timer expires once per settle and never early, whatever its period and however late it is looked at', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 50 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), steps, (period, pauses) => {
      const { guest, advance } = guestAt(0);
      guest.set(config(), ENABLE | PERIODIC | DIRECT);
      guest.set(count(), period);
      let time = 0;
      for (const pause of pauses) {
        const before = time;
        time += pause;
        const passed = Math.floor(time / period) > Math.floor(before / period);
        expect(advance(time)).toHaveLength(passed ? 1 : 0);
        expect(guest.synic.nextDeadline()).toBe((Math.floor(time / period) + 1) * period);
      }
    }),
    { numRuns: 100 },
  );
});
