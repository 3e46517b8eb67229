import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameFinisher, LONGEST_FRAME } from './finish-frame.ts';
import { type FrameSpec, readFrame, unfinishedFrame } from './frame-fixture.ts';
import type { FrameOffload } from './network-port.ts';

const TCP_FIN = 0x01;
const TCP_PUSH = 0x08;
const TCP_CWR = 0x80;

const finished = (frame: Uint8Array, offload: FrameOffload, finisher = new FrameFinisher()): Uint8Array[] => {
  const frames: Uint8Array[] = [];
  finisher.finish(frame, offload, (ready) => frames.push(ready.slice()));
  return frames;
};

const someFrame = fc.record({
  version: fc.constantFrom(4 as const, 6 as const),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  payload: fc.uint8Array({ maxLength: 3000 }),
  options: fc.constantFrom(0, 4, 12, 40),
  flags: fc.nat(0xff),
  sequence: fc.nat(0xffff_ffff),
  identification: fc.nat(0xffff),
  sourcePort: fc.nat(0xffff),
});
const maybeTag = fc.option(fc.nat(0xffff), { nil: undefined });

test('a frame that needs nothing goes on as it is', () => {
  const frame = unfinishedFrame({ version: 4, protocol: 'udp', payload: Uint8Array.of(1, 2, 3) });
  let emitted: Uint8Array | undefined;

  expect(new FrameFinisher().finish(frame, undefined, (ready) => (emitted = ready))).toBe(1);

  expect(emitted).toBe(frame);
});

test('any frame gets the checksum that its receiver expects, and keeps everything else', () => {
  fc.assert(
    fc.property(someFrame, maybeTag, maybeTag, (spec, inner, outer) => {
      const given = unfinishedFrame({ ...spec, ...(inner !== undefined && { tag: inner }) });
      const offload = { segmentSize: 0, checksumPartial: true, ...(outer !== undefined && { vlan: outer }) };
      const [frame, ...more] = finished(given, offload);

      expect(more).toEqual([]);
      const untagged =
        outer === undefined ? frame! : Uint8Array.from([...frame!.subarray(0, 12), ...frame!.subarray(16)]);
      const type = outer === undefined ? [...given.subarray(12, 16)] : [0x81, 0, outer >> 8, outer & 0xff];
      expect([...frame!.subarray(12, 16)]).toEqual(type);
      expect(readFrame(untagged).faults).toEqual([]);
      expect(untagged.length).toBe(given.length);
      const differing = untagged.findIndex((byte, i) => byte !== given[i]);
      expect(differing === -1 || differing >= 34).toBe(true);
    }),
  );
});

test('what was left in the checksum field does not matter', () => {
  const frame = unfinishedFrame({ version: 4, protocol: 'tcp', payload: Uint8Array.of(9) });
  frame[14 + 20 + 16] = 0xab;

  const [ready] = finished(frame, { segmentSize: 0, checksumPartial: true });

  expect(readFrame(ready!).faults).toEqual([]);
});

test('segments are as long as asked, carry the payload in order, and are each a valid frame', () => {
  fc.assert(
    fc.property(someFrame, fc.integer({ min: 1, max: 1500 }), (spec, segmentSize) => {
      const frames = finished(unfinishedFrame(spec), { segmentSize, checksumPartial: true });
      const read = frames.map(readFrame);

      expect(frames.length).toBe(Math.max(1, Math.ceil(spec.payload.length / segmentSize)));
      expect(read.flatMap(({ faults }) => faults)).toEqual([]);
      expect(Buffer.concat(read.map(({ payload }) => payload)).equals(Buffer.from(spec.payload))).toBe(true);
      expect(read.slice(0, -1).every(({ payload }) => payload.length === segmentSize)).toBe(true);
    }),
  );
});

test('TCP segments count on, and only the last ends, only the first tells of congestion', () => {
  const flags = 0x10 | TCP_FIN | TCP_PUSH | TCP_CWR;
  const spec: FrameSpec = { version: 4, protocol: 'tcp', payload: new Uint8Array(250), flags, sequence: 0xffff_ffff };
  const read = finished(unfinishedFrame({ ...spec, identification: 0xffff }), {
    segmentSize: 100,
    checksumPartial: true,
  }).map(readFrame);

  expect(read.map(({ sequence }) => sequence)).toEqual([0xffff_ffff, 99, 199]);
  expect(read.map((frame) => frame.flags)).toEqual([0x10 | TCP_CWR, 0x10, 0x10 | TCP_FIN | TCP_PUSH]);
  expect(read.map(({ identification }) => identification)).toEqual([0xffff, 0, 1]);
});

