/** Logs as other writers leave them: entries that build on each other, and that wrap around the end of the log. */
import { describe, expect, test } from 'vitest';
import type { Contents } from '../../../../tests/disk/support/simulated-file.ts';
import { guidOf, MIB, vhdxContents } from '../../../../tests/disk/support/vhdx-lab.ts';
import { encodeHeader, readHeader } from './header.ts';
import { HEADER_AT, PAGE } from './layout.ts';
import { encodeLogEntry } from './log-entry.ts';
import { replayLog } from './log-replay.ts';

const ID = guidOf(50);
const TABLE = 3 * MIB;

/** A page full of one value. */
const full = (value: number): Uint8Array => new Uint8Array(PAGE).fill(value);

/** A log, written by hand. */
class Log {
  readonly contents: Contents = vhdxContents();

  constructor() {
    const { header } = readHeader(this.contents.source());
    for (const at of HEADER_AT) this.contents.write(at, encodeHeader({ ...header, logId: ID }));
  }

  /** Writes an entry of one page for the table; wraps at the end of the log. */
  entry(at: number, sequence: number, tail: number, value: number, sizes = { flushed: 4 * MIB, last: 4 * MIB }): void {
    const encoded = encodeLogEntry({ logId: ID, sequence: BigInt(sequence), tail, ...sizes }, [
      { position: TABLE, data: full(value) },
    ]);
    const first = Math.min(encoded.length, MIB - at);
    this.contents.write(MIB + at, encoded.subarray(0, first));
    this.contents.write(MIB, encoded.subarray(first));
  }

  replay() {
    const source = this.contents.source();
    return replayLog(source, readHeader(source).header);
  }

  /** What the table's page becomes. */
  get value(): number | undefined {
    return this.replay().pages.get(TABLE / PAGE)?.[100];
  }
}

describe('the entries that are replayed', () => {
  test('are those from the tail of the newest to the newest, in order', () => {
    const log = new Log();
    log.entry(0, 7, 0, 1);
    log.entry(2 * PAGE, 8, 0, 2);
    log.entry(4 * PAGE, 9, 2 * PAGE, 3);
    expect(log.value).toBe(3);
  });

  test('do not include one whose number does not follow', () => {
    const log = new Log();
    log.entry(0, 7, 0, 1);
    log.entry(2 * PAGE, 9, 0, 2);
    expect(log.value).toBe(1);
  });

  test('may wrap around the end of the log, between entries or within one', () => {
    const log = new Log();
    log.entry(MIB - 3 * PAGE, 20, MIB - 3 * PAGE, 1);
    log.entry(MIB - PAGE, 21, MIB - 3 * PAGE, 2);
    log.entry(PAGE, 22, MIB - 3 * PAGE, 3);
    expect(log.value).toBe(3);
  });

  test('are of the newest sequence when several are whole', () => {
    const log = new Log();
    log.entry(0, 7, 0, 1);
    log.entry(MIB / 2, 30, MIB / 2, 2);
    log.entry(MIB / 4, 12, MIB / 4, 3);
    expect(log.value).toBe(2);
  });

  test('are of the newest whole sequence when the newest is torn', () => {
    const log = new Log();
    log.entry(0, 7, 0, 1);
    log.entry(MIB / 2, 8, MIB / 2, 2);
    log.contents.write(MIB + MIB / 2 + PAGE + 9, Uint8Array.of(77));
    expect(log.value).toBe(1);
  });

  test('are none when the newest one’s tail is gone, and the file is refused', () => {
    const log = new Log();
    log.entry(4 * PAGE, 9, 0, 3);
    expect(() => log.value).toThrow(/no entry of it is valid/);
  });
});

test('a file that is shorter than its log says was durable is refused', () => {
  const log = new Log();
  log.entry(0, 1, 0, 1, { flushed: 50 * MIB, last: 50 * MIB });
  expect(() => log.replay()).toThrow(/shorter than its log says/);
});

test('a file that had yet to grow grows', () => {
  const log = new Log();
  log.entry(0, 1, 0, 1, { flushed: 4 * MIB, last: 9 * MIB });
  expect(log.replay().size).toBe(9 * MIB);
});

test('a log that writes over the header or itself is refused', () => {
  for (const position of [0, 64 * 1024, MIB + PAGE]) {
    const log = new Log();
    const entry = { logId: ID, sequence: 1n, tail: 0, flushed: 4 * MIB, last: 4 * MIB };
    log.contents.write(MIB, encodeLogEntry(entry, [{ position, data: full(1) }]));
    expect(() => log.replay()).toThrow(/where no log may/);
  }
});
