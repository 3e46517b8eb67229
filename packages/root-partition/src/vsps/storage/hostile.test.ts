/** Whatever a guest writes into its ring: no throw, one answer for each transaction, no memory but the named. */
import { VSTOR_PACKET_SIZE, VstorAt, VstorOperation } from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DATA_GPA, DATA_PAGE, StorageBench, TestDisk } from './storage-fixture.ts';

const PAGE = 4096;
/** Pages that hostile requests may name for data. */
const DATA_PAGES = 8;

const packet = fc.record({
  noise: fc.uint8Array({ maxLength: 96 }),
  operation: fc.oneof({ weight: 4, arbitrary: fc.constant(VstorOperation.ExecuteSrb) }, fc.nat(16)),
  valid: fc.boolean(),
  opcode: fc.nat(255),
  lun: fc.nat(3),
  direction: fc.nat(3),
  transfer: fc.constantFrom(0, 1, 512, 4096, 9000, 0xffff_ffff),
  range: fc.option(
    fc.record({
      length: fc.integer({ min: 1, max: 2 * PAGE }),
      offset: fc.nat(PAGE - 1),
      pages: fc.array(fc.oneof(fc.integer({ min: DATA_PAGE, max: DATA_PAGE + DATA_PAGES - 1 }), fc.constant(2 ** 51)), {
        minLength: 3,
        maxLength: 3,
      }),
    }),
  ),
});

test('ST24: random packets throw nothing, are each answered once, and touch only the pages they name', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 30 }), fc.boolean(), (packets, negotiated) => {
      const bench = new StorageBench({
        disks: [
          { disk: new TestDisk({ sectors: 64 }) },
          { disk: new TestDisk({ sectors: 64, readOnly: true }), lun: 1 },
          { lun: 2 },
        ],
      });
      const line = negotiated ? bench.openReady() : bench.open()!;
      const beyond = DATA_GPA + DATA_PAGES * PAGE;
      bench.memory.fill(beyond, 0x5a, 16 * PAGE);

      packets.forEach((hostile, i) => {
        const bytes = bytesOf(hostile);
        const id = 1000 + i;
        if (hostile.range === null) line.guest.request(bytes, id, 0);
        else line.guest.requestDirect(bytes, hostile.range.pages, hostile.range.offset, hostile.range.length, id, 0);
        line.guest.flush();
        bench.settle();
      });

      expect(line.answers.map(({ id }) => id)).toEqual(packets.map((_, i) => 1000 + i));
      expect(bench.data(16 * PAGE, beyond).every((byte) => byte === 0x5a)).toBe(true);
      expect(bench.vsp.inspect()).toMatchObject({ channels: [{ outstanding: 0 }] });
      expect(line.root.state).toBe('open');
    }),
    { numRuns: 100 },
  );
});

test('ST24: packets of other ring types are answered, when they ask for it, and counted', () => {
  const bench = new StorageBench();
  const line = bench.openReady();

  line.guest.completeTransaction(7, 0, new Uint8Array(64));
  line.guest.flush();
  bench.settle();

  expect(line.answers).toEqual([]);
  expect(bench.guestErrors).toEqual(['a packet that asks for no answer']);
});

function bytesOf(hostile: {
  noise: Uint8Array;
  operation: number;
  valid: boolean;
  opcode: number;
  lun: number;
  direction: number;
  transfer: number;
}): Uint8Array {
  if (!hostile.valid) return hostile.noise;
  const bytes = new Uint8Array(VSTOR_PACKET_SIZE);
  bytes.set(hostile.noise.subarray(0, VSTOR_PACKET_SIZE));
  const view = new DataView(bytes.buffer);
  view.setUint32(VstorAt.operation, hostile.operation, true);
  bytes[VstorAt.pathId] = 0;
  bytes[VstorAt.targetId] = 0;
  bytes[VstorAt.lun] = hostile.lun;
  bytes[VstorAt.dataIn] = hostile.direction;
  view.setUint32(VstorAt.dataTransferLength, hostile.transfer, true);
  bytes[VstorAt.cdb] = hostile.opcode;
  return bytes;
}
