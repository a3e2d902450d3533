import { Fault } from '../../../model/fault.js';
import type { Terminal } from '../progress.js';
import type { Prompter } from '../prompter.js';
import type { Shell } from '../shell.js';

/** An expected question: a part of its text, the answer, and whether it must be hidden. */
export type Exchange = readonly [question: string | RegExp, answer: string, hidden?: 'hidden'];

/** Answers from a script. Fails at an unexpected question, and if a secret would be shown. */
export class ScriptedPrompter implements Prompter {
  readonly printed: string[] = [];
  readonly #script: Exchange[];

  constructor(script: readonly Exchange[]) {
    this.#script = [...script];
  }

  get unasked(): number {
    return this.#script.length;
  }

  print(line: string): void {
    this.printed.push(line);
  }

  ask(question: string): Promise<string> {
    return this.#answer(question, false);
  }

  askSecret(question: string): Promise<string> {
    return this.#answer(question, true);
  }

  async #answer(question: string, hidden: boolean): Promise<string> {
    const next = this.#script.shift();
    // Like a person who presses Ctrl-C.
    if (next === undefined) throw new Fault('cancelled', `not expected: ${question}`);
    const [expected, answer, mark] = next;
    const fits = typeof expected === 'string' ? question.includes(expected) : expected.test(question);
    if (!fits || (mark === 'hidden') !== hidden) {
      throw new Error(
        `expected the question ${String(expected)}, got ${question}${hidden ? ' (hidden)' : ''}`,
      );
    }
    return answer;
  }
}

export interface FakeShellOptions {
  readonly environment?: Shell['environment'];
  readonly workingDirectory?: string;
  readonly input?: string | Uint8Array;
  /** Answers the questions. Without it the shell has no terminal. */
  readonly prompter?: ScriptedPrompter;
  readonly terminal?: Terminal;
}

export interface FakeShell extends Shell {
  readonly outLines: string[];
  readonly errLines: string[];
  /** Raw data that was written to stdout. */
  readonly written: Buffer[];
}

export function fakeShell(options: FakeShellOptions = {}): FakeShell {
  const outLines: string[] = [];
  const errLines: string[] = [];
  const written: Buffer[] = [];
  const { prompter } = options;
  return {
    outLines,
    errLines,
    written,
    environment: options.environment ?? {},
    workingDirectory: options.workingDirectory ?? '/nowhere',
    out: (line) => void outLines.push(line),
    err: (line) => void errLines.push(line),
    write: async (data) => {
      written.push(Buffer.from(data));
      return true;
    },
    async *input() {
      yield Buffer.from(options.input ?? '');
    },
    readInput: async () => Buffer.from(options.input ?? ''),
    terminal: options.terminal ?? null,
    withPrompter: (dialogue) => (prompter === undefined ? null : dialogue(prompter)),
  };
}
