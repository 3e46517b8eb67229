/** Memory and disks at several points: each is found again, in any order, whatever there is by then, and within a bound. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Disk, DiskOperation, type DiskRequest, openSavedDisks, overlaysOf } from '@ringlet/root-partition';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineImage } from '../lockstep/checkpoint.ts';
import { History } from './history.ts';

const SIZES = [5 * 4096, 4096 + 100];
const SECTOR = 512;
const SECTORS = 96;
const PAGE = 4096;

let folder: string;
let image: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-history-'));
  image = join(folder, 'base.raw');
  writeFileSync(image, Buffer.alloc(SECTORS * SECTOR, 0xba));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A machine: memory, and a disk under an overlay. */
class Machine {
  readonly image: MachineImage;
  readonly #disk: Disk;

  constructor() {
    const buffers = SIZES.map((size) => new SharedArrayBuffer(size));
    const handed = openSavedDisks({ disks: [{ path: image }], controllers: 1 });
    this.#disk = handed.disks[0]!.disk;
    this.image = { buffers, overlays: overlaysOf(handed) };
  }

  /** Writes to memory, to the disk, or unmaps sectors of it. */
  change({ kind, at, value, count }: Change): void {
    if (kind < 2) new Uint8Array(this.image.buffers[kind]!)[at % SIZES[kind]!] = value;
    else {
      const sector = at % (SECTORS - count);
      const bytes = new Uint8Array(count * SECTOR).fill(value);
      this.#submit(kind === 2 ? DiskOperation.Write : DiskOperation.WriteZeroes, sector, count, bytes);
    }
  }

  look(): string[] {
    const bytes = new Uint8Array(SECTORS * SECTOR);
    this.#submit(DiskOperation.Read, 0, SECTORS, bytes);
    return [...this.image.buffers, bytes].map((each) => Buffer.from(each as Uint8Array).toString('hex'));
  }

  close(): Promise<number> {
    return new Promise((closed) => this.#disk.close(closed));
  }

  #submit(operation: number, sector: number, count: number, bytes: Uint8Array): void {
    const ended: number[] = [];
    const request: DiskRequest = {
      operation,
      sector,
      count,
      forceUnitAccess: false,
      bytes,
      runCount: 1,
      runOffset: Float64Array.of(0),
      runLength: Float64Array.of(bytes.length),
      complete: (status) => ended.push(status),
    };
    this.#disk.submit(request);
    if (ended[0] !== 0) throw new Error(`the disk answered ${ended.join()}`);
  }
}

interface Change {
  readonly kind: number;
  readonly at: number;
  readonly value: number;
  readonly count: number;
}

const change = fc.record({
  kind: fc.nat(3),
  at: fc.nat(5 * PAGE - 1),
  value: fc.nat(2),
  count: fc.integer({ min: 1, max: 20 }),
});
/** What happens from one point to the next. */
const course = fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 8 });

/** Goes to a point that a history has: a new machine, as it was there. */
function at(history: History, point: number): Machine {
  const machine = new Machine();
  for (const buffer of machine.image.buffers) new Uint8Array(buffer).fill(point);
  history.loadMemory(point, machine.image.buffers);
  history.loadDisks(point, machine.image.overlays);
  return machine;
}

test('every point is found again as it was, and an unchanged page is kept once', async () => {
  await fc.assert(
    fc.asyncProperty(course, fc.nat(), async (points, seed) => {
      const history = new History(Infinity);
      const machine = new Machine();
      const seen = points.map((changes, i) => {
        for (const each of changes) machine.change(each);
        expect(history.take(i + 1, machine.image, 0)).toBe(true);
        return machine.look();
      });
      await machine.close();
      expect(history.points).toEqual(points.map((_, i) => i + 1));
      const disks = points.flat().filter(({ kind }) => kind > 1).length;
      expect(history.bytes).toBeLessThanOrEqual(points.flat().length * 4 * PAGE + disks * 2 * PAGE);
      for (const i of seen.map((_, n) => (n * 7 + seed) % seen.length)) {
        const again = at(history, i + 1);
        expect(again.look()).toEqual(seen[i]);
        await again.close();
      }
    }),
    { numRuns: 20 },
  );
});

test('with little room points go, those that are left are as they were, and one that is passed again comes back', async () => {
  await fc.assert(
    fc.asyncProperty(course, fc.nat({ max: 24 }), fc.nat(), async (points, pages, seed) => {
      const most = pages * PAGE;
      const history = new History(most);
      const seen: string[][] = [];
      // Runs through all of it again and again, from wherever it can: what is kept depends on where it is.
      for (let round = 0; round < 3; round++) {
        const from = round === 0 ? undefined : history.points[(seed + round) % Math.max(1, history.points.length)];
        const machine = from === undefined ? new Machine() : at(history, from);
        if (from === undefined) history.restarted();
        for (let point = from ?? 0; point <= points.length; point++) {
          if (point > (from ?? 0)) for (const each of points[point - 1]!) machine.change(each);
          seen[point] ??= machine.look();
          expect(machine.look()).toEqual(seen[point]);
          if (point === 0 || history.points.includes(point)) continue;
          const took = history.take(point, machine.image, 10);
          expect(history.points.includes(point)).toBe(took);
          expect(history.bytes).toBeLessThanOrEqual(most);
          for (const kept of history.points.filter((each) => each !== point)) {
            const buffers = SIZES.map((size) => new SharedArrayBuffer(size));
            history.loadMemory(kept, buffers);
            expect(buffers.map((each) => Buffer.from(each).toString('hex'))).toEqual(seen[kept]!.slice(0, 2));
          }
        }
        await machine.close();
      }
      for (const point of history.points) {
        const again = at(history, point);
        expect(again.look()).toEqual(seen[point]);
        await again.close();
      }
    }),
    { numRuns: 30 },
  );
});

test('points lie the closer, the nearer they are to where the run is', () => {
  const buffers = [new SharedArrayBuffer(PAGE)];
  const history = new History(12 * PAGE);
  for (let point = 1; point <= 400; point++) {
    new Uint8Array(buffers[0]!).fill(point % 255);
    new DataView(buffers[0]!).setUint32(0, point);
    expect(history.take(point, { buffers, overlays: new Map() }, 0)).toBe(true);
  }
  const { points } = history;
  const distances = points.map((point) => 401 - point);

  expect(points).toHaveLength(12);
  expect(points.slice(-3)).toEqual([398, 399, 400]);
  // From one to the next it is never much more than as far again as from there to the run.
  for (const [i, distance] of distances.slice(0, -1).entries()) {
    expect(distance).toBeLessThanOrEqual(4 * distances[i + 1]!);
  }
  expect(points[0]).toBeLessThan(300);
});

test('what does not fit alone is not kept, and takes no room from the others', () => {
  const buffers = [new SharedArrayBuffer(3 * PAGE)];
  const image = { buffers, overlays: new Map() };
  const history = new History(2 * PAGE);

  new Uint8Array(buffers[0]!).fill(1, 0, PAGE);
  expect(history.take(1, image, 0)).toBe(true);
  new Uint8Array(buffers[0]!).fill(1);
  expect(history.take(2, image, 0)).toBe(false);
  expect(history.points).toEqual([1]);
  expect(history.bytes).toBe(PAGE);
});
