/** The published JSON Schema of machine files, in the hands of a validator that is not ours: it and the checks agree. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { printSchema } from '../src/commands/schema.ts';
import { parseMachineFile } from '../src/configuration/machine-file.ts';
import { ROOT } from './machines.ts';
import { RecordingHost } from './recording-host.ts';

const examples = readdirSync(join(ROOT, 'examples'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.ya?ml$/.test(file) && !file.includes('node_modules') && !file.includes('.ringlet-'))
  .map((file) => join('examples', file));

const validator = (schema: object) => new Ajv2020({ allErrors: true, strictTypes: false }).compile(schema);
const published = validator(JSON.parse(readFileSync(join(ROOT, 'docs/machine.schema.json'), 'utf8')) as object);

/** What our own checks say. */
function accepted(source: string): boolean {
  try {
    return parseMachineFile(source, '/lab/machine.yaml').length > 0;
  } catch {
    return false;
  }
}

test.each(examples)('%s is what the schema allows', (file) => {
  const source = readFileSync(join(ROOT, file), 'utf8');
  published(parse(source));
  expect(published.errors ?? []).toEqual([]);
  expect(accepted(source)).toBe(true);
});

test.each([
  'guest: a.ts\nmemroy: 64M',
  'cpus: 2',
  'guest: a.ts\nkernel: b',
  'guest: a.ts\nappend: quiet',
  'guest: a.ts\ncpus: many',
  'guest: a.ts\ncpus: 65',
  'guest: a.ts\ndisks: [{ path: a.img, kep: true }]',
  'guest: a.ts\ndisks: [{ path: a.img, lun: 64 }]',
  'guest: a.ts\ndevices: [{ options: { factor: 3 } }]',
  'guest: a.ts\nnetworks: [{ kind: nut }]',
  'machines:\n  a/b: { guest: a.ts }',
])('%j is refused by an editor and by us', (source) => {
  expect(published(parse(source))).toBe(false);
  expect(accepted(source)).toBe(false);
});

test('the schema of a device refuses what the device would, in a mapping for that device only', async () => {
  const host = new RecordingHost();
  await printSchema([join(ROOT, 'examples/multiplier/multiplier.ts')], host);
  const known = validator(JSON.parse(host.stdout) as object);
  const device = (path: string, options: string): boolean =>
    known(parse(`guest: a.ts\ndevices: [{ path: ${path}, options: ${options} }]`));
  expect(known(parse(readFileSync(join(ROOT, 'examples/multiplier/machine.yaml'), 'utf8')))).toBe(true);
  expect(device('../multiplier.ts', '{ factor: 1000 }')).toBe(true);
  expect(device('../multiplier.ts', '{ factor: 1001 }')).toBe(false);
  expect(device('../multiplier.ts', '{ factor: many }')).toBe(false);
  expect(device('../multiplier.ts', '{ facter: 3 }')).toBe(false);
  expect(device('../other.ts', '{ facter: many }')).toBe(true);
});
