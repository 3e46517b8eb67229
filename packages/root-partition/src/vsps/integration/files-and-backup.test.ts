import { BackupMessage, FileCopyHeader, FileCopyStart, FileCopyWrite, IcStatus } from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import Backup, { type BackupResult } from './backup.ts';
import FileCopy, { type FileCopyOrder, type FileCopyResult } from './file-copy.ts';
import { guestOf } from './integration-fixture.ts';

const SECOND = 10_000_000;
const V3 = { major: 3, minor: 0 };

const orderOf = (bytes: Uint8Array, changes: Partial<FileCopyOrder> = {}): FileCopyOrder => ({
  source: { size: bytes.length, read: (offset, length, done) => done(bytes.slice(offset, offset + length)) },
  directory: '/root',
  name: 'file',
  overwrite: false,
  createPath: true,
  ...changes,
});

function copying() {
  const { guest, vsp } = guestOf((world) => new FileCopy(world));
  guest.negotiate(V3, { major: 1, minor: 1 });
  const results: FileCopyResult[] = [];
  const copy = (order: FileCopyOrder): void => vsp.copy(order, (result) => results.push(result));
  return { guest, vsp, results, copy };
}

/** Answers whatever comes, and puts together what was written. `status` by operation, success otherwise. */
function take(guest: ReturnType<typeof copying>['guest'], status: Readonly<Record<number, number>> = {}) {
  const operations: number[] = [];
  const written: number[] = [];
  let start: FileCopyStart | undefined;
  for (let messages = guest.received(); messages.length > 0; messages = guest.received()) {
    for (const message of messages) {
      const { operation } = FileCopyHeader.decode(message.payload)!;
      operations.push(operation);
      if (operation === 0) start = FileCopyStart.decode(message.payload)!;
      if (operation === 1) {
        const { offset, size, data } = FileCopyWrite.decode(message.payload)!;
        // Out of place it is not what the file holds, and the test sees that.
        for (let i = 0; i < size; i++) written[Number(offset) + i] = data[i]!;
      }
      guest.answer(message, { status: status[operation] ?? 0 });
    }
  }
  return { operations, written, start };
}

test('a file of any length arrives in order, between its start and its completion', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20_000 }), (length) => {
      const { guest, results, copy } = copying();
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);
      copy(orderOf(bytes));
      const { operations, written, start } = take(guest);
      expect(start).toMatchObject({ name: 'file', path: '/root/', flags: 2, size: BigInt(length) });
      expect(Uint8Array.from(written)).toEqual(bytes);
      expect(operations).toEqual([0, ...Array.from({ length: Math.ceil(length / 6144) }, () => 1), 2]);
      expect(results).toEqual(['done']);
    }),
    { numRuns: 20 },
  );
});

test.each([
  [IcStatus.AlreadyExists, 'exists'],
  [IcStatus.DiskFull, 'disk-full'],
  [IcStatus.Fail, 'refused'],
] as const)('a start that is answered with %i is over: %s', (status, result) => {
  const { guest, results, copy } = copying();
  copy(orderOf(new Uint8Array(10)));
  expect(take(guest, { 0: status }).operations).toEqual([0]);
  expect(results).toEqual([result]);
});

test('a write that fails cancels, and the next copy gets its turn', () => {
  const { guest, results, copy } = copying();
  copy(orderOf(new Uint8Array(7000)));
  copy(orderOf(new Uint8Array(0), { name: 'next' }));
  expect(take(guest, { 1: IcStatus.DiskFull }).operations).toEqual([0, 1, 3, 0, 2]);
  expect(results).toEqual(['disk-full', 'done']);
});

test('a file that cannot be read to its end cancels', () => {
  const { guest, results, copy } = copying();
  copy(orderOf(new Uint8Array(0), { source: { size: 9, read: (_offset, _length, done) => done(undefined) } }));
  expect(take(guest).operations).toEqual([0, 3]);
  expect(results).toEqual(['unreadable']);
});

test('a guest that never answers, or closes, ends what waits', () => {
  const { guest, results, copy } = copying();
  copy(orderOf(new Uint8Array(1)));
  guest.world.advance(60 * SECOND);
  copy(orderOf(new Uint8Array(1)));
  copy(orderOf(new Uint8Array(1)));
  guest.close();
  copy(orderOf(new Uint8Array(1)));
  expect(results).toEqual(['timeout', 'closed', 'closed', 'not-ready']);
});

test('names longer than the protocol’s, and more copies than can wait, are refused', () => {
  const { results, copy } = copying();
  copy(orderOf(new Uint8Array(1), { name: 'n'.repeat(260) }));
  for (let i = 0; i < 18; i++) copy(orderOf(new Uint8Array(1)));
  expect(results).toEqual(['name-too-long', 'too-many']);
});

function freezing() {
  const { guest, vsp } = guestOf((world) => new Backup(world));
  guest.negotiate(V3, { major: 5, minor: 0 });
  const results: BackupResult[] = [];
  const operations = (status = 0): number[] => {
    const seen: number[] = [];
    for (let messages = guest.received(); messages.length > 0; messages = guest.received()) {
      for (const message of messages) {
        seen.push(BackupMessage.decode(message.payload)!.operation);
        guest.answer(message, { status });
      }
    }
    return seen;
  };
  return { guest, vsp, results, operations, note: (result: BackupResult) => void results.push(result) };
}

test('a guest is frozen and thawed', () => {
  const { vsp, results, operations, note } = freezing();
  vsp.freeze(note);
  vsp.freeze(note);
  expect(operations()).toEqual([5]);
  vsp.thaw(note);
  expect(operations()).toEqual([6]);
  expect(results).toEqual(['in-progress', 'done', 'done']);
});

test('a guest that refuses to freeze is thawed all the same: some of it may be frozen', () => {
  const { vsp, results, operations, note } = freezing();
  vsp.freeze(note);
  expect(operations(IcStatus.Fail)).toEqual([5, 6]);
  expect(results).toEqual(['refused']);
  expect(vsp.inspect()).toMatchObject({ fileSystems: 'thawed' });
});

test('a frozen guest that is forgotten is thawed, and whoever froze it learns that', () => {
  const { guest, vsp, results, operations, note } = freezing();
  vsp.freeze(note);
  operations();
  guest.world.advance(200 * SECOND);
  expect(operations()).toEqual([6]);
  vsp.thaw(note);
  expect(results).toEqual(['done', 'thawed-meanwhile']);
});

test('a guest that closes while it is frozen is frozen no more', () => {
  const { guest, vsp, results, operations, note } = freezing();
  vsp.freeze(note);
  operations();
  guest.close();
  vsp.thaw(note);
  vsp.freeze(note);
  expect(results).toEqual(['done', 'thawed-meanwhile', 'not-ready']);
});
