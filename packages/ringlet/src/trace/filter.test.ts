import { expect, test } from 'vitest';
import { parseFilter } from './filter.ts';
import type { TraceRecord } from './trace-record.ts';

const record: TraceRecord = {
  time: 1.5,
  kind: 'packet',
  sender: 'guest',
  vp: 1,
  partition: 2,
  relid: 8,
  device: 'scsi',
  interfaceId: 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f',
  length: 104,
  frame: new Uint8Array(0),
  layouts: [
    { layout: 'trace', title: '', at: 0, depth: 0, fields: [{ name: 'version', at: 0, size: 1, value: 1 }] },
    {
      layout: 'cdb',
      title: '',
      at: 1,
      depth: 2,
      fields: [
        { name: 'opcode', at: 1, size: 1, value: 0x28, text: 'READ_10' },
        { name: 'flags', at: 2, size: 1, value: 3, text: 'FAST|FORCED' },
        { name: 'lba', at: 3, size: 8, value: 2048n },
        { name: 'id', at: 11, size: 16, value: 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f' },
      ],
    },
  ],
};

test.each([
  'device=storage && kind=packet && opcode=READ_10',
  'device=scsi and opcode==read10',
  'opcode=0x28',
  'opcode=40',
  'cdb.opcode~READ',
  'lba>=2048 && lba<0x801',
  'flags=forced',
  'id~ba6163d9',
  '!(sender=root) && not kind=msr',
  'kind=msr || lba',
  'cdb',
  'relid=8 && vp=1 && partition=2 && time>1.4',
  'opcode!=WRITE_10',
  '"device"="scsi" || device=\'scsi\''.replace('"device"', 'device'),
  'kind=msr && lba || lba',
])('%s holds', (source) => expect(parseFilter(source)(record)).toBe(true));

test.each([
  'opcode=WRITE_10',
  'device=network',
  'kind=msr && (lba || lba)',
  'opcode!=READ_10',
  'blocks>0',
  'version=1',
  'lba>2048',
  'vmbus',
])('%s does not', (source) => expect(parseFilter(source)(record)).toBe(false));

test.each([
  ['', 1, 'the name of a field is missing'],
  ['device=', 8, 'a value is missing'],
  ['device=scsi opcode=1', 13, '"&&" or "||" is missing'],
  ['(device=scsi', 13, '")" is missing'],
  ['lba>READ', 5, 'compares with a number'],
  ['lba=1 & x', 7, '"&" has no meaning'],
  ['lba && && x', 8, 'the name of a field'],
  ['!'.repeat(65) + 'x', 65, 'too deeply'],
])('%j is refused, and the column is named', (source, column, why) => {
  expect(() => parseFilter(source)).toThrow(
    expect.objectContaining({
      code: 'trace-filter-invalid',
      message: expect.stringMatching(new RegExp(`^column ${column}: `)),
    }),
  );
  expect(() => parseFilter(source)).toThrow(why);
});
