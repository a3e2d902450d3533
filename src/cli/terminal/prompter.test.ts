import { describe, expect, it } from 'vitest';
import { Fault } from '../../model/fault.js';
import { askUntil, askYesNo } from './prompter.js';
import { ScriptedPrompter } from './testing/fake-shell.js';

describe('a question', () => {
  it('is repeated after a wrong answer, with the reason', async () => {
    const prompter = new ScriptedPrompter([
      ['Number: ', 'x'],
      ['Number: ', '7'],
    ]);
    const answer = await askUntil(prompter, 'Number: ', (text) => {
      if (!/^\d$/.test(text)) throw new Fault('invalid', 'a digit is needed');
      return Number(text);
    });
    expect(answer).toBe(7);
    expect(prompter.printed).toEqual(['  a digit is needed.']);
  });

  it('is not repeated after a bug or a cancellation', async () => {
    const fails = (thrown: Error) =>
      askUntil(new ScriptedPrompter([['Q', 'a']]), 'Q', () => {
        throw thrown;
      });
    await expect(fails(new Error('boom'))).rejects.toThrow('boom');
    await expect(fails(new Fault('cancelled', 'x'))).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it.each([
    ['', true, true],
    ['', false, false],
    ['Y', false, true],
    ['no', true, false],
  ])('of yes or no takes %j with the preset %s as %s', async (typed, preset, answer) => {
    const prompter = new ScriptedPrompter([[preset ? '[Y/n]' : '[y/N]', typed]]);
    expect(await askYesNo(prompter, 'Sure?', preset)).toBe(answer);
  });
});
