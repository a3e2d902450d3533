import { createInterface, type Interface } from 'node:readline';
import { PassThrough, Writable } from 'node:stream';
import { Fault } from '../../model/fault.js';
import type { Prompter } from './prompter.js';

/** process.stdin of a terminal. */
export interface TerminalInput extends NodeJS.ReadableStream {
  setRawMode(raw: boolean): unknown;
}

interface Waiting {
  resolve(line: string): void;
  reject(reason: Fault): void;
}

/**
 * A prompter on a terminal. The terminal stays in raw mode until `close`, so only readline echoes,
 * through an output that is silent during a secret. Readline gets one line per question: lines
 * pasted in advance are echoed, or not, by the question that they answer. History is off, because
 * the arrow keys would show a secret.
 */
export class TerminalPrompter implements Prompter {
  readonly #input: TerminalInput;
  readonly #output: NodeJS.WritableStream;
  readonly #gate = new PassThrough();
  readonly #lines: Interface;
  #ahead = Buffer.alloc(0);
  #waiting: Waiting | null = null;
  /** Readline has a complete line for the present question. The rest waits for the next one. */
  #lineGiven = true;
  #silent = false;
  #ended = false;

  constructor(input: TerminalInput, output: NodeJS.WritableStream) {
    this.#input = input;
    this.#output = output;
    const echo = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#silent) output.write(chunk);
        done();
      },
    });
    this.#lines = createInterface({ input: this.#gate, output: echo, terminal: true, historySize: 0 });
    this.#lines.on('line', (line) => this.#settle((waiting) => waiting.resolve(line)));
    this.#lines.on('SIGINT', () => this.#cancel());
    // Ctrl-Z would leave a raw terminal to the shell.
    this.#lines.on('SIGTSTP', () => undefined);
    this.#lines.on('close', this.#end);
    input.setRawMode(true);
    input.on('data', this.#take);
    input.on('end', this.#end);
  }

  print(line: string): void {
    this.#output.write(`${line}\n`);
  }

  ask(question: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#ended) {
        this.#cancel();
        return;
      }
      this.#output.write(question);
      // Readline redraws the line on editing keys, so it needs the text before the cursor.
      this.#lines.setPrompt(question);
      this.#lineGiven = false;
      this.#feed();
    });
  }

  async askSecret(question: string): Promise<string> {
    // The question is written directly, not through the echo.
    this.#silent = true;
    try {
      return await this.ask(question);
    } finally {
      this.#silent = false;
      this.#output.write('\n');
    }
  }

  /** Restores the terminal. */
  close(): void {
    this.#input.off('data', this.#take);
    this.#input.off('end', this.#end);
    this.#input.setRawMode(false);
    this.#input.pause();
    this.#lines.close();
  }

  readonly #take = (chunk: Buffer): void => {
    this.#ahead = Buffer.concat([this.#ahead, chunk]);
    this.#feed();
  };

  readonly #end = (): void => {
    this.#ended = true;
    this.#cancel();
  };

  #feed(): void {
    if (this.#lineGiven || this.#ahead.byteLength === 0) return;
    const lineEnd = this.#ahead.findIndex((byte) => byte === 0x0a || byte === 0x0d);
    const isCrLf = this.#ahead[lineEnd] === 0x0d && this.#ahead[lineEnd + 1] === 0x0a;
    this.#lineGiven = lineEnd !== -1;
    const line = lineEnd === -1 ? this.#ahead : this.#ahead.subarray(0, lineEnd + (isCrLf ? 2 : 1));
    this.#ahead = this.#ahead.subarray(line.byteLength);
    this.#gate.write(line);
  }

  #cancel(): void {
    this.#settle((waiting) => waiting.reject(new Fault('cancelled', 'interrupted; nothing was changed')));
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) how(waiting);
  }
}
