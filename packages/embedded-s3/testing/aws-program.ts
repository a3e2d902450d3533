import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Returns why tests with the aws command line must be skipped, or null. Throws an Error if it is missing and CI is set. */
export function whyNoAws(): string | null {
  const isInstalled = (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, 'aws'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (isInstalled) return null;
  if (process.env['CI']) throw new Error('not installed: aws');
  return 'not installed: aws';
}

/** Runs the aws command line, for at most 60 seconds. Does not throw for its exit code. */
export function runAws(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const limits = { env, timeout: 60_000, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 ** 2 } as const;
    const child = execFile('aws', args, limits, (error, stdout, stderr) => {
      if (error !== null && child.exitCode === null) reject(error);
      else resolve({ code: child.exitCode ?? 0, stdout, stderr });
    });
  });
}

/** Runs the aws command line and returns its output. Throws an Error with all output unless it exits with 0. */
export async function runAwsOk(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await runAws(args, env);
  if (code !== 0) throw new Error(`aws ${args.join(' ')} exited with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
