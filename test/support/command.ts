import { type ChildProcess, spawn } from 'node:child_process';

/** The result of a program. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of a program. `timeoutMs` is the max. duration in milliseconds. */
export interface CommandOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end and returns its exit code and output. Kills it after the time limit. Does not
 * throw for the exit code.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  const child = spawn(program, args, {
    env: options.env ?? process.env,
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  // A program may exit before it has read all its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const [code, signal] = await ended(child);
  return { code, signal, stdout: await stdout, stderr: await stderr };
}

/** Like `run`, but throws an error with the output if the exit code is not 0. */
export async function runOk(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Finished> {
  const finished = await run(program, args, options);
  if (finished.code !== 0) {
    const { code, signal, stdout, stderr } = finished;
    throw new Error(`${program} ${args.join(' ')} exited with ${code ?? signal}\n${stdout}\n${stderr}`);
  }
  return finished;
}

/** Resolves with the exit code and the signal once the program has exited and its output is closed. */
export function ended(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
