import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordingHost } from '../../tests/recording-host.ts';
import { createProgram } from './program.ts';
import { runWords } from './run-words.ts';

const runCommand = () =>
  createProgram(new RecordingHost(), () => undefined).commands.find((command) => command.name() === 'run')!;

const options = runCommand().options.filter(({ long }) => !['--detach', '--expect', '--json'].includes(long!));

test('whatever flags a run is given, the process in the background is given the same', () => {
  expect(options.length).toBeGreaterThan(12);
  const value = fc.string({ minLength: 1, maxLength: 12 });
  const flags = fc.record(
    Object.fromEntries(
      options.map((option) => {
        const repeats = option.parseArg !== undefined;
        const values = option.isBoolean() ? fc.constant(true) : repeats ? fc.array(value, { minLength: 1 }) : value;
        return [option.attributeName(), values];
      }),
    ),
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(flags, (given) => {
      const command = runCommand();
      const { operands, unknown } = command.parseOptions(runWords(given));
      expect({ operands, unknown }).toEqual({ operands: [], unknown: [] });
      expect(command.opts()).toEqual({ ...given });
    }),
  );
});

test('what belongs to the command that waits stays with it', () => {
  expect(runWords({ detach: true, json: true, expect: 'x', lockstep: true })).toEqual(['--lockstep']);
});
