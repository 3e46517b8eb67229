import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { machine } from '../machine-fixture.ts';
import { PartitionProperty } from '../partition/properties.ts';
import { WINDOW } from './run-time.ts';
import { DEFAULT_SHARE, Scheduler, type Share } from './scheduler.ts';

const QUANTUM = WINDOW / 10;
const WHOLE = 100_000;

/** Called after each turn, when the virtual clock stands at its end. */
type Watch = (vp: number, start: number, ticks: number) => void;

/**
 * Runs `scheduler` under a virtual clock until `end`: each processor asks when its turn is over, earliest first. A VP
 * uses its whole turn unless `use` says how much of it.
 */
function simulate(
  scheduler: Scheduler,
  processors: number,
  end: number,
  watch: Watch = () => {},
  use: (vp: number, ticks: number) => number = (_, ticks) => ticks,
): void {
  const turns = Array.from({ length: processors }, () => ({ vp: -1, start: 0, until: 0 }));
  for (;;) {
    const turn = turns.reduce((first, other) => (other.until < first.until ? other : first));
    const now = turn.until;
    if (turn.vp >= 0) {
      scheduler.ran(turn.vp, now - turn.start, now);
      watch(turn.vp, turn.start, now - turn.start);
      turn.vp = -1;
    }
    if (now >= end) {
      turn.until = Infinity;
      if (turns.every(({ until }) => until === Infinity)) return;
      continue;
    }
    const { vp, ticks } = scheduler.next(turns.indexOf(turn), now);
    turn.vp = vp;
    turn.start = now;
    turn.until = now + (vp < 0 ? ticks : Math.max(1, Math.min(ticks, use(vp, ticks))));
  }
}

function scheduler(processors: number, shares: readonly Share[]): Scheduler {
  const made = new Scheduler({ logicalProcessors: processors });
  shares.forEach((share, id) => {
    expect(made.add(id, share)).toBe(true);
    made.wake(id);
  });
  return made;
}

/** Per window, how long each VP ran in it. */
function recordWindows(vps: number): { windows: number[][]; watch: Watch } {
  const windows: number[][] = [];
  const watch: Watch = (vp, start, ticks) => {
    const window = (windows[Math.floor(start / WINDOW)] ??= Array.from({ length: vps }, () => 0));
    window[vp]! += ticks;
  };
  return { windows, watch };
}

