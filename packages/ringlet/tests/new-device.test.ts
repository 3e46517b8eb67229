/** A new device as `ringlet new device` writes it: in the examples, running, and loaded anew while it runs. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type DeviceFlags, printDevice } from '../src/commands/device.ts';
import { printDissector } from '../src/commands/dissector.ts';
import { printSchema } from '../src/commands/schema.ts';
import { readMachineFile } from '../src/configuration/machine-file.ts';
import { cFiles } from '../src/kit/c-templates.ts';
import { devicePage } from '../src/kit/project-templates.ts';
import { typeScriptFiles } from '../src/kit/typescript-templates.ts';
import { PATIENTLY, ROOT, watch, type Watched } from './machines.ts';
import { RecordingHost } from './recording-host.ts';

const EXAMPLE = join(ROOT, 'examples/multiplier');
const IDENTITY = {
  name: 'multiplier',
  interfaceId: '7b1c6a52-3d0e-4f6b-8a4d-5e2f90c31a60',
  instanceId: '7b1c6a52-3d0e-4f6b-8a4d-5e2f90c31a61',
};

// When this fails because the templates have changed on purpose: npx vitest run packages/ringlet/tests/new-device -u
test('the example is what the command writes', async () => {
  const files = [...typeScriptFiles(IDENTITY), ...cFiles(IDENTITY), ['multiplier.md', devicePage(IDENTITY)] as const];
  for (const [file, text] of files) await expect(text).toMatchFileSnapshot(join(EXAMPLE, file));
});

test('its own tests pass', () => {
  const words = ['--conditions=@ringlet/source', '--import', 'tsx', '--test', 'multiplier.test.ts'];
  const { status, stdout } = spawnSync(process.execPath, words, { cwd: EXAMPLE, encoding: 'utf8' });
  expect(stdout).toContain('# pass 7\n# fail 0\n');
  expect(status).toBe(0);
});

test('it says what it is: its options, its packets, its header and its page', async () => {
  const file = join(EXAMPLE, 'multiplier.ts');
  const run = async (flags: DeviceFlags = {}): Promise<string> => {
    const host = new RecordingHost();
    expect(await printDevice(file, flags, host)).toBe(0);
    return host.stdout;
  };
  const stdout = await run();
  expect(stdout).toContain(`instance   ${IDENTITY.instanceId}\n`);
  expect(stdout).toContain('factor  integer from 1 to 1000; 2 otherwise  What each value is multiplied by\n');
  expect(stdout).toContain('Answer (2), host to guest, 12 bytes: the answer, and how many there were\n');
  expect(await run({ header: true })).toBe(readFileSync(join(EXAMPLE, 'multiplier.h'), 'utf8'));
  const [, declared] = readFileSync(join(EXAMPLE, 'multiplier.md'), 'utf8').split('`.\n\n');
  expect(await run({ page: true })).toBe(declared!.replaceAll('multiplier.ts,', `${file},`));
  expect(JSON.parse(await run({ json: true }))).toMatchObject({
    name: 'multiplier',
    options: { properties: { factor: { minimum: 1, maximum: 1000, default: 2 } } },
    messages: [{ name: 'Ask', tag: 1, bytes: 8 }, { name: 'Answer' }, { name: 'Refusal' }],
  });
});

test('Wireshark learns its packets', async () => {
  const host = new RecordingHost();
  await printDissector({ device: [join(EXAMPLE, 'multiplier.ts')] }, host);
  expect(host.stdout).toContain('multiplier.answer');
});

test('an editor learns its options from the schema of machine files', async () => {
  const host = new RecordingHost();
  await printSchema([join(EXAMPLE, 'multiplier.ts')], host);
  const [one] = (
    JSON.parse(host.stdout) as {
      anyOf: { properties: { devices: { items: { allOf: { if: object; then: object }[] } } } }[];
    }
  ).anyOf;
  const [condition, ...others] = one!.properties.devices.items.allOf;
  expect(others).toEqual([]);
  expect(condition!.if).toMatchObject({ properties: { path: { pattern: String.raw`(^|/)multiplier\.ts$` } } });
  expect(condition!.then).toMatchObject({
    properties: { options: { properties: { factor: { maximum: 1000, description: expect.any(String) } } } },
  });
});

test('a machine file tells it its options, and is told what is wrong with them', async () => {
  const folder = copyOfExample();
  const file = join(folder, 'wrong.yaml');
  const machine = (options: string): string =>
    `guest: multiplier.guest.ts\ndevices: [{ path: multiplier.ts, options: ${options} }]\n`;
  const made = (options: string): Watched => {
    writeFileSync(file, machine(options));
    return watch({ ...readMachineFile(file)[0]!, harness: 'lockstep' });
  };
  const example = watch({ ...readMachineFile(join(folder, 'machine.yaml'))[0]!, harness: 'lockstep' });
  await example.machine.start();
  await example.printed('21 -> 63, answer 1\n');
  await expect(made('{ factor: many }').machine.start()).rejects.toMatchObject({
    code: 'device-options-invalid',
    message: expect.stringMatching(
      /wrong\.yaml:2:53: .*multiplier\.ts: option "factor": expected number, .*; it was given "many"/,
    ),
  });
});

/** A folder in the repository, so that its imports lead where a user's would. */
function copyOfExample(): string {
  const folder = mkdtempSync(join(ROOT, 'examples/.ringlet-device-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(EXAMPLE, folder, { recursive: true });
  return folder;
}

async function running(folder: string, harness: 'threads' | 'lockstep'): Promise<Watched & { file: string }> {
  const file = join(folder, 'multiplier.ts');
  const guest = join(folder, 'multiplier.guest.ts');
  const watched = watch({ guest, args: ['--follow'], devices: [file], harness });
  await watched.machine.start();
  return { ...watched, file };
}

const change = (file: string, from: string, to: string): void => {
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
};

test.each(['threads', 'lockstep'] as const)(
  '%s: a new version takes the place of the old one, with its state',
  async (harness) => {
    const { machine, file, printed, console } = await running(copyOfExample(), harness);
    await printed('22 -> 44, answer 2\n');
    change(file, 'question.value * this.#factor', 'question.value + 1000');
    await machine.devices.reload(file);
    await printed('21 -> 1021');
    const answers = [...console().matchAll(/answer (\d+)\n/g)].map((match) => Number(match[1]));
    expect(answers).toEqual(answers.map((_, i) => i + 1));
    expect(await machine.inspect('devices')).toMatchObject([{ file, name: 'multiplier', replacements: 1 }]);
  },
);

test('a version that does not compile, throws, or refuses the state leaves the old one as it was', async () => {
  const { machine, file, printed, console, events } = await running(copyOfExample(), 'threads');
  await printed('21 -> 42, answer 1\n');
  const original = readFileSync(file, 'utf8');
  for (const [code, from, to, says] of [
    ['guest-not-compiled', 'export default', 'export defalt', /multiplier\.ts:9:/],
    [
      'device-invalid',
      'const options',
      "throw new Error('at once');\nconst options",
      /at once[\s\S]*multiplier\.ts:5:7/,
    ],
    ['device-invalid', 'this.#world = world', "throw new Error('not made')", /not made/],
    ['device-invalid', '  packet(', '  pocket(', /no method packet/],
    ['device-options-invalid', '.default(2)', '', /option "factor".*missing/],
    [
      'device-state-refused',
      'void (this.#count = state.count)',
      "{ throw new Error('what is this?') }",
      /restore\(\) threw: what is this\?/,
    ],
  ] as const) {
    writeFileSync(file, original);
    change(file, from, to);
    await expect(machine.devices.reload(file)).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
  }
  const before = console().length;
  await expect.poll(() => console().slice(before), PATIENTLY).toMatch(/ -> \d+, answer/);
  expect(console()).not.toContain('gone');
  expect(events.filter(({ type }) => type === 'device-replaced' || type === 'channel-closed')).toEqual([]);
  await expect(machine.devices.reload('elsewhere.ts')).rejects.toMatchObject({ code: 'device-not-found' });
});

test('its timers run only once it is real: the version on trial has none', async () => {
  const { machine, file, printed, console } = await running(copyOfExample(), 'lockstep');
  await printed('answer 1\n');
  change(file, 'this.#factor = factor;', 'this.#factor = factor;\n    world.after(1, () => this.#count += 1000);');
  await machine.devices.reload(file);
  await printed('21 -> 42, answer 1');
  await expect.poll(console, PATIENTLY).toMatch(/answer 100\d\n/);
  expect(console()).not.toMatch(/answer [2-9]\d\d\d\n/);
});
