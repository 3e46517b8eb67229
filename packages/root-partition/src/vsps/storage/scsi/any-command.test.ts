/** Whatever a guest sends: every command ends once, and touches nothing but its own buffer. */
import { ScsiOp } from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TestDisk } from '../storage-fixture.ts';
import { DiskUnit } from './disk-unit.ts';
import { DvdUnit } from './dvd-unit.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { bufferOf, makeTask } from './unit-fixture.ts';

const opcodes = Object.values(ScsiOp);
const command = fc.record({
  opcode: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...opcodes) }, { weight: 1, arbitrary: fc.nat(255) }),
  // Small numbers reach further than noise.
  rest: fc
    .uint8Array({ minLength: 15, maxLength: 15, max: 255 })
    .chain((noise) => fc.constantFrom(0, 0x03, 0x1f, 0xff).map((mask) => noise.map((byte) => byte & mask))),
  length: fc.constantFrom(0, 1, 7, 24, 511, 512, 4096, 32_768),
  writes: fc.boolean(),
  fill: fc.nat(255),
  initiator: fc.nat(2),
});

test.each<[string, () => LogicalUnit]>([
  ['a disk', () => new DiskUnit(new TestDisk({ sectors: 512 }), 65_536)],
  ['a disk of 4096-byte sectors', () => new DiskUnit(new TestDisk({ sectors: 64, sectorSize: 4096 }), 65_536)],
  ['a read-only disk that cannot unmap', () => new DiskUnit(new TestDisk({ readOnly: true, unmaps: false }), 65_536)],
  ['a drive with a disc', () => new DvdUnit(new Uint8Array(16), 65_536, new TestDisk({ optical: true }))],
  ['an empty drive', () => new DvdUnit(new Uint8Array(16), 65_536)],
])('ST24: every command that %s is sent ends exactly once, inside its own memory', (_, make) => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 12 }), (commands) => {
      const unit = make();
      for (let initiator = 0; initiator < 3; initiator++) unit.attentions.attach(initiator);
      for (const { opcode, rest, length, writes, fill, initiator } of commands) {
        const cdb = [opcode, ...rest];
        const task = makeTask(
          cdb,
          writes ? { out: new Uint8Array(length).fill(fill), initiator } : { room: length, initiator },
        );
        const sent = bufferOf(task)!;

        unit.execute(task);

        expect(task.endings).toBe(1);
        expect(task.transferred).toBeLessThanOrEqual(length);
        const after = bufferOf(task);
        expect(after, 'the memory around the buffer').toBeDefined();
        expect(!writes || Buffer.compare(after!, sent) === 0, 'the data that was sent is as it was').toBe(true);
      }
      expect(JSON.parse(JSON.stringify(unit.save()))).toEqual(unit.save());
    }),
    { numRuns: 60 },
  );
});
