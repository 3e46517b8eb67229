import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Disk, DiskOperation, type DiskRequest, DiskStatus } from './disk.ts';
import { type DiskLimits, LimitedDisk } from './limited-disk.ts';
import { createMemoryDisk } from './raw-disk.ts';

const TICKS_PER_SECOND = 10_000_000;

/** A clock that a test moves, with timers that come `late` ticks after they are due. */
function time(late = 0) {
  const timers: { due: number; run: () => void }[] = [];
  let now = 0;
  return {
    clock: { now: () => now },
    after(ticks: number, run: () => void) {
      const timer = { due: now + ticks + late, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    advance(ticks: number) {
      const end = now + ticks;
      for (;;) {
        timers.sort((a, b) => a.due - b.due);
        const next = timers[0];
        if (next === undefined || next.due > end) break;
        timers.shift();
        now = Math.max(now, next.due);
        next.run();
      }
      now = end;
    },
  };
}

const SECTORS = 8;

function request(operation: number, done: (status: number) => void, count = SECTORS): DiskRequest {
  return {
    operation,
    sector: 0,
    count: operation === DiskOperation.Flush ? 0 : count,
    forceUnitAccess: false,
    bytes: new Uint8Array(count * 512),
    runCount: 1,
    runOffset: Float64Array.of(0),
    runLength: Float64Array.of(count * 512),
    complete: done,
  };
}

/** Keeps `depth` reads in flight for `seconds`. @returns how many ended */
function saturate(disk: Disk, clock: ReturnType<typeof time>, depth: number, seconds: number): number {
  let ended = 0;
  let running = true;
  for (let i = 0; i < depth; i++) {
    const read = request(DiskOperation.Read, () => {
      ended++;
      again.push(read);
    });
    disk.submit(read);
  }
  for (let step = 0; step < seconds * 1000; step++) {
    clock.advance(TICKS_PER_SECOND / 1000);
    while (running && again.length > 0) disk.submit(again.pop()!);
  }
  running = false;
  return ended;
}
const again: DiskRequest[] = [];

function limited(limits: DiskLimits, late = 0) {
  const clock = time(late);
  again.length = 0;
  return { clock, disk: new LimitedDisk(createMemoryDisk({ size: 1 << 20 }), limits, clock) };
}

describe('a disk with limits', () => {
  test.each([
    [100, 1, 0],
    [1000, 32, 0],
    [1000, 32, 20_000],
    [20_000, 64, 10_000],
  ])(
    'of %i requests a second, with %i in flight and timers %i ticks late, keeps within a tenth',
    (iops, depth, late) => {
      const { clock, disk } = limited({ iops }, late);

      const ended = saturate(disk, clock, depth, 4);

      expect(ended / 4).toBeGreaterThan(iops * 0.9);
      expect(ended / 4).toBeLessThan(iops * 1.1);
    },
  );

  test('of bytes a second counts what the requests move', () => {
    const { clock, disk } = limited({ bandwidth: 1_000_000 });

    const ended = saturate(disk, clock, 16, 4);

    expect((ended * SECTORS * 512) / 4).toBeGreaterThan(900_000);
    expect((ended * SECTORS * 512) / 4).toBeLessThan(1_100_000);
  });

  test('answers in the order of the questions, flushes included', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 1, 2, 3, 4), { minLength: 1, maxLength: 200 }), (operations) => {
        const { clock, disk } = limited({ iops: 500, bandwidth: 400_000 });
        const order: number[] = [];
        operations.forEach((operation, i) => disk.submit(request(operation, () => order.push(i))));
        clock.advance(60 * TICKS_PER_SECOND);
        expect(order).toEqual(operations.map((_, i) => i));
      }),
    );
  });

  test('that is closed still does what waits, and nothing after that', () => {
    const { disk } = limited({ iops: 1 });
    const ends: number[] = [];
    for (let i = 0; i < 5; i++) disk.submit(request(DiskOperation.Write, (status) => ends.push(status)));
    let closed = false;

    disk.close(() => (closed = true));
    disk.submit(request(DiskOperation.Read, (status) => ends.push(status)));

    expect(closed).toBe(true);
    expect(ends).toEqual([0, 0, 0, 0, 0, DiskStatus.Closed]);
  });

  test('says what it limits and how much had to wait', () => {
    const { disk } = limited({ iops: 1 });
    for (let i = 0; i < 3; i++) disk.submit(request(DiskOperation.Read, () => {}));

    expect(disk.inspect()).toMatchObject({ limits: { iops: 1, waiting: 2, delayed: 2 } });
  });
});
