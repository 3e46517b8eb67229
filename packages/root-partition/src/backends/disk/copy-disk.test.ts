import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { copyDisk } from './copy-disk.ts';
import { openDisk } from './open-disk.ts';

const MIB = 1 << 20;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'ringlet-copy-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const closed = (disk: ReturnType<typeof openDisk>): Promise<unknown> => new Promise((done) => disk.close(done));

test.each(['raw', 'vhd', 'vhdx'] as const)(
  'a copy of the format %s has the contents, and no place for zeroes',
  async (format) => {
    const home = folder();
    const bytes = Buffer.alloc(9 * MIB + 1024 * 512);
    bytes.fill('first', 0, 5000);
    bytes.fill('last', bytes.length - 700);
    writeFileSync(join(home, 'a.raw'), bytes);
    const from = openDisk(join(home, 'a.raw'), { readOnly: true });
    const copy = join(home, `b.${format}`);
    expect(await copyDisk(from, copy, { format, io: 'inline' })).toBe(2 * 64 * 1024);
    await closed(from);

    const back = openDisk(copy, { readOnly: true });
    expect(back.kind).toContain(format);
    await copyDisk(back, join(home, 'c.raw'), { format: 'raw', io: 'inline' });
    await closed(back);
    expect(readFileSync(join(home, 'c.raw')).subarray(0, bytes.length).equals(bytes)).toBe(true);
  },
);

test('an image that is there is not touched', async () => {
  const home = folder();
  writeFileSync(join(home, 'a.raw'), Buffer.alloc(MIB, 'x'));
  writeFileSync(join(home, 'b.raw'), 'mine');
  const from = openDisk(join(home, 'a.raw'), { readOnly: true });
  await expect(copyDisk(from, join(home, 'b.raw'), { format: 'raw', io: 'inline' })).rejects.toMatchObject({
    code: 'disk-exists',
  });
  await closed(from);
  expect(readFileSync(join(home, 'b.raw'), 'utf8')).toBe('mine');
  expect(existsSync(join(home, 'a.raw'))).toBe(true);
});
