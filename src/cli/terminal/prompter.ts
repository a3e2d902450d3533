import { Fault } from '../../model/fault.js';

/** Asks a person. A question throws `cancelled` if the person ends the input (Ctrl-C, Ctrl-D). */
export interface Prompter {
  print(line: string): void;
  /** Returns one line, without its end. */
  ask(question: string): Promise<string>;
  /** Returns one line that is not shown while it is typed. */
  askSecret(question: string): Promise<string>;
}

/**
 * Asks until `parse` accepts the answer. Prints each fault (`invalid`, `not-found`, ...) and asks
 * again.
 */
export async function askUntil<T>(
  prompter: Prompter,
  question: string,
  parse: (answer: string) => T | Promise<T>,
  how: 'ask' | 'askSecret' = 'ask',
): Promise<T> {
  for (;;) {
    const answer = await prompter[how](question);
    try {
      return await parse(answer);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind === 'cancelled' || thrown.kind === 'bug') throw thrown;
      prompter.print(`  ${thrown.hint}.`);
    }
  }
}

/** Asks for yes or no. Enter selects the capital letter. */
export function askYesNo(prompter: Prompter, question: string, preset: boolean): Promise<boolean> {
  return askUntil(prompter, `${question} ${preset ? '[Y/n]' : '[y/N]'} `, (answer) => {
    const word = answer.trim().toLowerCase();
    if (word === '') return preset;
    if (word === 'y' || word === 'yes') return true;
    if (word === 'n' || word === 'no') return false;
    throw new Fault('invalid', 'please answer y or n');
  });
}
