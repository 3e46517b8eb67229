import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../../../../tests/disk/support/disk-user.ts';
import { DiskStatus } from '../disk.ts';
import { type Runs, singleRun } from '../runs.ts';
import { type FileIo, nodeFileIo } from './file-io.ts';
import { HostFile, type HostFileOptions } from './host-file.ts';
import { ExecutorPolicy } from './policy.ts';

let directory = '';
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'ringlet-host-file-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/** A file of `data` on the host, run as `mode` says, with some of the host's calls replaced. */
function fileOf(data: Uint8Array, mode: 'inline' | 'pool', io: Partial<FileIo> = {}, more: HostFileOptions = {}) {
  const path = join(directory, `${Math.random()}`);
  writeFileSync(path, data);
  const fd = openSync(path, 'r+');
  const file = new HostFile(fd, { policy: new ExecutorPolicy(mode), io: { ...nodeFileIo, ...io }, ...more });
  return { file, path, fd };
}

/** Calls something of a file and waits for its status. */
const statusOf = (start: (completion: { complete(status: number): void }) => void): Promise<number> =>
  new Promise((resolve) => start({ complete: resolve }));

/** Memory of `length` bytes in `count` runs, last part first. */
function scattered(length: number, count: number): Runs & { joined(): Uint8Array; put(data: Uint8Array): void } {
  const bytes = new Uint8Array(new SharedArrayBuffer(length + 64));
  const size = length / count;
  const runOffset = Float64Array.from({ length: count }, (_, i) => 32 + length - (i + 1) * size);
  return {
    bytes,
    runCount: count,
    runOffset,
    runLength: new Float64Array(count).fill(size),
    joined: () => new Uint8Array(Buffer.concat([...runOffset].map((at) => bytes.slice(at, at + size)))),
    put: (data) => runOffset.forEach((at, i) => bytes.set(data.subarray(i * size, (i + 1) * size), at)),
  };
}

