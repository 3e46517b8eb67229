/** What goes wrong in guests, in device files and in options: said with its place, and contained. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { example, fixture, footprint, guestWith, moduleWith, PATIENTLY, run, start, watch } from './machines.ts';

const hello = example('hello.ts');

/** A device file; `body` is that of its class. */
function deviceWith(body: string, instance = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2bff'): string {
  return moduleWith(
    `export default class Device {
      offer = {
        name: 'broken',
        interfaceId: '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10',
        instanceId: '${instance}',
      };
      ${body}
    }`,
    'device.ts',
  );
}

/** `path:line` of the first line of a file that contains `text`. */
function placeOf(path: string, text: string): string {
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .findIndex((each) => each.includes(text));
  return `${path}:${line + 1}:`;
}

test.each(['threads', 'lockstep'] as const)(
  'a guest that throws crashes, and the message names the line of its own file (%s)',
  async (harness) => {
    const path = guestWith(`await guest.sleep(1);\nconst nothing: any = undefined;\nnothing.field;`);
    const { result } = await run({ guest: path, harness });
    expect(result).toMatchObject({ reason: 'crash' });
    const { message } = result as { message: string };
    expect(message).toContain('TypeError');
    expect(message).toContain(placeOf(path, 'nothing.field'));
  },
);

test('a promise of the guest’s that fails and that nobody awaits crashes it', async () => {
  const path = guestWith(`void (async () => { throw new Error('nobody looks'); })();\nawait guest.sleep(1e9);`);
  const { result } = await run({ guest: path });
  expect(result).toMatchObject({ reason: 'crash', message: expect.stringContaining('nobody looks') });
  expect((result as { message: string }).message).toContain(placeOf(path, 'nobody looks'));
});

test('what a driver of the guest throws in a callback crashes the guest', async () => {
  const path = guestWith(`guest.after(1000, () => {\nthrow new Error('in a timer'); });\nawait guest.sleep(1e9);`);
  const { result } = await run({ guest: path });
  expect((result as { message: string }).message).toContain(placeOf(path, 'in a timer'));
});

test('a secondary processor that throws crashes the whole guest', async () => {
  const path = moduleWith(`
    export default (guest) => guest.sleep(1e9);
    export function secondary(guest) { if (guest.vpIndex === 2) throw new Error('vp two'); }
  `);
  const { result } = await run({ guest: path, cpus: 3 });
  expect(result).toMatchObject({ reason: 'crash', message: expect.stringContaining('Error: vp two') });
});

test.each([
  ['null', 'setTimeout(() => { throw null; });'],
  ['a word', 'setTimeout(() => { throw "a word"; });'],
  ['a word', 'throw "a word";'],
  ['undefined', 'throw undefined;'],
  ['code 7', 'process.exit(7);'],
])('a guest that ends with %s crashes: %s', async (said, body) => {
  const { result } = await run({ guest: guestWith(`${body}\nawait guest.sleep(1e9);`) });
  expect(result).toMatchObject({ reason: 'crash', message: expect.stringContaining(said) });
});

test('a guest that throws when it is loaded crashes, with the place', async () => {
  const path = moduleWith(`export const before = 1;\nthrow new Error('at load');\nexport default () => 0;`);
  const { result } = await run({ guest: path });
  expect((result as { message: string }).message).toContain(placeOf(path, 'at load'));
});

test.each(['threads', 'lockstep'] as const)(
  'a guest that does not compile is refused with file and line, and the machine has failed (%s)',
  async (harness) => {
    const path = moduleWith('export const fine = 1;\nconst = 2;\n');
    const { machine, states } = watch({ guest: path, harness });
    await expect(machine.start()).rejects.toMatchObject({
      name: 'UserError',
      code: 'guest-not-compiled',
      message: expect.stringMatching(/module\.ts:2:7: /),
    });
    expect(states).toEqual(['created', 'starting', 'stopping', 'failed']);
    expect(await machine.finished).toMatchObject({ reason: 'crash' });
  },
);

test('a guest that is corrected can be started without restarting the process', async () => {
  const path = moduleWith('const = 2;');
  await expect(start({ guest: path })).rejects.toMatchObject({ code: 'guest-not-compiled' });
  writeFileSync(path, 'export default () => 5;');
  expect((await run({ guest: path })).result).toEqual({ reason: 'power-off', code: 5 });
  writeFileSync(path, 'export default () => 66;');
  expect((await run({ guest: path })).result).toEqual({ reason: 'power-off', code: 66 });
});

test('an import that leads nowhere is refused with its name', async () => {
  const path = moduleWith(`import './not-there.ts';\nexport default () => 0;`);
  await expect(start({ guest: path })).rejects.toMatchObject({
    code: 'guest-not-compiled',
    message: expect.stringContaining('./not-there.ts'),
  });
});

