import { expect, test } from 'vitest';
import { FlushQueue } from './flush-queue.ts';

function queue() {
  const runs: ((status: number) => void)[] = [];
  const flushes = new FlushQueue((done) => runs.push(done));
  const answers: string[] = [];
  const add = (name: string): void => flushes.add({ complete: (status) => answers.push(`${name} ${status}`) });
  return { runs, answers, add, flushes };
}

test('those who come while a flush runs share the next one, since this one may miss their data', () => {
  const { runs, answers, add, flushes } = queue();
  add('a');
  add('b');
  add('c');
  expect(runs).toHaveLength(1);

  runs[0]!(0);
  expect(answers).toEqual(['a 0']);
  expect(runs).toHaveLength(2);

  runs[1]!(1);
  expect(answers).toEqual(['a 0', 'b 1', 'c 1']);
  expect(flushes.idle).toBe(true);
  expect(runs).toHaveLength(2);
});

test('a flush asked for from inside an answer gets a run of its own', () => {
  const runs: ((status: number) => void)[] = [];
  const flushes = new FlushQueue((done) => runs.push(done));
  let second = false;
  flushes.add({ complete: () => flushes.add({ complete: () => (second = true) }) });

  runs[0]!(0);
  expect(runs).toHaveLength(2);
  expect(second).toBe(false);
  runs[1]!(0);
  expect(second).toBe(true);
});
