import fc from 'fast-check';
import { expect, test } from 'vitest';
import { read32 } from '../packet/bytes.ts';
import { helloLength, readHello, writeHello } from './hello.ts';

test('a hello is read as it was written, and its prefix is no length of a frame', () => {
  const hello = fc.record(
    {
      name: fc.string({ maxLength: 30 }),
      mac: fc.constantFrom('02:52:6c:00:00:01', 'fe:dc:ba:98:76:54'),
      vlan: fc.integer({ min: 1, max: 4094 }),
      trunk: fc.array(fc.integer({ min: 1, max: 4094 }), { maxLength: 5 }),
      isolated: fc.boolean(),
    },
    { requiredKeys: ['name'] },
  );
  fc.assert(
    fc.property(hello, (said) => {
      const bytes = writeHello(said);
      expect(helloLength(read32(bytes, 0))).toBe(bytes.length - 4);
      expect(readHello(bytes.subarray(4))).toEqual(said);
    }),
  );
  fc.assert(fc.property(fc.nat(70_000), (length) => helloLength(length) === undefined));
});

test('what is no hello is refused', () => {
  const read = (text: string) => readHello(new TextEncoder().encode(text));
  const wrong = ['', '{', 'null', '[]', '{"name":1}', '{"name":"a","vlan":0}', '{"name":"a","vlan":"1"}'];
  wrong.push('{"name":"a","trunk":[4095]}', '{"name":"a","trunk":"1"}', '{"name":"a","isolated":1}');
  wrong.push('{"name":"a","mac":1}', '{"name":"a","mac":"02:52"}', '{"name":"a","mac":"02:52:6C:00:00:01"}');
  for (const text of wrong) expect(read(text)).toBeUndefined();
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void readHello(bytes)));
});