for (const mode of ['inline', 'pool'] as const) {
  describe(`run ${mode}`, () => {
    for (const count of [1, 4, 16, 2048]) {
      test(`reads and writes parts of ${count} runs, and nothing beside them`, async () => {
        const data = pattern(1, 65536);
        const { file, path } = fileOf(data, mode);
        const runs = scattered(32768, count);

        const read = await statusOf((done) => file.read(runs, 0, 32768, 1000, done));
        expect(read).toBe(DiskStatus.Ok);
        expect(Buffer.compare(runs.joined(), data.subarray(1000, 33768))).toBe(0);

        runs.put(pattern(2, 32768));
        const written = await statusOf((done) => file.write(runs, 5000, 20000, 300, done));
        expect(written).toBe(DiskStatus.Ok);
        data.set(pattern(2, 32768).subarray(5000, 25000), 300);
        expect(Buffer.compare(readFileSync(path), data)).toBe(0);
        expect(runs.bytes.subarray(0, 32).every((byte) => byte === 0)).toBe(true);
        await statusOf((done) => file.close(done));
      });
    }

    test('what the host moves in pieces, or after an interruption, arrives whole', async () => {
      const data = pattern(1, 10000);
      let calls = 0;
      const interrupted = (): boolean => ++calls % 3 === 0;
      const { file } = fileOf(data, mode, {
        readSync: (fd, bytes, offset, length, position) => {
          if (interrupted()) throw failure('EINTR');
          return nodeFileIo.readSync(fd, bytes, offset, Math.min(length, 777), position);
        },
        read: (fd, bytes, offset, length, position, done) => {
          if (interrupted()) done(failure('EINTR'), 0);
          else nodeFileIo.read(fd, bytes, offset, Math.min(length, 777), position, done);
        },
      });
      const target = new Uint8Array(10000);

      expect(await statusOf((done) => file.read(singleRun(target), 0, 10000, 0, done))).toBe(DiskStatus.Ok);
      expect(Buffer.compare(target, data)).toBe(0);
      expect(calls).toBeGreaterThan(13);
    });

    test('a host that is interrupted for ever is an error in the end', async () => {
      const { file } = fileOf(new Uint8Array(10), mode, {
        readSync: () => {
          throw failure('EINTR');
        },
        read: (_fd, _bytes, _offset, _length, _position, done) => done(failure('EINTR'), 0),
      });
      const target = singleRun(new Uint8Array(10));
      expect(await statusOf((done) => file.read(target, 0, 10, 0, done))).toBe(DiskStatus.IoError);
    });

    for (const [code, status] of [
      ['ENOSPC', DiskStatus.NoSpace],
      ['EDQUOT', DiskStatus.NoSpace],
      ['EIO', DiskStatus.IoError],
      ['EROFS', DiskStatus.ReadOnly],
    ] as const) {
      test(`${code} is status ${status}, for writes, syncs and sizes`, async () => {
        const fail = (): never => {
          throw failure(code);
        };
        const { file } = fileOf(new Uint8Array(10), mode, {
          writeSync: fail,
          fdatasyncSync: fail,
          ftruncateSync: fail,
          write: (_fd, _bytes, _offset, _length, _position, done) => done(failure(code), 0),
          fdatasync: (_fd, done) => done(failure(code)),
          ftruncate: (_fd, _size, done) => done(failure(code)),
        });
        expect(await statusOf((done) => file.write(singleRun(new Uint8Array(4)), 0, 4, 0, done))).toBe(status);
        expect(await statusOf((done) => file.sync(done))).toBe(status);
        expect(await statusOf((done) => file.setSize(4, done))).toBe(status);
      });
    }

    test('behind its end it reads as zeroes as far as it was told, and fails further on', async () => {
      const { file } = fileOf(pattern(1, 1000), mode);
      file.zeroesTo = 1536;
      const runs = scattered(1024, 4);

      expect(await statusOf((done) => file.read(runs, 0, 1024, 512, done))).toBe(DiskStatus.Ok);
      expect(Buffer.compare(runs.joined().subarray(0, 488), pattern(1, 1000).subarray(512))).toBe(0);
      expect(
        runs
          .joined()
          .subarray(488)
          .every((byte) => byte === 0),
      ).toBe(true);
      expect(await statusOf((done) => file.read(runs, 0, 1024, 513, done))).toBe(DiskStatus.IoError);
    });

    test('once closed it answers so', async () => {
      const { file } = fileOf(new Uint8Array(10), mode);
      const target = singleRun(new Uint8Array(10));
      expect(await statusOf((done) => file.close(done))).toBe(DiskStatus.Ok);
      expect(await statusOf((done) => file.read(target, 0, 10, 0, done))).toBe(DiskStatus.Closed);
      expect(await statusOf((done) => file.sync(done))).toBe(DiskStatus.Closed);
      expect(await statusOf((done) => file.close(done))).toBe(DiskStatus.Closed);
    });
  });
}

describe('in the pool', () => {
  test('no more operations than a file’s share are there at once; the rest wait, in order, and close waits for all', async () => {
    const held: (() => void)[] = [];
    const { file, fd } = fileOf(
      new Uint8Array(100),
      'pool',
      {
        read: (_fd, _bytes, _offset, length, _position, done) => void held.push(() => done(null, length)),
        close: (_fd, done) => done(null),
      },
      { depth: 3 },
    );
    const ended: number[] = [];
    for (let i = 0; i < 8; i++) {
      file.read(singleRun(new Uint8Array(1)), 0, 1, i, { complete: () => ended.push(i) });
    }
    const closed = statusOf((done) => file.close(done));

    expect(held).toHaveLength(3);
    held.shift()!();
    expect(held).toHaveLength(3);
    while (held.length > 0) held.shift()!();

    expect(ended).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await closed).toBe(DiskStatus.Ok);
    closeSync(fd);
  });
});
