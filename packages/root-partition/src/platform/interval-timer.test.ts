import { describe, expect, test } from 'vitest';
import { testPlatform, type TestPlatform } from './platform-fixture.ts';

const FREQUENCY = 1_193_182;
const out = ({ platform }: TestPlatform, port: number, value: number): void => platform.ports.write(port, value, 1);
const inp = ({ platform }: TestPlatform, port: number): number => platform.ports.read(port, 1);
/** Moves the clock to where a counter has seen `ticks` of its own clock. */
const tick = (it: TestPlatform, ticks: number): void => void (it.time.clock += Math.ceil((ticks * 1e7) / FREQUENCY));

/** Loads a counter: low byte, then high byte. */
function load(it: TestPlatform, counter: number, mode: number, count: number): void {
  out(it, 0x43, (counter << 6) | 0x30 | (mode << 1));
  out(it, 0x40 + counter, count & 0xff);
  out(it, 0x40 + counter, count >>> 8);
}

function latched(it: TestPlatform, counter: number): number {
  out(it, 0x43, counter << 6);
  return inp(it, 0x40 + counter) | (inp(it, 0x40 + counter) << 8);
}

describe('counting', () => {
  test('a rate generator counts down and starts anew', () => {
    const it = testPlatform();
    load(it, 0, 2, 1000);

    tick(it, 400);
    expect(latched(it, 0)).toBe(600);
    tick(it, 650);
    expect(latched(it, 0)).toBe(950);
  });

  test('a count of 0 is the longest there is', () => {
    const it = testPlatform();
    load(it, 0, 2, 0);
    tick(it, 1);

    expect(latched(it, 0)).toBe(0xffff);
  });

  test('a square wave counts by two', () => {
    const it = testPlatform();
    load(it, 0, 3, 1000);
    tick(it, 100);

    expect(latched(it, 0)).toBe(800);
  });

  test('a count that was latched stays until it is read', () => {
    const it = testPlatform();
    load(it, 0, 2, 5000);
    tick(it, 100);
    out(it, 0x43, 0x00);
    tick(it, 1000);

    expect(inp(it, 0x40) | (inp(it, 0x40) << 8)).toBe(4900);
    expect(latched(it, 0)).toBe(3900);
  });

  test('a counter of low bytes alone is loaded and read in one', () => {
    const it = testPlatform();
    out(it, 0x43, 0x14);
    out(it, 0x40, 200);
    tick(it, 50);

    expect(inp(it, 0x40)).toBe(150);
  });

  test('status and count of a counter can be read back together', () => {
    const it = testPlatform();
    load(it, 2, 0, 0x1234);
    out(it, 0x43, 0xc8);

    expect([inp(it, 0x42), inp(it, 0x42), inp(it, 0x42)]).toEqual([0x30, 0x34, 0x12]);
  });
});

describe('port 0x61', () => {
  test('a guest that waits for 50 ms on counter 2 sees them pass', () => {
    const it = testPlatform();
    out(it, 0x61, (inp(it, 0x61) & ~0x02) | 0x01);
    load(it, 2, 0, Math.floor(FREQUENCY / 20));
    let waited = 0;

    while ((inp(it, 0x61) & 0x20) === 0) {
      it.time.clock += 10;
      waited += 10;
    }

    expect(waited / 10_000).toBeCloseTo(50, 1);
  });

  test('the gate holds the counter, and lets it go on', () => {
    const it = testPlatform();
    out(it, 0x61, 1);
    load(it, 2, 0, 1000);
    tick(it, 300);
    out(it, 0x61, 0);
    tick(it, 5000);
    expect(latched(it, 2)).toBe(700);
    expect(inp(it, 0x61) & 0x20).toBe(0);

    out(it, 0x61, 1);
    tick(it, 300);

    expect(latched(it, 2)).toBe(400);
  });

  test('the gate starts a rate generator anew', () => {
    const it = testPlatform();
    out(it, 0x61, 1);
    load(it, 2, 2, 1000);
    tick(it, 300);
    out(it, 0x61, 0);
    out(it, 0x61, 1);
    tick(it, 10);

    expect(latched(it, 2)).toBe(990);
  });

  test('the refresh bit moves with time, and the upper bits say that there is no error', () => {
    const it = testPlatform();
    const seen = new Set<number>();
    for (let n = 0; n < 4; n++) {
      seen.add(inp(it, 0x61) & 0x10);
      it.time.clock += 150;
    }

    expect(seen.size).toBe(2);
    expect(inp(it, 0x61) & 0xc0).toBe(0);
  });
});
