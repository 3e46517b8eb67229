import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkedOptions } from './device-options.ts';
import { parseMachineFile } from './machine-file.ts';
import type { DeviceOption } from './options.ts';

class Device {
  static readonly options = z.strictObject({
    rate: z.int().min(1).max(9),
    lanes: z.array(z.strictObject({ width: z.int() })).optional(),
  });
}

/** What is said of the only device of the only machine, or of the machine `b`. */
function refusal(source: string, of: unknown = Device): string {
  const machine = parseMachineFile(source, 'lab/machine.yaml').find(({ name }) => name === undefined || name === 'b')!;
  const { options: values = {}, places } = machine.devices![0] as DeviceOption;
  const told = structuredClone({ values, asText: false, ...(places && { places }) });
  try {
    checkedOptions('/lab/d.ts', of, told);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error('the options were accepted');
}

test('a mistake in the options of a device is told with its line and column', () => {
  const source = `
guest: a.ts
devices:
  - path: d.ts
    options:
      vebrose: true
      rate: 10
      lanes:
        - { width: 1 }
        - { width: wide }
`;
  expect(refusal(source).split('\n')).toEqual([
    'lab/machine.yaml:6:7: /lab/d.ts: "vebrose" is not an option of it; it has rate, lanes',
    expect.stringMatching(/^lab\/machine\.yaml:7:13: \/lab\/d\.ts: option "rate": Too big/),
    expect.stringMatching(/^lab\/machine\.yaml:10:20: \/lab\/d\.ts: option "lanes\.1\.width": expected number/),
  ]);
});

test('one that is missing is told where the device is', () => {
  expect(refusal('guest: a.ts\ndevices:\n  - path: d.ts\n    options: {}\n')).toMatch(
    /^lab\/machine\.yaml:3:5: .*"rate"/,
  );
  expect(refusal('guest: a.ts\ndevices:\n  - { path: d.ts }\n')).toMatch(/^lab\/machine\.yaml:3:5: .*"rate"/);
});

test('the device of one of several machines is found in the file', () => {
  const source = `machines:
  a: { guest: a.ts }
  b:
    guest: b.ts
    devices: [{ path: d.ts, options: { rate: 0 } }]
`;
  expect(refusal(source)).toMatch(/^lab\/machine\.yaml:5:46: .*option "rate": Too small/);
});

test('options of a device that takes none are told where they stand', () => {
  const source = 'guest: a.ts\ndevices:\n  - { path: d.ts, options: { rate: 1 } }\n';
  expect(refusal(source, class {})).toBe('lab/machine.yaml:3:30: /lab/d.ts: it has no options, and was given "rate"');
});

test('options that are an alias are told where the alias is', () => {
  const source =
    'guest: a.ts\nargs: [x]\ndevices:\n  - { path: a.ts, options: &o { rate: 0 } }\n  - { path: d.ts, options: *o }\n';
  const [, second] = parseMachineFile(source, 'lab/machine.yaml')[0]!.devices!;
  const { options: values = {}, places } = second as DeviceOption;
  expect(() => checkedOptions('/lab/d.ts', Device, { values, asText: false, ...(places && { places }) })).toThrow(
    'lab/machine.yaml:5:5: /lab/d.ts: option "rate": Too small',
  );
});
