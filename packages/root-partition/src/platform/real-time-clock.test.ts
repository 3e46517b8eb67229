import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testPlatform, WALL, type TestPlatform } from './platform-fixture.ts';

const TIME = [9, 8, 7, 4, 2, 0];
const [B, CENTURY] = [0x0b, 0x32];

function get({ platform }: TestPlatform, register: number): number {
  platform.ports.write(0x70, register, 1);
  return platform.ports.read(0x71, 1);
}

function put({ platform }: TestPlatform, register: number, value: number): void {
  platform.ports.write(0x70, register, 1);
  platform.ports.write(0x71, value, 1);
}

/** Year of the century, month, day, hour, minute, second as they stand in the registers. */
const now = (it: TestPlatform): number[] => TIME.map((register) => get(it, register));
const hex = (...values: number[]): number[] => values.map((value) => Number.parseInt(`${value}`, 16));

test('it shows the wall clock in UTC, in BCD and 24 hours, with weekday and century', () => {
  const it = testPlatform();

  expect(now(it)).toEqual(hex(24, 2, 28, 23, 59, 58));
  expect([get(it, 6), get(it, CENTURY)]).toEqual([4, 0x20]);
});

test('an update is never in progress, the battery is good, no interrupt is flagged', () => {
  const it = testPlatform();

  expect([0x0a, 0x0b, 0x0c, 0x0d].map((register) => get(it, register))).toEqual([0x26, 0x02, 0x00, 0x80]);
});

test('it goes on by the wall clock, over the 29th of February', () => {
  const it = testPlatform();
  it.time.wall += 2_000;
  expect(now(it)).toEqual(hex(24, 2, 29, 0, 0, 0));

  it.time.wall += 86_400_000;
  expect(now(it)).toEqual(hex(24, 3, 1, 0, 0, 0));
});

test('bit 7 of the index masks interrupts and does not name a register', () => {
  const it = testPlatform();

  expect(get(it, 0x80 | 9)).toBe(0x24);
  expect(it.platform.ports.read(0x70, 1)).toBe(0xff);
});

test('register and value can be written in one word', () => {
  const it = testPlatform();

  it.platform.ports.write(0x70, 0x0a0f, 2);

  expect(get(it, 0x0f)).toBe(0x0a);
});

describe('setting', () => {
  test('with the clock held, it starts from what was set when it is let go', () => {
    const it = testPlatform();
    put(it, B, 0x82);
    for (const [n, value] of hex(31, 12, 31, 23, 59, 50).entries()) put(it, TIME[n]!, value);
    it.time.wall += 60_000;
    expect(now(it)).toEqual(hex(31, 12, 31, 23, 59, 50));

    put(it, B, 0x02);
    it.time.wall += 10_000;

    expect(now(it)).toEqual(hex(32, 1, 1, 0, 0, 0));
  });

  test('held, it shows the moment at which it was held', () => {
    const it = testPlatform();
    now(it);
    it.time.wall += 5_000;

    put(it, B, 0x82);
    it.time.wall += 60_000;

    expect(now(it)).toEqual(hex(24, 2, 29, 0, 0, 3));
  });

  test('one register alone takes effect at once', () => {
    const it = testPlatform();

    put(it, 4, 0x07);

    expect(now(it)).toEqual(hex(24, 2, 28, 7, 59, 58));
    it.time.wall += 2_000;
    expect(now(it)).toEqual(hex(24, 2, 28, 8, 0, 0));
  });

  test('the century can be set', () => {
    const it = testPlatform();

    put(it, CENTURY, 0x19);

    expect([get(it, CENTURY), ...now(it).slice(0, 2)]).toEqual([0x19, 0x24, 0x02]);
  });

  test('what is set is what is read, in each mode, for every moment of two centuries', () => {
    const [first, last] = [Date.UTC(1970, 0, 1) / 1000, Date.UTC(2169, 11, 31) / 1000];
    fc.assert(
      fc.property(fc.integer({ min: first, max: last }), fc.constantFrom(0, 2, 4, 6), (second, mode) => {
        const source = testPlatform();
        source.time.wall = second * 1000;
        put(source, B, mode);
        const target = testPlatform();
        put(target, B, 0x80 | mode);
        for (const register of [CENTURY, ...TIME]) put(target, register, get(source, register));

        put(target, B, mode);

        expect(target.platform.save().realTimeClock.ahead).toBe(second * 1000 - WALL);
        expect(get(target, 6)).toBe(new Date(second * 1000).getUTCDay() + 1);
      }),
    );
  });

  test('twelve hours are shown with the afternoon in bit 7', () => {
    const it = testPlatform();
    put(it, B, 0x00);
    const shown = [0, 1, 11, 12, 13, 23].map((hour) => {
      it.time.wall = Date.UTC(2024, 0, 1, hour);
      return get(it, 4);
    });

    expect(shown).toEqual([0x12, 0x01, 0x11, 0x92, 0x81, 0x91]);
  });

  test('nonsense in the registers neither throws nor shows more than a byte', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 127 }), fc.integer({ min: 0, max: 255 })), { maxLength: 30 }),
        (writes) => {
          const it = testPlatform();
          for (const [register, value] of writes) put(it, register, value);
          for (let register = 0; register < 128; register++) expect(get(it, register)).toBeLessThan(256);
          expect(Number.isFinite(it.platform.save().realTimeClock.ahead)).toBe(true);
        },
      ),
    );
  });
});

test('memory is kept over a reset, and so is the time', () => {
  const it = testPlatform();
  put(it, 0x0f, 0x0a);
  put(it, 0x7f, 0x55);
  put(it, 9, 0x30);

  it.platform.reset();

  expect([get(it, 0x0f), get(it, 0x7f), get(it, 9)]).toEqual([0x0a, 0x55, 0x30]);
});
