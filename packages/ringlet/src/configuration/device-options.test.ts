import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseDeviceFlag } from './device-flag.ts';
import { checkedOptions } from './device-options.ts';

class Device {
  static readonly options = z.strictObject({
    rate: z.int().min(1).max(9).default(3),
    verbose: z.boolean().default(false),
    label: z.string().optional(),
    lanes: z.array(z.int()).optional(),
    size: z.bigint().optional(),
  });
}

const given = (text: string) => {
  const { options: values = {}, asText = false } = parseDeviceFlag(text);
  return { values, asText };
};
const told = (text: string, of: unknown = Device): unknown => checkedOptions('/lab/d.ts', of, given(text));

test('words of a command line become what their options want, and defaults are filled in', () => {
  expect(told('d.ts')).toEqual({ rate: 3, verbose: false });
  expect(told('d.ts,rate=5,verbose,label=5,lanes=1,lanes=2,size=9')).toEqual({
    rate: 5,
    verbose: true,
    label: '5',
    lanes: ['1', '2'].map(Number),
    size: 9n,
  });
  expect(told('d.ts,lanes=7')).toEqual({ rate: 3, verbose: false, lanes: [7] });
  expect(told('d.ts,label=a=b,,c')).toMatchObject({ label: 'a=b,c' });
});

test('values of a file or a program are taken as they are', () => {
  expect(() => checkedOptions('/lab/d.ts', Device, { values: { rate: '5' }, asText: false })).toThrow(
    '/lab/d.ts: option "rate": expected number, received string; it was given "5"',
  );
});

test('every mistake is named, with its option, and with what was probably meant', () => {
  expect(() => told('d.ts,rate=0,vebrose,colour=red')).toThrow(
    [
      '/lab/d.ts: "vebrose" is not an option of it; did you mean "verbose"?',
      '/lab/d.ts: "colour" is not an option of it; it has rate, verbose, label, lanes, size',
      '/lab/d.ts: option "rate": Too small: expected number to be >=1; it was given "0"',
    ].join('\n'),
  );
  expect(() => told('d.ts,rate=fast')).toThrow('option "rate": expected number, received string; it was given "fast"');
});

test('an option that is needed and missing is named', () => {
  const Needy = { options: z.strictObject({ file: z.string() }) };
  expect(() => told('d.ts', Needy)).toThrow('option "file": expected string, received undefined; it is missing');
});

test('a device that declares no options takes none', () => {
  expect(told('d.ts', class {})).toBeUndefined();
  expect(() => told('d.ts,rate=1', class {})).toThrow('it has no options, and was given "rate"');
});

test('a device cannot wait for its options', () => {
  const Slow = { options: z.strictObject({ a: z.string().refine(async () => true) }) };
  expect(() => told('d.ts,a=b', Slow)).toThrow(expect.objectContaining({ code: 'device-invalid' }));
});

test.each(['', ',rate=1', 'd.ts,', 'd.ts,=5'])('--device %j is refused', (text) => {
  expect(() => parseDeviceFlag(text)).toThrow(expect.objectContaining({ code: 'device-flag-invalid' }));
});

test('a comma of a file name is doubled', () => {
  expect(parseDeviceFlag('a,,b.ts')).toEqual({ path: 'a,b.ts' });
});
