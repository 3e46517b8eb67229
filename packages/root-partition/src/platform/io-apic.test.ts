import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IO_APIC_PINS } from './io-apic.ts';
import { testPlatform, type TestPlatform } from './platform-fixture.ts';

const BASE = 0xfec0_0000;
const LEVEL = 0x8000;
const MASKED = 0x1_0000;
const REMOTE_IRR = 0x4000;

function read(it: TestPlatform, register: number): number {
  it.platform.memory.write(BASE, BigInt(register));
  return Number(it.platform.memory.read(BASE + 0x10));
}

function write(it: TestPlatform, register: number, value: number): void {
  it.platform.memory.write(BASE, BigInt(register));
  it.platform.memory.write(BASE + 0x10, BigInt(value >>> 0));
}

function program(it: TestPlatform, pin: number, low: number, destination = 0): void {
  write(it, 0x11 + 2 * pin, destination << 24);
  write(it, 0x10 + 2 * pin, low);
}

describe('registers', () => {
  test('a guest finds 24 pins, all masked, and an EOI register by the version', () => {
    const it = testPlatform();

    expect(read(it, 1)).toBe(0x0017_0020);
    const entries = Array.from({ length: 2 * IO_APIC_PINS }, (_, n) => read(it, 0x10 + n));
    expect(entries).toEqual(Array.from(entries, (_, n) => (n % 2 === 0 ? MASKED : 0)));
    expect([read(it, 0x40), read(it, 0xff), read(it, 0x0f)]).toEqual([0, 0, 0]);
  });

  test('the id has four bits, and is its own arbitration id', () => {
    const it = testPlatform();
    write(it, 0, 0xffff_ffff);

    expect([read(it, 0), read(it, 2)]).toEqual([0x0f00_0000, 0x0f00_0000]);
  });

  test('status bits of an entry are read-only, reserved ones are 0', () => {
    const it = testPlatform();
    write(it, 0x12, 0xffff_ffff);
    write(it, 0x13, 0xffff_ffff);

    expect([read(it, 0x12), read(it, 0x13)]).toEqual([0x1_afff, 0xff00_0000]);
    expect(it.platform.memory.read(BASE)).toBe(0x13n);
  });

  test('outside of its page there is nothing, and nothing happens', () => {
    const it = testPlatform();
    it.platform.memory.write(BASE + 0x1000, 1n);
    it.platform.memory.write(BASE - 8, 1n);

    expect(it.platform.memory.read(BASE + 0x1000)).toBe(0xffff_ffff_ffff_ffffn);
    expect(it.platform.memory.read(BASE - 8)).toBe(0xffff_ffff_ffff_ffffn);
    expect(it.platform.memory.read(BASE + 0x20)).toBe(0n);
  });
});

describe('edge-triggered pins', () => {
  test('each rise sends the message of the entry', () => {
    const it = testPlatform();
    program(it, 9, 0x0951, 3);
    const { ioApic } = it.platform;
    for (const high of [true, true, false, false, true]) ioApic.setLine(9, high);

    expect(it.interrupts).toEqual([
      [0x0951, 3],
      [0x0951, 3],
    ]);
  });

  test('a rise while masked is forgotten', () => {
    const it = testPlatform();
    program(it, 9, MASKED | 0x51);
    it.platform.ioApic.setLine(9, true);
    program(it, 9, 0x51);
    expect(it.interrupts).toEqual([]);

    it.platform.ioApic.setLine(9, false);
    it.platform.ioApic.setLine(9, true);
    expect(it.interrupts).toEqual([[0x51, 0]]);
  });

  test('an end of interrupt means nothing to them', () => {
    const it = testPlatform();
    program(it, 9, 0x51);
    it.platform.ioApic.setLine(9, true);
    it.platform.ioApic.endOfInterrupt(0x51);

    expect(it.interrupts.length).toBe(1);
    expect(read(it, 0x22)).toBe(0x51);
  });
});

