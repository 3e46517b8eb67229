/** The closing line of continuous integration, which must not read well over a run that did not end well. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const COUNT = fileURLToPath(new URL('../../../.ci/count-tests.mjs', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringlet-count-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file of a report: its status, and those of its tests. */
const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

/** The last line and the exit code for a report, and the exit code of the run that made it. */
function count(files: readonly object[], runStatus: number): { line: string; status: number | null } {
  const report = join(folder, 'report.json');
  writeFileSync(report, JSON.stringify({ testResults: files }));
  const { stdout, status } = spawnSync(process.execPath, [COUNT, report, String(runStatus)], { encoding: 'utf8' });
  return { line: stdout.trimEnd().split('\n').at(-1)!, status };
}

test('tests are counted over all files', () => {
  const files = [file('passed', 'passed', 'passed'), file('passed', 'passed', 'pending', 'todo')];
  expect(count(files, 0)).toEqual({ line: '3 passed, 0 failed, 2 skipped', status: 0 });
});

test('nothing is said of skipped tests when there are none', () => {
  expect(count([file('passed', 'passed')], 0)).toEqual({ line: '1 passed, 0 failed', status: 0 });
});

test('a failed test fails the run', () => {
  expect(count([file('failed', 'passed', 'failed')], 1)).toEqual({ line: '1 passed, 1 failed', status: 1 });
});

test('a file that could not be loaded counts as one that failed', () => {
  expect(count([file('passed', 'passed'), file('failed')], 1)).toEqual({ line: '1 passed, 1 failed', status: 1 });
});

test('a run that failed without a failed test counts as a failure', () => {
  expect(count([file('passed', 'passed')], 1)).toEqual({ line: '1 passed, 1 failed', status: 1 });
});

test('a run without any test fails', () => {
  expect(count([], 0).status).toBe(1);
});

test('a run that left no report fails', () => {
  const { stdout, status } = spawnSync(process.execPath, [COUNT, join(folder, 'none.json'), '137'], {
    encoding: 'utf8',
  });
  expect({ stdout, status }).toEqual({ stdout: '0 passed, 1 failed\n', status: 1 });
});
