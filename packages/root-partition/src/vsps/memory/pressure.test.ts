import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pressure } from './pressure.ts';

const limits = { minimum: 1000, maximum: 8000, buffer: 20 };

test('a guest that needs more gets it at once, with the buffer', () => {
  expect(new Pressure(limits).take(2000, 2000)).toBe(2400);
  expect(new Pressure(limits).take(7900, 2000)).toBe(8000);
});

test('a guest that needs less is believed after ten reports, and keeps the most that one of them asked for', () => {
  const pressure = new Pressure(limits);
  const demands = [1000, 1000, 1500, 1000, 1000, 1000, 1000, 1000, 1000];
  expect(demands.map((demand) => pressure.take(demand, 4000))).toEqual(demands.map(() => 4000));
  expect(pressure.take(1000, 4000)).toBe(1800);
});

test('one report that asks for more starts the wait again', () => {
  const pressure = new Pressure(limits);
  for (let i = 0; i < 9; i++) pressure.take(1000, 4000);
  expect(pressure.take(3300, 4000)).toBe(4000);
  expect(pressure.take(1000, 4000)).toBe(4000);
});

test('it never leaves the limits, and small differences change nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 60 }), (demands) => {
      const pressure = new Pressure(limits);
      let assigned = 3000;
      for (const demand of demands) {
        const next = pressure.take(demand, assigned);
        expect(next === assigned || (next >= 1000 && next <= 8000)).toBe(true);
        const moved = Math.abs(next - assigned);
        expect(moved === 0 || next === 1000 || next === 8000 || moved >= Math.floor(assigned / 32)).toBe(true);
        assigned = next;
      }
    }),
  );
});
