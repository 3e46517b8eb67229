/** Shutting a machine down in order, through its shutdown integration component. */
import { expect, test } from 'vitest';
import { example, guestWith, PATIENTLY, run, start } from './machines.ts';

const guest = (handler: string, after = 'await new Promise(() => {});'): string =>
  guestWith(`guest.onShutdown(async (request) => { ${handler} }); await guest.print('up\\n'); ${after}`);
const TIDIES = `await guest.print('asked: ' + JSON.stringify(request));`;
const HANGS = 'await new Promise(() => {});';

test('a guest that is asked tidies up and turns itself off', async () => {
  const { machine, printed, console } = await start({ guest: example('shutdown.ts') });
  await printed('running');
  await machine.shutdown({ timeoutMs: 20_000 });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  expect(console()).toContain('asked to stop: goodbye\n');
});

test('the guest learns what is asked of it, and a reboot ends a machine that resets are to end', async () => {
  const { machine, printed, console } = await start({ guest: guest(TIDIES), onReset: 'stop' });
  await printed('up');
  await machine.shutdown({ reboot: true, timeoutMs: 20_000 });
  expect(await machine.finished).toEqual({ reason: 'reset' });
  expect(console()).toMatch(/asked: {"reboot":true,"force":false,/);
});

test.each([
  ['shutdown', { onReset: 'restart' }],
  ['reboot', { onReset: 'stop' }],
] as const)('after %s the guest runs again, in the same machine', async (how, options) => {
  const { machine, printed, console } = await start({ guest: guest(TIDIES), ...options });
  await printed('up');
  if (how === 'reboot') await machine.reboot({ timeoutMs: 50_000 });
  else await machine.shutdown({ reboot: true, timeoutMs: 50_000 });
  expect(await machine.inspect('state')).toBe('running');
  await expect.poll(console, PATIENTLY).toMatch(/^up\nasked: .*}up\n$/);
});

test('a guest that ends when it is asked to restart is reported', async () => {
  const { machine, printed } = await start({ guest: guest(`guest.powerOff(3); ${HANGS}`) });
  await printed('up');
  await expect(machine.reboot({ timeoutMs: 50_000 })).rejects.toMatchObject({ code: 'reboot-ended' });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 3 });
});

test('with a time-out, a guest that does not restart is reset', async () => {
  const { machine, printed, console } = await start({ guest: guest(HANGS) });
  await printed('up');
  await machine.reboot({ timeoutMs: 300 });
  await expect.poll(console, PATIENTLY).toBe('up\nup\n');
});

test('a forced shutdown does not wait for what the guest would like to do first', async () => {
  const { machine, printed } = await start({ guest: guest(HANGS) });
  await printed('up');
  await machine.shutdown({ force: true, timeoutMs: 20_000 });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
});

test('a guest that cannot be asked is not waited for', async () => {
  const { machine, printed } = await start({ guest: guestWith(`await guest.print('up'); for (;;);`) });
  await printed('up');
  await expect(machine.shutdown()).rejects.toMatchObject({
    code: expect.stringMatching(/^shutdown-(not-ready|timeout)$/),
  });
  expect(await machine.inspect('state')).toBe('running');
});

test('with a time-out, a guest that cannot be asked is turned off', async () => {
  const { machine, printed } = await start({ guest: guestWith(`await guest.print('up'); for (;;);`) });
  await printed('up');
  await machine.shutdown({ timeoutMs: 100 });
  expect(await machine.finished).toEqual({ reason: 'killed' });
});

test('with a time-out, a guest that agrees but does not end is turned off', async () => {
  const { machine, printed } = await start({ guest: guest(HANGS) });
  await printed('up');
  await machine.shutdown({ timeoutMs: 300 });
  expect(await machine.finished).toEqual({ reason: 'killed' });
});

test('a machine that is asked at once, while its guest is still booting, is shut down in order', async () => {
  const { machine } = await start({ guest: example('shutdown.ts') });
  await machine.shutdown({ timeoutMs: 20_000 });
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
});

test('whoever asks a second time waits for the same end, and the guest tidies up once', async () => {
  const { machine, printed, console } = await start({
    guest: guest(`await guest.print('tidying;'); await guest.sleep(200);`),
  });
  await printed('up');
  const first = machine.shutdown({ timeoutMs: 50_000 });
  await printed('tidying');
  await Promise.all([first, machine.shutdown({ timeoutMs: 50_000 })]);
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  expect(console()).toBe('up\ntidying;');
});

test('a guest that throws while it tidies up crashes', async () => {
  const { machine, printed } = await start({ guest: guest(`throw new Error('no tidying today');`) });
  await printed('up');
  await machine.shutdown({ timeoutMs: 20_000 });
  expect(await machine.finished).toMatchObject({
    reason: 'crash',
    message: expect.stringContaining('no tidying today'),
  });
});

test('a machine that has ended is shut down already', async () => {
  const { machine } = await run({ guest: guestWith('return 4;') });
  await machine.shutdown();
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 4 });
});

test('a guest that ends by itself while it is asked counts as shut down', async () => {
  for (let round = 0; round < 3; round++) {
    const { machine, printed } = await start({ guest: guestWith(`await guest.print('up'); await guest.sleep(1);`) });
    await printed('up');
    await machine.shutdown({ timeoutMs: 20_000 });
    expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  }
});