test('a large frame of 64 KiB keeps every byte', () => {
  const payload = Uint8Array.from({ length: 65_535 - 40 }, (_, i) => i * 7);
  const frame = unfinishedFrame({ version: 4, protocol: 'tcp', payload });
  // As Linux hands it over: the length of IPv4 is left to the hardware.
  frame.fill(0, 16, 18);

  const read = finished(frame, { segmentSize: 1460, checksumPartial: true, vlan: 5 }).map(readFrame);

  expect(read.flatMap(({ faults }) => faults)).toEqual([]);
  expect(read.every(({ tag }) => tag === 5)).toBe(true);
  expect(Buffer.concat(read.map((each) => each.payload)).equals(Buffer.from(payload))).toBe(true);
});

test('a tag can be left to somebody else', () => {
  const frame = unfinishedFrame({ version: 6, protocol: 'udp', payload: Uint8Array.of(1) });

  const [ready] = finished(
    frame,
    { segmentSize: 0, checksumPartial: true, vlan: 7 },
    new FrameFinisher({ insertTag: false }),
  );

  expect(readFrame(ready!)).toMatchObject({ tag: undefined, faults: [] });
});

test('a frame that is not what it is said to be is dropped, whatever it is, and nothing throws', () => {
  const finisher = new FrameFinisher();
  const offload = { segmentSize: 100, checksumPartial: true };
  expect(finisher.finish(new Uint8Array(LONGEST_FRAME + 1), offload, () => {})).toBe(0);
  expect(finisher.finish(new Uint8Array(13), offload, () => {})).toBe(0);
  const fragment = unfinishedFrame({ version: 4, protocol: 'udp', payload: new Uint8Array(300) });
  fragment[20] = 0x20;
  expect(finisher.finish(fragment, offload, () => {})).toBe(0);
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(someFrame, fc.array(fc.tuple(fc.nat(120), fc.nat(0xff)), { maxLength: 6 }), fc.nat(200))
      .map(([spec, changes, cut]) => {
        const frame = unfinishedFrame(spec);
        for (const [at, value] of changes) if (at < frame.length) frame[at] = value;
        return frame.subarray(0, Math.max(0, frame.length - cut));
      }),
  );
  fc.assert(
    fc.property(noise, fc.nat(1500), fc.boolean(), maybeTag, (frame, segmentSize, checksumPartial, vlan) => {
      let bytes = 0;
      const count = finisher.finish(
        frame,
        { segmentSize, checksumPartial, ...(vlan !== undefined && { vlan }) },
        (ready) => (bytes += ready.length),
      );
      expect(bytes === 0).toBe(count === 0 || frame.length === 0);
    }),
  );
});

test('tshark finds no wrong checksum and no missing segment', (context) => {
  if (spawnSync('tshark', ['--version'], { stdio: 'ignore' }).error) return context.skip('this host has no tshark');
  const frames = ([4, 6] as const).flatMap((version) =>
    (['tcp', 'udp'] as const).flatMap((protocol, i) => {
      const payload = Uint8Array.from({ length: 5000 }, (_, at) => at);
      const spec = { version, protocol, payload, options: 12, sourcePort: 41_000 + i, destinationPort: 42_000 };
      return finished(unfinishedFrame(spec), { segmentSize: 1001, checksumPartial: true, vlan: 0x2005 });
    }),
  );
  const fields = [
    'ip.checksum.status',
    'tcp.checksum.status',
    'udp.checksum.status',
    'vlan.id',
    'tcp.len',
    'udp.length',
  ];
  const checks = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'].flatMap((name) => [
    '-o',
    `${name}:TRUE`,
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-frames-'));
  context.onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'frames.pcap'), pcap(frames));
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    ['-r', join(folder, 'frames.pcap'), ...checks, '-T', 'fields', ...fields.flatMap((name) => ['-e', name])],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toMatchObject({ status: 0 });

  const GOOD = '1';
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  expect(rows).toHaveLength(20);
  for (const [ip, tcp, udp, vlan] of rows) {
    expect(['', GOOD]).toContain(ip);
    expect([tcp, udp].filter(Boolean)).toEqual([GOOD]);
    expect(vlan).toBe('5');
  }
  expect(rows.filter(([ip]) => ip === GOOD)).toHaveLength(10);
});

/** A capture file (libpcap, Ethernet). */
function pcap(frames: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x4_0000, 16);
  header.writeUInt32LE(1, 20);
  return Buffer.concat([
    header,
    ...frames.flatMap((frame) => {
      const record = Buffer.alloc(16);
      record.writeUInt32LE(frame.length, 8);
      record.writeUInt32LE(frame.length, 12);
      return [record, frame];
    }),
  ]);
}
