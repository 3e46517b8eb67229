import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { schemaText } from '../commands/schema.ts';
import { isMachineFile, parseMachineFile, readMachineFile } from './machine-file.ts';

const parse = (source: string) => parseMachineFile(source, '/lab/machine.yaml');

/** The message that a file is refused with. */
function refusal(source: string): string {
  try {
    parse(source);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error('the file was accepted');
}

/** What becomes of a file: `machines`, or the name of the error. */
function outcome(source: string): string {
  try {
    return parse(source).length > 0 ? 'machines' : 'nothing';
  } catch (error) {
    return error instanceof Error ? error.name : 'not an error';
  }
}

test('a guest is all that a machine needs, and its path is relative to the file', () => {
  expect(parse('guest: ./hello.ts')).toEqual([{ guest: '/lab/hello.ts' }]);
});

test('a network is written as after --net, or field by field; its files are relative to the file', () => {
  const source = `
guest: guest.ts
networks:
  - nat,forward=2222:22
  - { kind: switch, to: lan.sock/, vlan: 5, capture: lan.pcapng, mac: '02:52:6c:00:00:07' }
  - kind: nat
    forward: ['udp:5353:53']
    loss: 0.05
`;
  expect(parse(source)[0]!.networks).toEqual([
    { kind: 'nat', forwards: [{ hostPort: 2222, guestPort: 22 }] },
    { kind: 'switch', path: '/lab/lan.sock', vlan: 5, capture: '/lab/lan.pcapng', mac: '02:52:6c:00:00:07' },
    { kind: 'nat', forwards: [{ protocol: 'udp', hostPort: 5353, guestPort: 53 }], faults: { loss: 0.05 } },
  ]);
});

test('a mistake in a network is told with its place', () => {
  expect(refusal('guest: a.ts\nnetworks:\n  - nut')).toContain('machine.yaml:3:5: networks[0]: expected a network');
  expect(refusal('guest: a.ts\nnetworks:\n  - nut')).toContain('did you mean "nat"?');
  expect(refusal('guest: a.ts\nnetworks: [{ kind: nat, vlan: 3 }]')).toContain('"vlan" is not something');
  expect(refusal('guest: a.ts\nnetworks: [{ kind: nat, mtuu: 3 }]')).toContain('did you mean "mtu"?');
  expect(refusal('guest: a.ts\nnetworks: [{ kind: nat, mtu: 20 }]')).toContain('a whole number from 576 to 9000');
});

test('every setting arrives as the library takes it', () => {
  const source = `
name: web
guest: guest.ts
args: [fast, now]
cpus: 2
memory: 256M
disks:
  - root.vhdx
  - { path: /data/big.img, keep: true, format: raw, controller: 0, target: 1, lun: 2 }
devices: [echo.ts]
harness: lockstep
seed: 7
weight: 200
cap: 50
reserve: 10
`;
  expect(parse(source)).toEqual([
    {
      name: 'web',
      guest: '/lab/guest.ts',
      args: ['fast', 'now'],
      cpus: 2,
      memory: 256 * 1024 * 1024,
      disks: [
        { path: '/lab/root.vhdx' },
        { path: '/data/big.img', keep: true, format: 'raw', controller: 0, target: 1, lun: 2 },
      ],
      devices: ['/lab/echo.ts'],
      harness: 'lockstep',
      seed: 7,
      weight: 200,
      cap: 50,
      reserve: 10,
    },
  ]);
});

test('a kernel, its initial RAM disk and words for it are read, paths relative to the file', () => {
  expect(parse('kernel: bzImage\ninitrd: ../initrd.img\nappend: quiet panic=1\n')).toEqual([
    { kernel: '/lab/bzImage', initrd: '/initrd.img', commandLine: 'quiet panic=1' },
  ]);
});

test.each([
  ['guest: a.ts\nkernel: b\n', ':2:9: kernel: expected only one of "guest" and "kernel", not "b"'],
  ['guest: a.ts\ninitrd: b\n', ':2:9: initrd: expected "kernel" beside it, not "b"'],
  ['guest: a.ts\nappend: b\n', ':2:9: append: expected "kernel" beside it, not "b"'],
  ['kernel: a\nargs: [b]\n', ':2:7: args: expected "append": "args" go with "guest"'],
  ['machines:\n  web: { guest: a.ts, kernel: b }\n', ': machines.web.kernel: expected only one of'],
])('%j mixes guest module and kernel', (source, where) => {
  expect(refusal(source)).toContain(where);
});

test('several machines stand under machines, each under its name', () => {
  const source = 'machines:\n  left: { guest: a.ts }\n  right: { guest: b.ts, cpus: 2 }\n';
  expect(parse(source)).toEqual([
    { name: 'left', guest: '/lab/a.ts' },
    { name: 'right', guest: '/lab/b.ts', cpus: 2 },
  ]);
});

test('a misspelt setting is named with its line, its column and what was probably meant', () => {
  expect(refusal('guest: a.ts\nmemroy: 64M\n')).toBe(
    '/lab/machine.yaml:2:1: memroy is not a setting; did you mean "memory"?',
  );
});

test('a value of the wrong kind is named with its position, its path and what was expected', () => {
  expect(refusal('guest: a.ts\ncpus: many\n')).toBe(
    '/lab/machine.yaml:2:7: cpus: expected a count of virtual processors, a whole number from 1 to 64, not "many"',
  );
});

test('a mistake inside a disk is reported where it stands, not at the list', () => {
  const source = 'guest: a.ts\ndisks:\n  - a.img\n  - path: b.img\n    kep: true\n    lun: 300\n';
  expect(refusal(source).split('\n')).toEqual([
    '/lab/machine.yaml:6:10: disks[1].lun: expected a SCSI logical unit, a whole number from 0 to 63, not 300',
    '/lab/machine.yaml:5:5: disks[1].kep is not a setting; did you mean "keep"?',
  ]);
});

test('a missing setting is reported at the mapping that lacks it', () => {
  expect(refusal('machines:\n  web:\n    cpus: 1\n')).toBe(
    '/lab/machine.yaml:3:5: machines.web.guest: expected "guest" or "kernel", and it is missing',
  );
});

test('a disk that keeps writes and allows none is refused', () => {
  const source = 'guest: a.ts\ndisks:\n  - { path: a.img, keep: true, readOnly: true }\n';
  expect(refusal(source)).toContain('machine.yaml:3:26: disks[0].keep: expected only one of "keep" and "readOnly"');
});

test.each([['0.5M'], ['5G'], ['4097'], ['lots'], ['-1M']])('memory: %s is refused', (memory) => {
  expect(refusal(`guest: a.ts\nmemory: ${memory}\n`)).toContain(
    'machine.yaml:2:9: memory: expected a size such as 256M',
  );
});

test('a name that could not be a file name is refused where it stands', () => {
  expect(refusal('guest: a.ts\nname: ../x\n')).toContain('machine.yaml:2:7: name: expected a name of letters');
  expect(refusal('machines:\n  ok: { guest: a.ts }\n  a/b: { guest: a.ts }\n')).toContain(
    'machine.yaml:3:3: machines.a/b: expected a name',
  );
});

test('text that is not YAML is refused with its position', () => {
  expect(refusal('guest: [a.ts\nname: x')).toMatch(/^\/lab\/machine\.yaml:2:\d+: /);
  expect(refusal('guest: a.ts\nguest: b.ts\n')).toMatch(/^\/lab\/machine\.yaml:2:1: Map keys must be unique/);
});

test.each(['', '- a', 'just text', 'machines: {}', 'machines: [a]', 'null'])('%j is refused', (source) => {
  expect(refusal(source)).toContain('expected');
});

test('aliases that multiply without bound are refused', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`);
  expect(refusal(lines.join('\n'))).toContain('alias');
});

test('whatever is written, the answer is machines or a user error', () => {
  const words = [
    'guest',
    'disks',
    'machines',
    ': ',
    '\n',
    '  ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '&a',
    '*a',
    '!!x',
    '"',
    'a.ts',
    '1',
    '#',
    '<<',
  ];
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...words) }), (source) => {
      expect(outcome(source)).toMatch(/^(machines|UserError)$/);
    }),
    { numRuns: 500 },
  );
});

test('a file that is not there is a user error that names it', () => {
  expect(() => readMachineFile('/nowhere/machine.yaml')).toThrow(
    expect.objectContaining({
      code: 'machine-file-unreadable',
      message: expect.stringContaining('/nowhere/machine.yaml'),
    }),
  );
});

test('a file far too large is not read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-file-'));
  const path = join(folder, 'machine.yaml');
  writeFileSync(path, Buffer.alloc(2 * 1024 * 1024, '#'));
  expect(() => readMachineFile(path)).toThrow(expect.objectContaining({ code: 'machine-file-too-large' }));
  rmSync(folder, { recursive: true });
});

test('machine files are told from guests by their extension', () => {
  expect(['a.yaml', 'b.YML', 'c.ts', 'yaml'].map(isMachineFile)).toEqual([true, true, false, false]);
});

test('the published JSON Schema is the one the checks are made from', () => {
  const published = fileURLToPath(new URL('../../../../docs/machine.schema.json', import.meta.url));
  expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(JSON.parse(schemaText()));
});
