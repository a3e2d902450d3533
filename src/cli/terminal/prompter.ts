import { Fault } from '../../model/fault.js';

/** Asks a person. Each question throws `cancelled` when the person ends the input (Ctrl-C, Ctrl-D). */
export interface Prompter {
  print(line: string): void;
  /** One line, without its end. */
  ask(question: string): Promise<string>;
  /** One line that is not shown while it is typed. */
  askSecret(question: string): Promise<string>;
}

/** Asks until `parse` takes the answer; a refusal (`invalid`, `not-found`, ...) is shown and the question comes again. */
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

/** A yes or a no; Enter takes the capital one. */
export function askYesNo(prompter: Prompter, question: string, preset: boolean): Promise<boolean> {
  return askUntil(prompter, `${question} ${preset ? '[Y/n]' : '[y/N]'} `, (answer) => {
    const word = answer.trim().toLowerCase();
    if (word === '') return preset;
    if (word === 'y' || word === 'yes') return true;
    if (word === 'n' || word === 'no') return false;
    throw new Fault('invalid', 'please answer y or n');
  });
}
