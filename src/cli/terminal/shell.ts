import { Fault } from '../../model/fault.js';
import type { Terminal } from './progress.js';
import type { Prompter } from './prompter.js';
import { TerminalPrompter } from './terminal-prompter.js';

/** The parts of the process that commands use. Tests replace them. */
export interface Shell {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Prints a line on stdout: the result of the command. */
  out(line: string): void;
  /** Prints a line on stderr: information beside the result. */
  err(line: string): void;
  /**
   * Writes raw data to stdout. Resolves when it is written: true, or false if the reader has closed
   * the pipe.
   */
  write(data: Uint8Array | string): Promise<boolean>;
  /** Returns the chunks of stdin, as fast as they are consumed. */
  input(): AsyncIterable<Uint8Array>;
  /** Returns all of stdin. Throws `too-large` above `maxBytes`. */
  readInput(maxBytes: number): Promise<Buffer>;
  /** The terminal for progress; null if stderr is not a terminal. */
  readonly terminal: Terminal | null;
  /** Runs a dialogue. Returns null without asking if stdin or stderr is not a terminal. */
  withPrompter<T>(dialogue: (prompter: Prompter) => Promise<T>): Promise<T> | null;
}

/** Creates the shell of this process. */
export function openProcessShell(): Shell {
  // `sftpgw user list | head -1` closes the pipe early. That is not an error.
  process.stdout.on('error', ignoreClosedPipe);
  process.stderr.on('error', ignoreClosedPipe);
  return {
    environment: process.env,
    workingDirectory: process.cwd(),
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    write: writeToStdout,
    input: () => process.stdin,
    readInput,
    terminal: process.stderr.isTTY ? new StderrTerminal() : null,
    // Questions go to stderr, so that stdout holds only the result.
    withPrompter(dialogue) {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
      const prompter = new TerminalPrompter(process.stdin, process.stderr);
      return dialogue(prompter).finally(() => prompter.close());
    },
  };
}

class StderrTerminal implements Terminal {
  get columns(): number {
    // A serial console reports 0.
    return process.stderr.columns || 80;
  }

  write(text: string): void {
    process.stderr.write(text);
  }
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function writeToStdout(data: Uint8Array | string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, (error) => {
      if (error === undefined || error === null) resolve(true);
      else if (isClosedPipe(error)) resolve(false);
      else reject(error);
    });
  });
}

function isClosedPipe(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED');
}

async function readInput(maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.byteLength;
    if (size > maxBytes) throw new Fault('too-large', `the input is longer than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
