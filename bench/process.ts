import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** The input and the environment of a program. */
export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program to its end and returns the duration in seconds. Throws an error with its output if the exit
 * code is not 0.
 */
export async function timed(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  const start = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const code = await exit(child);
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${program} exited with ${code}: ${output}`);
  return seconds;
}

/** Resolves with the exit code once the process has exited and its output is closed. */
export function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}

const servers = new Set<ChildProcess>();
// This also runs after an uncaught error.
process.once('exit', () => {
  for (const server of servers) server.kill();
});

/**
 * Registers a program that runs until it is stopped, and that is killed when this process exits. Returns it.
 */
export function asServer<Child extends ChildProcess>(child: Child): Child {
  servers.add(child);
  child.once('close', () => servers.delete(child));
  return child;
}

/** Sends the signal to a child process and waits until it has exited. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = exit(child);
  child.kill(signal);
  await gone;
}

/** Returns a free loopback port. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Waits until something accepts connections on the loopback port. */
export async function listening(port: number, limitMs = 30_000): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    if (performance.now() > end) throw new Error(`nothing listens on port ${port}`);
    await delay(50);
  }
}

/** Returns the first line of a program's version output, or null if it is not installed. */
export function versionOf(program: string, ...args: readonly string[]): string | null {
  try {
    const text = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return text.split('\n')[0]?.trim() ?? null;
  } catch {
    return null;
  }
}
