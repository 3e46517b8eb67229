import { expect, test } from 'vitest';
import { BackupMessage } from './backup.ts';
import { FileCopyHeader, FileCopyStart, FileCopyWrite } from './file-copy.ts';

test('payloads are as long as Linux’s, behind the 28 bytes of the header', () => {
  expect([FileCopyHeader.size, FileCopyStart.size, FileCopyWrite.size, BackupMessage.size]).toEqual([
    36, 1088, 6196, 12,
  ]);
});

test('fields are where Linux looks for them', () => {
  const start = FileCopyStart.encode({ operation: 0, name: 'n', path: 'p', flags: 3, size: 5n });
  const view = new DataView(start.buffer);
  expect([start[36], start[556], view.getUint32(1076, true), view.getUint32(1080, true)]).toEqual([0x6e, 0x70, 3, 5]);
  const write = FileCopyWrite.encode({ operation: 1, offset: 7n, size: 2, data: Uint8Array.of(8, 9) });
  const words = new DataView(write.buffer);
  expect([words.getUint32(40, true), words.getUint32(48, true), write[52], write[53]]).toEqual([7, 2, 8, 9]);
});
