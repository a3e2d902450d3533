import { Fault } from '../../model/fault.js';
import type { Terminal } from './progress.js';
import type { Prompter } from './prompter.js';
import { TerminalPrompter } from './terminal-prompter.js';

/** What the commands use of the process they run in; tests hand in their own. */
export interface Shell {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** A line for stdout: what the command was asked for. */
  out(line: string): void;
  /** A line for stderr: what a person should know besides. */
  err(line: string): void;
  /** To stdout as it is. Resolves when it is taken: true, or false when whoever read it has gone. */
  write(data: Uint8Array | string): Promise<boolean>;
  /** stdin, piece by piece, no faster than it is asked for. */
  input(): AsyncIterable<Uint8Array>;
  /** All of stdin, at most `maxBytes`; throws `too-large` beyond. */
  readInput(maxBytes: number): Promise<Buffer>;
  /** Where progress is shown; null when stderr is no terminal. */
  readonly terminal: Terminal | null;
  /** Runs a dialogue. Null without asking anything when nobody sits at a terminal. */
  withPrompter<T>(dialogue: (prompter: Prompter) => Promise<T>): Promise<T> | null;
}

/** The shell of this very process. */
export function openProcessShell(): Shell {
  // `sftpgw user list | head -1` closes the pipe early; that is no trouble worth a stack trace.
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
    // Questions go to stderr, so that stdout holds only what was asked for, even when it is a file.
    withPrompter(dialogue) {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
      const prompter = new TerminalPrompter(process.stdin, process.stderr);
      return dialogue(prompter).finally(() => prompter.close());
    },
  };
}

class StderrTerminal implements Terminal {
  get columns(): number {
    // A serial console says 0.
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