describe('level-triggered pins', () => {
  test('one message until its end, then another one while the pin is still high', () => {
    const it = testPlatform();
    const { ioApic } = it.platform;
    program(it, 9, LEVEL | 0x51);
    for (const high of [true, false, true]) ioApic.setLine(9, high);
    expect(it.interrupts).toEqual([[LEVEL | 0x51, 0]]);
    expect(read(it, 0x22)).toBe(LEVEL | REMOTE_IRR | 0x51);

    ioApic.endOfInterrupt(0x52);
    expect(it.interrupts.length).toBe(1);
    ioApic.endOfInterrupt(0x51);
    expect(it.interrupts.length).toBe(2);

    ioApic.setLine(9, false);
    ioApic.endOfInterrupt(0x51);
    expect([it.interrupts.length, read(it, 0x22)]).toEqual([2, LEVEL | 0x51]);
  });

  test('the EOI register does what the end at a processor does, for every pin with that vector', () => {
    const it = testPlatform();
    for (const pin of [9, 10]) {
      program(it, pin, LEVEL | 0x51);
      it.platform.ioApic.setLine(pin, true);
    }
    it.platform.memory.write(BASE + 0x40, 0x51n);

    expect(it.interrupts.length).toBe(4);
  });

  test('a pin that is high while masked sends when it is unmasked', () => {
    const it = testPlatform();
    program(it, 9, MASKED | LEVEL | 0x51);
    it.platform.ioApic.setLine(9, true);
    expect(it.interrupts).toEqual([]);

    program(it, 9, LEVEL | 0x51);
    expect(it.interrupts.length).toBe(1);
    // Masked and unmasked while it is served, it waits for the end.
    program(it, 9, MASKED | LEVEL | 0x51);
    program(it, 9, LEVEL | 0x51);
    expect(it.interrupts.length).toBe(1);
  });

  test('becoming edge-triggered ends what nobody will end any more', () => {
    const it = testPlatform();
    program(it, 9, LEVEL | 0x51);
    it.platform.ioApic.setLine(9, true);
    program(it, 9, MASKED | 0x51);
    expect(read(it, 0x22) & REMOTE_IRR).toBe(0);
    program(it, 9, LEVEL | 0x51);

    expect(it.interrupts.length).toBe(2);
  });

  test('a message that no processor takes is sent again with the next change', () => {
    let taken = false;
    const it = testPlatform({ accepts: () => taken });
    program(it, 9, LEVEL | 0x51);
    it.platform.ioApic.setLine(9, true);
    expect(read(it, 0x22) & REMOTE_IRR).toBe(0);

    taken = true;
    it.platform.ioApic.setLine(9, true);
    expect([it.interrupts.length, read(it, 0x22) & REMOTE_IRR]).toEqual([2, REMOTE_IRR]);
  });
});

test('whatever a guest writes, a level-triggered pin that is high is served or cannot be', () => {
  const action = fc.oneof(
    fc.record({
      offset: fc.constantFrom(0, 0x10, 0x40, 0x14, 0xfff),
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
    fc.record({ register: fc.integer({ min: 0, max: 0x45 }), value: fc.nat() }),
    fc.record({ pin: fc.integer({ min: 0, max: 23 }), high: fc.boolean() }),
    fc.record({ vector: fc.integer({ min: 0, max: 255 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const it = testPlatform();
      const { memory, ioApic } = it.platform;
      for (const now of actions) {
        if ('offset' in now) memory.write(BASE + now.offset, now.value);
        else if ('register' in now) write(it, now.register, now.value);
        else if ('pin' in now) ioApic.setLine(now.pin, now.high);
        else ioApic.endOfInterrupt(now.vector);
        const { entries, lines } = ioApic.save();
        const wrong = entries.filter(([low], pin) => {
          const [level, served] = [(low & LEVEL) !== 0, (low & REMOTE_IRR) !== 0];
          const due = level && (low & MASKED) === 0 && (lines & (1 << pin)) !== 0;
          return (served && !level) || (due && !served);
        });
        expect(wrong).toEqual([]);
      }
      const other = testPlatform();
      other.platform.ioApic.restore(ioApic.save());
      expect(other.platform.ioApic.save()).toEqual(ioApic.save());
      expect(other.interrupts).toEqual([]);
    }),
  );
});

test('inspection shows the pins that are in use', () => {
  const it = testPlatform();
  program(it, 9, LEVEL | 0x51, 2);
  it.platform.ioApic.setLine(9, true);

  expect(it.platform.ioApic.inspect()).toEqual({
    pins: {
      9: { masked: false, trigger: 'level', vector: 0x51, destination: 2, high: true, inService: true, sent: 1 },
    },
  });
});
