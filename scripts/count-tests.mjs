// Prints `N passed, N failed, N skipped` for the test runner's JSON reports. A missing report, or a file that
// could not run, counts as a failure. Before this line it lists the skipped groups, and each failure with the
// beginning of its message, so that the end of a long log shows all problems.
import { existsSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';

const messageLines = 12;
let passed = 0;
let skipped = 0;
const skippedGroups = new Map();
const failures = [];

const fail = (report, name, message) =>
  failures.push(
    `FAILED (${basename(report, '.json')}): ${name}\n${message.split('\n').slice(0, messageLines).join('\n')}`,
  );

for (const path of process.argv.slice(2)) {
  if (!existsSync(path)) {
    fail(path, path, 'no report: the run ended before it');
    continue;
  }
  const report = JSON.parse(readFileSync(path, 'utf8'));
  passed += report.numPassedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const file of report.testResults) {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    for (const test of failed) {
      fail(
        path,
        `${relative(process.cwd(), file.name)}: ${test.fullName} (${Math.round(test.duration ?? 0)} ms)`,
        test.failureMessages.join('\n'),
      );
    }
    if (file.status === 'failed' && failed.length === 0)
      fail(path, relative(process.cwd(), file.name), file.message);
    for (const test of file.assertionResults) {
      if (test.status !== 'pending' && test.status !== 'skipped') continue;
      const group = test.ancestorTitles.length === 0 ? test.title : test.ancestorTitles.join(' ');
      skippedGroups.set(group, (skippedGroups.get(group) ?? 0) + 1);
    }
  }
}
for (const [group, count] of skippedGroups) console.log(`skipped: ${count} of "${group}"`);
for (const failure of failures) console.log(failure);
console.log(`${passed} passed, ${failures.length} failed, ${skipped} skipped`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
