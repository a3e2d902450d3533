import { expect, it } from 'vitest';
import { faultKinds } from '../model/fault.js';
import { exitCodeHelp, exitCodeOf } from './exit-codes.js';

it('gives every fault a code of the help text, never success', () => {
  const explained = exitCodeHelp()
    .split('\n')
    .slice(1)
    .map((line) => Number(line.trim().split(' ')[0]));
  for (const kind of faultKinds) {
    expect(exitCodeOf[kind]).toBeGreaterThan(0);
    expect(explained).toContain(exitCodeOf[kind]);
  }
  expect(explained[0]).toBe(0);
});
