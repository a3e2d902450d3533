import { expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import type { CommandContext } from '../command.js';
import { fakeShell } from '../terminal/testing/fake-shell.js';
import { TreeReport } from './tree-report.js';

function report(verbose = false) {
  const shell = fakeShell();
  const codes: number[] = [];
  const never = (): never => {
    throw new Error('not needed here');
  };
  const context: CommandContext = {
    shell,
    rootOf: never,
    withRootConfig: never,
    withRoot: never,
    interruptible: never,
    setExitCode: (code) => void codes.push(code),
  };
  return { shell, codes, tree: new TreeReport(context, 'copied', verbose) };
}

const failed = (name: string, kind: 'denied' | 'key-mismatch' | 'key-missing') =>
  ({ kind: 'failed', name, error: new Fault(kind, `because of ${kind}`) }) as const;

it('prints totals and sets no exit code without failures', () => {
  const { shell, codes, tree } = report();
  tree.took(2048);
  tree.settled({ kind: 'done', from: 'a', to: 'b' });
  tree.settled({ kind: 'unchanged', from: 'c', to: 'd' });
  tree.finish();
  expect(shell.outLines).toEqual(['copied 1 (2.0 KiB), 1 unchanged']);
  expect([shell.errLines, codes]).toEqual([[], []]);
});

it('names each failure, and keeps the exit code of failures of one kind', () => {
  const { shell, codes, tree } = report();
  tree.settled(failed('s3://b/a\u001b[2J', 'key-mismatch'));
  tree.settled(failed('s3://b/c', 'key-missing'));
  tree.finish();
  expect(shell.errLines).toEqual([
    's3://b/a\\u{1b}[2J: because of key-mismatch',
    's3://b/c: because of key-missing',
  ]);
  expect(codes).toEqual([7]);
  expect(shell.outLines).toEqual(['copied 0, 2 failed']);
});

it('ends with 1 after failures of several kinds', () => {
  const { codes, tree } = report();
  tree.settled(failed('a', 'denied'));
  tree.settled(failed('b', 'key-missing'));
  tree.finish();
  expect(codes).toEqual([1]);
});

it('prints each object with --verbose', () => {
  const { shell, tree } = report(true);
  tree.settled({ kind: 'done', from: 'a', to: 'b' });
  tree.settled({ kind: 'unchanged', from: 'c', to: null });
  expect(shell.outLines).toEqual(['copied: a -> b', 'unchanged: c']);
});
