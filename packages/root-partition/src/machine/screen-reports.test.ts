import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recordedWorld, smallMemory } from '../testing/guest-hands.ts';
import { type DisplayEvent, ScreenReports } from './screen-reports.ts';

const INTERVAL = 160_000;
const part = (left: number, top: number) => ({ left, top, right: left + 1, bottom: top + 1 });

function reports() {
  const world = recordedWorld(smallMemory());
  const told: DisplayEvent[] = [];
  const it = new ScreenReports(
    (ticks, run) => world.after(ticks, run),
    (event) => told.push(event),
  );
  return { it, told, pass: () => world.advance(INTERVAL) };
}

test('the first change is told at once, those that follow together', () => {
  const { it, told, pass } = reports();
  it.dirty([part(0, 0)]);
  expect(told).toEqual([{ type: 'display-dirty', parts: [part(0, 0)] }]);
  it.dirty([part(1, 0)]);
  it.dirty([part(2, 0)]);
  expect(told).toHaveLength(1);
  pass();
  expect(told.slice(1)).toEqual([{ type: 'display-dirty', parts: [part(1, 0), part(2, 0)] }]);
  pass();
  expect(told).toHaveLength(2);
});

test('of many modes only the last is told, and changes of the pictures before it are not', () => {
  const { it, told, pass } = reports();
  it.mode({ width: 1, height: 1 });
  it.dirty([part(5, 5)]);
  for (let width = 2; width < 1000; width++) it.mode({ width, height: 1 });
  it.dirty([part(7, 7)]);
  pass();
  expect(told).toEqual([
    { type: 'display-mode', mode: { width: 1, height: 1 } },
    { type: 'display-mode', mode: { width: 999, height: 1 } },
    { type: 'display-dirty', parts: [part(7, 7)] },
  ]);
});

test('however many changes there are, few are told, and they hold all of them', () => {
  const place = fc.tuple(fc.nat(100), fc.nat(100));
  fc.assert(
    fc.property(fc.array(place, { minLength: 1, maxLength: 500 }), (places) => {
      const { it, told, pass } = reports();
      for (const [left, top] of places) it.dirty([part(left, top)]);
      pass();
      expect(told.length).toBeLessThanOrEqual(2);
      const parts = told.flatMap((event) => (event.type === 'display-dirty' ? event.parts : []));
      expect(parts.length).toBeLessThanOrEqual(65);
      for (const [left, top] of places) {
        const holds = parts.some((p) => p.left <= left && left < p.right && p.top <= top && top < p.bottom);
        expect(holds).toBe(true);
      }
    }),
  );
});

test('at the end nothing more is told', () => {
  const { it, told, pass } = reports();
  it.dirty([part(0, 0)]);
  it.dirty([part(1, 1)]);
  it.end();
  pass();
  expect(told).toHaveLength(1);
});
