// Prints the closing line of a test run from vitest's JSON report, and ends as the run ended.
//
//   node count-tests.mjs REPORT STATUS [REPORT STATUS]…      STATUS: the exit code of the run
//
// A file that could not be loaded has no tests to count: it counts as one that failed. A run that failed without a
// failed test (an unhandled error, a crash of the runner) counts as one failure too, so that the line never reads well
// over a run that did not end well.
import { readFileSync } from 'node:fs';

const count = { passed: 0, failed: 0, skipped: 0 };
for (let words = process.argv.slice(2); words.length > 0; words = words.slice(2)) {
  const [path, status = '1'] = words;
  const run = read(path);
  if (Number(status) !== 0 && run.failed === 0) run.failed = 1;
  for (const outcome of Object.keys(count)) count[outcome] += run[outcome];
}

const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
console.log(`${count.passed} passed, ${count.failed} failed${skipped}`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);

function read(file) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.error(`no report of the test run: ${error.message}`);
    return { ...count, failed: 1 };
  }
  for (const { status: fileStatus, assertionResults } of report.testResults) {
    for (const { status } of assertionResults) {
      if (status === 'passed') count.passed++;
      else if (status === 'failed') count.failed++;
      else count.skipped++;
    }
    const failures = assertionResults.filter((test) => test.status === 'failed').length;
    if (fileStatus === 'failed' && failures === 0) count.failed++;
  }
  return count;
}
