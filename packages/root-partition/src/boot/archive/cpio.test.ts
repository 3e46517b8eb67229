import fc from 'fast-check';
import { expect, test } from 'vitest';
import { refusal } from '../boot-fixture.ts';
import { UserError } from '@ringlet/wire';
import { FileKind, readCpio, writeCpio, type CpioEntry } from './cpio.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const word = fc.integer({ min: 0, max: 0xffff_ffff });
const entry: fc.Arbitrary<CpioEntry> = fc.record({
  name: fc.string({ minLength: 1, maxLength: 20 }).map((name) => name.replaceAll('\0', '.')),
  mode: word,
  data: fc.uint8Array({ maxLength: 40 }),
  uid: word,
  gid: word,
  modified: word,
  device: fc.tuple(word, word),
  inode: word,
  links: word,
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 4 }), (entries) => {
      const archive = writeCpio(entries);
      const { entries: read, end } = readCpio(archive);
      expect(read.map((one) => ({ ...one, data: new Uint8Array(one.data) }))).toEqual(
        entries.map((one) => ({ ...one, data: new Uint8Array(one.data) })),
      );
      expect(end).toBe(archive.length);
    }),
  );
});

test('a member is a header of 110 characters, and name and data padded to four bytes', () => {
  const archive = writeCpio([{ name: 'init', mode: FileKind.Regular | 0o755, data: bytes('#!') }]);
  const text = new TextDecoder().decode(archive);
  expect(text.slice(0, 22)).toBe('070701' + '00000001' + '000081ed');
  expect(text.slice(110, 124)).toBe('init\0\0#!\x00\x000707');
  expect(archive.length % 4).toBe(0);
});

test('an archive behind zeros and another archive is read from where that one ends', () => {
  const first = writeCpio([{ name: 'a', mode: FileKind.Regular }]);
  const second = writeCpio([{ name: 'b', mode: FileKind.Regular }]);
  const both = Buffer.concat([first, new Uint8Array(512), second]);
  const { end } = readCpio(both);
  expect(readCpio(both, end).entries.map(({ name }) => name)).toEqual(['b']);
});

test('a member with a checksum is compared with it', () => {
  const summed = writeCpio([{ name: 'a', mode: FileKind.Regular, data: bytes('ab') }]);
  summed[5] = 0x32;
  expect(() => readCpio(summed)).toThrow('a does not match its checksum');
  summed.set(bytes('000000c3'), 102);
  expect(readCpio(summed).entries[0]!.name).toBe('a');
});

test('an archive without its trailer is refused', () => {
  const archive = writeCpio([{ name: 'a', mode: FileKind.Regular }]);
  expect(() => readCpio(archive.subarray(0, 112))).toThrow(UserError);
});

test('no bytes make the reader fail in another way than by an error for the user', () => {
  const archive = writeCpio([{ name: 'dir/file', mode: FileKind.Regular, data: bytes('contents') }]);
  fc.assert(
    fc.property(fc.nat(archive.length - 1), fc.nat(255), fc.nat(archive.length), (at, value, length) => {
      const changed = archive.slice(0, length);
      if (at < length) changed[at] = value;
      expect(['none', 'file-damaged']).toContain(refusal(() => readCpio(changed)));
    }),
  );
});