describe('weights', () => {
  test('shares are proportional to weights within 3 %, whatever part of its turns each VP uses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 10, max: 1000 }), { minLength: 2, maxLength: 8 }),
        fc.array(fc.integer({ min: 20, max: 100 }), { minLength: 8, maxLength: 8 }),
        (weights, percents) => {
          const it = scheduler(
            1,
            weights.map((weight) => ({ ...DEFAULT_SHARE, weight })),
          );
          const end = 600 * WINDOW;

          simulate(it, 1, end, undefined, (vp, ticks) => Math.ceil((ticks * percents[vp]!) / 100));

          const total = weights.reduce((sum, weight) => sum + weight, 0);
          weights.forEach((weight, id) => {
            const share = it.runTime(id) / end;
            expect(Math.abs(share - weight / total)).toBeLessThan(0.03 * Math.max(weight / total, 0.1));
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  test('equal VPs on several processors get equal time', () => {
    const it = scheduler(2, [DEFAULT_SHARE, DEFAULT_SHARE, DEFAULT_SHARE]);

    simulate(it, 2, 300 * WINDOW);

    for (const id of [0, 1, 2]) expect(it.runTime(id) / (300 * WINDOW)).toBeCloseTo(2 / 3, 2);
  });

  test('a VP that slept gets no more than it could save: the others run again within two windows', () => {
    const it = scheduler(1, [
      { ...DEFAULT_SHARE, weight: 10_000 },
      { ...DEFAULT_SHARE, weight: 10_000 },
    ]);
    it.sleep(0);
    simulate(it, 1, 100 * WINDOW);
    it.wake(0);
    let waited = 0;
    for (let now = 100 * WINDOW; waited <= 2 * WINDOW;) {
      const { vp, ticks } = it.next(0, now);
      now += ticks;
      it.ran(vp, ticks, now);
      if (vp === 1) break;
      waited += ticks;
    }

    expect(waited).toBeLessThanOrEqual(2 * WINDOW);
  });

  test('nothing is left idle while somebody may run', () => {
    const it = scheduler(1, [
      { ...DEFAULT_SHARE, weight: 1 },
      { ...DEFAULT_SHARE, weight: 10_000 },
    ]);

    simulate(it, 1, 100 * WINDOW);

    expect(it.runTime(0) + it.runTime(1)).toBe(100 * WINDOW);
  });
});

describe('caps and reserves', () => {
  const share = fc.record({
    weight: fc.integer({ min: 1, max: 10_000 }),
    cap: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: WHOLE })),
    reserve: fc.constant(0),
  });

  test('no cap is exceeded in any window, on any number of processors', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(share, { minLength: 1, maxLength: 6 }),
        (processors, shares) => {
          const it = scheduler(processors, shares);
          const { windows, watch } = recordWindows(shares.length);

          simulate(it, processors, 50 * WINDOW, watch);

          // A window in which everybody rested has no entry.
          const most = shares.map(({ cap }) => (cap === 0 ? WINDOW : Math.max(1, (cap * WINDOW) / WHOLE)));
          const exceeded = windows.filter((window) => window?.some((ticks, id) => ticks > most[id]!));
          expect(exceeded).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('reserves that fill one processor are met in every window, whatever the weights', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 100 })), {
          minLength: 1,
          maxLength: 6,
        }),
        (parts) => {
          const whole = parts.reduce((sum, [, part]) => sum + part, 0);
          const shares = parts.map(([weight, part]) => ({
            weight,
            cap: 0,
            reserve: Math.floor((part / whole) * WHOLE),
          }));
          shares.push({ weight: 10_000, cap: 0, reserve: 0 });
          const it = scheduler(1, shares);
          const { windows, watch } = recordWindows(shares.length);

          simulate(it, 1, 20 * WINDOW, watch);

          expect(windows).toHaveLength(20);
          for (const window of windows) {
            shares.forEach(({ reserve }, id) => {
              expect(window[id]).toBeGreaterThanOrEqual(Math.floor((reserve * WINDOW) / WHOLE));
            });
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('on several processors reserves are met to within a quantum', () => {
    const reserve = 66_666;
    const it = scheduler(2, [
      { ...DEFAULT_SHARE, reserve },
      { ...DEFAULT_SHARE, reserve },
      { ...DEFAULT_SHARE, reserve },
      { ...DEFAULT_SHARE, weight: 10_000 },
    ]);
    const { windows, watch } = recordWindows(4);

    simulate(it, 2, 20 * WINDOW, watch);

    for (const window of windows) {
      for (const id of [0, 1, 2]) expect(window[id]).toBeGreaterThanOrEqual((reserve * WINDOW) / WHOLE - QUANTUM);
    }
  });

  test('a capped VP alone leaves the processor idle until the next window', () => {
    const it = scheduler(1, [{ weight: 100, cap: 30_000, reserve: 0 }]);

    simulate(it, 1, 10 * WINDOW);

    expect(it.runTime(0)).toBe(10 * 0.3 * WINDOW);
    expect(it.next(0, 10 * WINDOW + 30_000)).toMatchObject({ vp: 0 });
  });

  test('reserves beyond the processors, and shares out of bounds, are refused', () => {
    const it = new Scheduler({ logicalProcessors: 1 });

    expect(it.add(1, { ...DEFAULT_SHARE, reserve: 60_000 })).toBe(true);
    expect(it.add(2, { ...DEFAULT_SHARE, reserve: 40_001 })).toBe(false);
    expect(it.add(2, { ...DEFAULT_SHARE, reserve: 40_000 })).toBe(true);
    expect(it.configure(1, { ...DEFAULT_SHARE, reserve: 60_001 })).toBe(false);
    expect(it.configure(1, { ...DEFAULT_SHARE, reserve: 50_000 })).toBe(true);
    for (const bad of [
      { weight: 0 },
      { weight: 10_001 },
      { cap: WHOLE + 1 },
      { cap: 10, reserve: 11 },
      { weight: 1.5 },
    ]) {
      expect(it.add(3, { ...DEFAULT_SHARE, ...bad })).toBe(false);
    }
  });
});

describe('decisions', () => {
  test('the same calls give the same answers', () => {
    const trace = (): string => {
      const it = scheduler(2, [
        { weight: 300, cap: 50_000, reserve: 0 },
        { weight: 100, cap: 0, reserve: 20_000 },
        { weight: 77, cap: 0, reserve: 0 },
      ]);
      const turns: number[][] = [];
      simulate(it, 2, 10 * WINDOW, (...turn) => void turns.push(turn));
      return JSON.stringify(turns);
    };

    expect(trace()).toBe(trace());
  });

  test('a VP runs on one processor at a time, and not while it sleeps', () => {
    const it = scheduler(2, [DEFAULT_SHARE]);

    expect(it.next(0, 0).vp).toBe(0);
    expect(it.next(1, 0).vp).toBe(-1);
    it.ran(0, 10, 10);
    it.sleep(0);
    expect(it.next(0, 10)).toEqual({ vp: -1, ticks: WINDOW - 10 });
  });

  test('a VP that is removed is not chosen again, and the others share what it had', () => {
    const it = scheduler(1, [DEFAULT_SHARE, DEFAULT_SHARE]);
    it.remove(0);

    simulate(it, 1, 10 * WINDOW);

    expect(it.runTime(1)).toBe(10 * WINDOW);
    expect(it.inspect()).not.toHaveProperty('0');
  });
});

describe('throttling by shared counters', () => {
  test('a VP may run for as long as its cap leaves in the window, and again in the next', () => {
    const { kernel, child, childVp, clock } = machine();
    clock.time = 10 * WINDOW;
    expect(childVp.runAllowance()).toBe(WINDOW);
    kernel.setProperty(child, PartitionProperty.CpuCap, 25_000n);
    expect(childVp.runAllowance()).toBe(WINDOW / 4);

    clock.time += 20_000;
    childVp.accountRunTime(20_000);
    expect(childVp.runAllowance()).toBe(5_000);
    clock.time += 6_000;
    childVp.accountRunTime(6_000);
    expect(childVp.runAllowance()).toBe(0);

    // What was too much is taken from the next window.
    clock.time = 11 * WINDOW;
    expect(childVp.runAllowance()).toBe(WINDOW / 4 - 1_000);
    clock.time = 12 * WINDOW;
    expect(childVp.runAllowance()).toBe(WINDOW / 4);
  });

  test('turns that are longer than they may be are made up for: a cap holds over time, a long stand-still is forgiven', () => {
    const turn = fc.integer({ min: 1, max: 4 * WINDOW });
    // Of less a turn is more than is made up for.
    const cap = fc.integer({ min: 5, max: 99 });
    fc.assert(
      fc.property(cap, fc.array(turn, { minLength: 20, maxLength: 60 }), (percent, turns) => {
        const { kernel, child, childVp, clock } = machine();
        kernel.setProperty(child, PartitionProperty.CpuCap, BigInt(percent * 1_000));
        const began = (clock.time = 10 * WINDOW);
        let ran = 0;
        for (const ticks of turns) {
          while (childVp.runAllowance() === 0) clock.time = (Math.floor(clock.time / WINDOW) + 1) * WINDOW;
          clock.time += ticks;
          childVp.accountRunTime(ticks);
          ran += ticks;
          const most = (percent / 100) * (clock.time - began);
          // At most the last turn, and the part of one window, are ahead.
          expect(ran).toBeLessThanOrEqual(most + ticks + WINDOW);
        }
      }),
    );
    const { kernel, child, childVp, clock } = machine();
    kernel.setProperty(child, PartitionProperty.CpuCap, 50_000n);
    clock.time = 1_000_000 * WINDOW;
    childVp.accountRunTime(900_000 * WINDOW);
    expect(childVp.runAllowance()).toBe(0);
    clock.time += 101 * WINDOW;
    expect(childVp.runAllowance()).toBe(WINDOW / 2);
  });

  test('when more VPs are busy than there are processors, each may run its part by weight', () => {
    const { kernel, child, childVp, rootVp, clock } = machine();
    kernel.setProperty(child, PartitionProperty.CpuWeight, 300n);
    kernel.setLogicalProcessors(1);
    clock.time = 10 * WINDOW + WINDOW / 2;
    childVp.accountRunTime(WINDOW / 4);
    rootVp.accountRunTime(WINDOW / 4);
    expect(childVp.runAllowance()).toBe(WINDOW / 2);

    clock.time = 11 * WINDOW;

    expect(childVp.runAllowance()).toBe((WINDOW * 3) / 4);
    expect(rootVp.runAllowance()).toBe(WINDOW / 4);
  });

  test('weights do not count while there are processors for all, nor once the others have gone idle', () => {
    const { kernel, childVp, rootVp, clock } = machine();
    kernel.setLogicalProcessors(2);
    clock.time = 10 * WINDOW + WINDOW / 2;
    childVp.accountRunTime(WINDOW / 4);
    rootVp.accountRunTime(WINDOW / 4);
    clock.time = 11 * WINDOW;
    expect(childVp.runAllowance()).toBe(WINDOW);

    kernel.setLogicalProcessors(1);
    clock.time = 13 * WINDOW;
    expect(childVp.runAllowance()).toBe(WINDOW);
  });

  test('a reserve holds against any weight, and a cap against any part', () => {
    const { kernel, child, childVp, rootVp, clock } = machine();
    kernel.setProperty(child, PartitionProperty.CpuWeight, 1n);
    kernel.setProperty(child, PartitionProperty.CpuReserve, 40_000n);
    kernel.setLogicalProcessors(1);
    clock.time = 10 * WINDOW + WINDOW / 2;
    childVp.accountRunTime(WINDOW / 4);
    rootVp.accountRunTime(WINDOW / 4);

    clock.time = 11 * WINDOW;
    expect(childVp.runAllowance()).toBe((WINDOW * 2) / 5);
    kernel.setProperty(child, PartitionProperty.CpuReserve, 0n);
    kernel.setProperty(child, PartitionProperty.CpuCap, 1_000n);
    expect(childVp.runAllowance()).toBe(WINDOW / 100);
  });

  test('time that reaches back into the last window counts there', () => {
    const { kernel, child, childVp, clock } = machine();
    kernel.setProperty(child, PartitionProperty.CpuCap, 50_000n);
    clock.time = 10 * WINDOW + 1_000;

    childVp.accountRunTime(30_000);

    expect(childVp.runAllowance()).toBe(WINDOW / 2 - 1_000);
  });
});
