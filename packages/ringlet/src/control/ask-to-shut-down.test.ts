import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { FakeMachine } from '../../tests/fake-machine.ts';
import { askToShutDown } from './ask-to-shut-down.ts';

test('a guest that is still booting is asked again until it can be', async () => {
  const machine = new FakeMachine();
  const answers = [new UserError('shutdown-not-ready', 'not yet'), new UserError('shutdown-not-ready', 'not yet')];
  const shutdown = machine.shutdown.bind(machine);
  machine.shutdown = async (options) => {
    const error = answers.pop();
    if (error !== undefined) throw error;
    return shutdown(options);
  };
  await askToShutDown(machine);
  expect(machine.asked).toEqual(['shutdown']);
});

test('a guest that refuses is not asked again', async () => {
  const machine = new FakeMachine();
  let times = 0;
  machine.shutdown = () => {
    times++;
    return Promise.reject(new UserError('shutdown-refused', 'busy'));
  };
  await expect(askToShutDown(machine)).rejects.toMatchObject({ code: 'shutdown-refused' });
  expect(times).toBe(1);
});

test('a guest that somebody else has asked already is waited for', async () => {
  const machine = new FakeMachine();
  machine.shutdown = () => Promise.reject(new UserError('shutdown-in-progress', 'asked already'));
  const done = askToShutDown(machine);
  machine.end({ reason: 'power-off', code: 0 });
  await expect(done).resolves.toBeUndefined();
});