test.each([
  ['exports nothing by default', 'export const device = 1;', 'its default export is not a class'],
  ['exports an object', 'export default { packet() {} };', 'its default export is not a class'],
  [
    'throws in its constructor',
    'export default class { constructor() { throw new Error("not today"); } }',
    'not today',
  ],
  ['has no packet method', deviceWith, 'it has no method packet'],
  ['throws when it is loaded', 'throw new Error("at load");\nexport default class {}', 'at load'],
  [
    'has identifiers that are no GUIDs',
    'export default class { offer = { name: "a", interfaceId: "echo", instanceId: "1" }; packet() {} }',
    'GUID',
  ],
] as const)('a device file that %s is refused, by name, and leaves nothing behind', async (_what, source, why) => {
  await run({ guest: hello });
  const before = footprint();
  const device = typeof source === 'string' ? moduleWith(source, 'device.ts') : source('');
  for (const harness of ['threads', 'lockstep'] as const) {
    const { machine, states } = watch({ guest: hello, devices: [device], harness });
    await expect(machine.start()).rejects.toThrow(why);
    expect(states.at(-1)).toBe('failed');
  }
  const { machine } = watch({ guest: hello, devices: [device] });
  await expect(machine.start()).rejects.toMatchObject({
    name: 'UserError',
    code: 'device-invalid',
    message: expect.stringContaining('device.ts'),
  });
  expect(footprint()).toEqual(before);
});

test('two devices that claim to be the same one are refused', async () => {
  const echo = example('echo.ts');
  await expect(start({ guest: hello, devices: [echo, echo] })).rejects.toMatchObject({ code: 'duplicate-device' });
});

test('a disk that is not there, or is damaged, is refused by name', async () => {
  await expect(start({ guest: hello, disks: [{ path: '/nowhere.vhdx' }] })).rejects.toMatchObject({
    code: 'disk-not-found',
    message: expect.stringContaining('/nowhere.vhdx'),
  });
  const damaged = moduleWith(`vhdxfile${'?'.repeat(4 * 1024 * 1024)}`, 'damaged.vhdx');
  await expect(start({ guest: hello, disks: [{ path: damaged }] })).rejects.toMatchObject({
    code: 'disk-damaged',
    message: expect.stringContaining(damaged),
  });
});

test('a device that throws at a packet loses that channel: it is reported, all else goes on', async () => {
  const device = deviceWith(`packet() {\n throw new Error('bad packet'); }`);
  const { machine, console, events, result } = await run({
    guest: fixture('echo-twice.ts'),
    devices: [device, example('echo.ts')],
  });

  expect(console()).toBe('failing answered: false, sound answered: 8,7,6,5,4,3,2,1\n');
  expect(result).toEqual({ reason: 'power-off', code: 0 });
  const errors = events.filter((event) => event.type === 'device-error');
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ device: 'broken', message: expect.stringContaining('bad packet') });
  expect(errors[0]!.message).toContain(placeOf(device, 'bad packet'));
  expect(machine.name).toBe('echo-twice');
});

test('the channel of a device that threw is shown as faulted', async () => {
  const device = deviceWith(`packet() { throw new Error('bad packet'); }`, '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01');
  const { machine, seen } = await start({ guest: example('echo.guest.ts'), devices: [device] });
  await seen('device-error');
  expect(JSON.stringify(await machine.inspect('vmbus/channels'))).toContain('"faulted"');
  expect(await machine.inspect('vmbus/deviceFailures')).toBe(1);
  expect(await machine.inspect('state')).toBe('running');
});

test.each([
  ['throws outside of any call', `packet() { setTimeout(() => { throw new Error('later'); }); }`, 'Error: later'],
  ['ends its thread', 'packet() { process.exit(3); }', 'device thread'],
])('a device that %s ends its machine, and no other', async (_what, body, said) => {
  const device = deviceWith(body, '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01');
  const other = await start({ guest: example('shutdown.ts') });
  const { result } = await run({ guest: example('echo.guest.ts'), devices: [device] });
  expect(result).toMatchObject({ reason: 'crash', message: expect.stringContaining(said) });
  await other.machine.shutdown({ timeoutMs: 20_000 });
  expect(await other.machine.finished).toEqual({ reason: 'power-off', code: 0 });
});

test('what a guest does wrong is reported less and less often, and counted always', async () => {
  const { machine, printed, events } = await start({
    // A bus message of a type that does not exist, in the page that the runtime leaves alone.
    guest: guestWith(`
      await guest.bus.connect();
      guest.memory.write(0x8000, Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 99));
      for (let sent = 0; sent < 100; ) {
        if (guest.hypercall(0x5cn, 0x8000n, 0n) === 0n) sent++;
        else await guest.sleep(1);
      }
      await guest.print('done');
      await new Promise((asked) => guest.onShutdown(() => asked()));
    `),
  });
  await printed('done');
  await expect
    .poll(
      async () => Object.values((await machine.inspect('guestErrors/vmbus')) as object).reduce((a, b) => a + b, 0),
      PATIENTLY,
    )
    .toBe(100);
  const counts = events.flatMap((event) => (event.type === 'guest-error' ? [event.count] : []));
  expect(counts).toEqual([1, 2, 4, 8, 16, 32, 64]);
});
