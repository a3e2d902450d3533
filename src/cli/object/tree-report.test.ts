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

it('work without a failure ends with a sum and no exit code', () => {
  const { shell, codes, tree } = report();
  tree.took(2048);
  tree.settled({ kind: 'done', from: 'a', to: 'b' });
  tree.settled({ kind: 'unchanged', from: 'c', to: 'd' });
  tree.finish();
  expect(shell.outLines).toEqual(['copied 1 (2.0 KiB), 1 unchanged']);
  expect([shell.errLines, codes]).toEqual([[], []]);
});

it('each failure is named, and failures of one exit code keep it', () => {
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

it('failures of several kinds answer with 1', () => {
  const { codes, tree } = report();
  tree.settled(failed('a', 'denied'));
  tree.settled(failed('b', 'key-missing'));
  tree.finish();
  expect(codes).toEqual([1]);
});

it('each object is named when that is asked for', () => {
  const { shell, tree } = report(true);
  tree.settled({ kind: 'done', from: 'a', to: 'b' });
  tree.settled({ kind: 'unchanged', from: 'c', to: null });
  expect(shell.outLines).toEqual(['copied: a -> b', 'unchanged: c']);
});
